"""Folders that anomalib and PaddleDetection themselves have exported: packed with nothing told, and the answers are the project's own.

LNX_ANOMALIB_PYTHON and LNX_PADDLE_PYTHON name the Python that has the project; without them it is the one that `dev.py parity` makes.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.parity.__main__ import make_images, python_of, run_case

ANOMALIB, PADDLE = ("LNX_ANOMALIB_PYTHON", "anomalib, openvino"), ("LNX_PADDLE_PYTHON", "ppdet, paddle2onnx")
CASES = {"anomalib_engine": ANOMALIB, "anomalib_patchcore": ANOMALIB, "paddle_export": PADDLE, "paddle_export_boxes": PADDLE}


def python_with(variable: str, packages: str, case: str) -> Path:
    """The Python to run a case with; the test is skipped where there is none that has the packages."""
    python = Path(os.environ.get(variable) or python_of(case))
    if not python.exists():
        pytest.skip(f"no {python}: python3 dev.py parity makes it, or {variable} names another")
    found = subprocess.run([str(python), "-c", f"import {packages}"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"{python}: {(found.stderr.strip().splitlines() or ['no packages'])[-1]}")
    return python


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_a_project_exports_is_packed_whole_and_answers_as_the_project_does(tmp_path: Path, case: str) -> None:
    python = python_with(*CASES[case], case)
    row = run_case(case, tmp_path / case, make_images(tmp_path / "images"), python)
    assert "skipped" not in row, row
    assert row["holds"], row
    if CASES[case] is ANOMALIB:
        assert list((tmp_path / case / "export").rglob("*.onnx.data"))  # the weights lay beside the graph
        assert row["worst"]["score"] <= 1e-3 and row["worst"]["map"] <= 1e-4
    else:
        assert row["worst"]["objects"] > 100
