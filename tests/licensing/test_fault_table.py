"""The table of faults in README.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in TABLE.splitlines() if line.startswith("| ")]
FILE = re.compile(r"`(?:[\w/]+/)?(\w+)`(?:: )?")


def names_in(stem: str) -> list[str]:
    """Names of the tests in a file of this name, in Python or C++."""
    python = [name for path in ROOT.glob(f"tests/**/{stem}.py") for name in re.findall(r"^def test_(\w+)", path.read_text("utf-8"), re.M)]
    native = ROOT.glob(f"native/tests/**/{stem}.cpp")
    return python + [name for path in native for name in re.findall(r"^TEST\w*\((?:\w+), (\w+)\)", path.read_text("utf-8"), re.M)]


@pytest.mark.parametrize("row", ROWS[1:], ids=[row[0].strip() for row in ROWS[1:]])
def test_every_test_that_is_named_exists(row: list[str]) -> None:
    named = 0
    for cell in row[1:]:
        pieces = FILE.split(re.sub(r"\([^)]*\)", "", cell))
        for stem, claims in zip(pieces[1::2], pieces[2::2], strict=True):
            known = names_in(stem)
            assert known, f"no file {stem} with tests"
            for claim in filter(None, re.split(r"[;,.] *", claims.strip())):
                words = "_".join(claim.split())
                assert any(words in name for name in known), f"{stem}: {claim}"
                named += 1
    assert named, "a fault without a test"
