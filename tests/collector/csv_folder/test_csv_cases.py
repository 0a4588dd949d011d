"""Cases of CSV files: each file beside case.toml is in the folder, byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lnx_collector.contract import Seen
from source_cases import Case, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_is_in_the_files_becomes_these_samples(case: Case, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    shutil.copytree(case.folder, tmp_path / "in", ignore=shutil.ignore_patterns("case.toml"))
    run_case(case, case.build(tmp_path, folder=str(tmp_path / "in"), period=0.05, settle=0.1), watch)
