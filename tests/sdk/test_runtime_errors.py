"""A missing, foreign, too old or fake ONNX Runtime: each has its status. One process each, since a process loads one runtime."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = (
    "import lnx, sys\n"
    "try:\n"
    "    lnx.Session(sys.argv[1], device='cpu', trusted_keys=[sys.argv[2]], runtime_dir=sys.argv[3], events=False)\n"
    "except lnx.LnxError as error:\n"
    "    print(error.status); print(error.text())\n"
)
FAKE = """
#include <stddef.h>
#include <stdint.h>
static const void* none(uint32_t v) { (void)v; return NULL; }
static const char* version(void) { return "1.10.0"; }
struct Base { const void* (*get)(uint32_t); const char* (*version)(void); };
const struct Base* OrtGetApiBase(void) { static const struct Base base = {none, version}; return &base; }
"""


def status(model: Path, key: Path, folder: Path) -> tuple[int, str]:
    env = {name: value for name, value in os.environ.items() if name != "LNX_RUNTIME_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), str(key), str(folder)], capture_output=True, text=True, env=env, check=True
    )
    first, _, text = done.stdout.partition("\n")
    return int(first), text


def elf(machine: int) -> bytes:
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0) + bytes(256)


@pytest.mark.skipif(sys.platform != "linux", reason="builds ELF libraries")
def test_each_kind_of_bad_runtime_has_its_status(classifier: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")

    def place(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return folder / "libonnxruntime.so"

    empty = tmp_path / "빈 폴더"
    empty.mkdir()
    found, text = status(classifier, keys[1], empty)
    assert found == 401 and str(empty) in text
    place("text").write_text("hello", encoding="utf-8")
    assert status(classifier, keys[1], tmp_path / "text")[0] == 405
    place("arm").write_bytes(elf(183))
    found, text = status(classifier, keys[1], tmp_path / "arm")
    assert found == 404 and "aarch64" in text
    place("cut").write_bytes(elf(62))
    assert status(classifier, keys[1], tmp_path / "cut")[0] == 402
    for name, source, expected in (("other", "int nothing;\n", 405), ("old", FAKE, 403)):
        subprocess.run([compiler, "-shared", "-fPIC", "-xc", "-", "-o", str(place(name))], input=source, text=True, check=True)
        found, text = status(classifier, keys[1], tmp_path / name)
        assert found == expected, text
    assert "1.10.0" in status(classifier, keys[1], tmp_path / "old")[1]
