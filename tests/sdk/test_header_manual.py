"""The header is the manual: every function says from which threads it may be called, how it fails and since when it exists; structs that
the caller fills start with their size; and the library exports exactly what the header declares.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import lnx._core
import pytest
from conftest import ROOT

HEADER = (ROOT / "native/include/lnx/lnx.h").read_text(encoding="utf-8")
FUNCTIONS = re.findall(r"^LNX_API [\w *]+?LNX_CALL (Lnx\w+)\(", HEADER, re.MULTILINE)
DESIGNED = """LnxGetVersion LnxInitialize LnxInitializeW LnxRun LnxSubmit LnxWait LnxResultToJson LnxResultDraw LnxResultRelease LnxSetParam
LnxGetParam LnxDescribeModel LnxSelfTest LnxLicenseState LnxLastError LnxUninitialize"""


def manual(function: str) -> str:
    """The comment above a function; neighbours without one share it."""
    at = re.search(rf"^LNX_API [\w *]+?LNX_CALL {function}\(", HEADER, re.MULTILINE)
    assert at is not None
    end = HEADER.rindex("*/", 0, at.start())
    between = HEADER[end + 2 : at.start()]
    assert not re.search(r"^(typedef|struct|enum)", between, re.MULTILINE), f"{function} has no comment"
    return HEADER[HEADER.rindex("/*", 0, end) : end]


def test_the_functions_of_the_design_are_there() -> None:
    assert set(DESIGNED.split()) <= set(FUNCTIONS)
    assert len(FUNCTIONS) == len(set(FUNCTIONS)) >= 30


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_manual_tells_threads_failures_and_since(function: str) -> None:
    text = manual(function)
    assert re.search(r"\bthreads?\b", text, re.IGNORECASE), "from which threads"
    assert re.search(r"Errors|Never fails?|errors\s[ *]*as", text), "how it fails"
    assert re.search(r"Since +1\.\d", text), "since when"


def test_structs_that_a_caller_hands_over_start_with_their_size() -> None:
    bodies = dict(re.findall(r"typedef struct (Lnx\w+) \{[^\n]*\n(.*?)\n\} \1;", HEADER, re.DOTALL))
    given = ["LnxInitOptions", "LnxRunOptions", "LnxImage", "LnxDrawStyle", "LnxValue"]  # by the caller
    filled = ["LnxVersionInfo", "LnxSummary", "LnxSelfTestReport", "LnxLicenseInfo", "LnxErrorInfo"]  # by us, in the caller's memory
    for name in given + filled:
        first = next(line for line in bodies[name].splitlines() if line.strip())
        assert first.strip().startswith("uint32_t struct_size;"), name
    for body in bodies.values():
        assert not re.search(r"^\s*(unsigned|int|long|short|size_t|bool)\b", body, re.MULTILINE), "fixed-width types only"


def test_the_library_exports_what_the_header_declares() -> None:
    library = next(iter(sorted(Path(lnx._core.__file__).parent.glob("liblnx.so*"))), None)
    if library is None:
        pytest.skip("no liblnx.so beside the Python module here")
    lines = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout.splitlines()
    exported = {line.split()[-1].split("@")[0] for line in lines}
    declared = {name for name in FUNCTIONS if not name.endswith("W")}
    assert declared == {name for name in exported if name.startswith("Lnx")}
    assert not {name for name in exported if not name.startswith(("Lnx", "lnx", "_"))}, "and nothing else"
