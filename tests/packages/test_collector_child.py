"""The packaged collector works on Parquet files in a child of its own: itself with a word, on Linux and under Wine."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, parquet_process
from lnx_collector.historian.parquet_process import WORD, ParquetProcess
from lnx_collector.sample import good

from tools.dev.wine import Wine, windows_path

from .conftest import need, packaged_for_linux

HOUR = 3600 * 10**9
T0 = 1_788_220_800 * 10**9  # 2026-09-01


def filled(data: Path, work: ParquetProcess | None = None) -> Historian:
    store = Historian(data, HistorianSettings(commit_interval=0.0, reserve=0, part_rows=100), work=work)
    for hour in range(3):
        store.submit("line", [good("온도", i / 7, T0 + hour * HOUR + i * 10**6) for i in range(50)]).result(30)
    return store


def content(store: Historian) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    while rows := store.rows_after(len(found), 1000):
        found += [(row.seq, *row.sample, row.tag) for row in rows]
    return found


def test_on_linux_it_rolls_what_the_collector_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = packaged_for_linux() / "lnx-collector"
    if not program.exists():
        pytest.skip("lnx-collector was not made: python3 dev.py package --only deb")
    monkeypatch.setattr(parquet_process, "_program", lambda: [str(program)])
    store = filled(tmp_path / "데이터", ParquetProcess(tmp_path / "데이터"))
    try:
        before = content(store)
        store.roll_now()
        assert list((tmp_path / "데이터/samples").rglob("*.parquet")), "rolled"
        assert content(store) == before and len(before) == 150
    finally:
        store.close()


def test_on_windows_it_answers_as_this_process_does(programs: Path, korean: Wine, tmp_path: Path) -> None:
    need(programs, "lnx-collector")
    data = tmp_path / "데이터"
    store = filled(data)
    store.roll_now()
    store.close()
    part = next((data / "samples").rglob("*.parquet")).relative_to(data).as_posix()
    told = ParquetProcess(data)
    expected = told.describe(part)
    told.close()
    words = [*korean.launcher("wine64"), windows_path(programs / "lnx-collector.exe"), WORD, windows_path(data)]
    child = subprocess.Popen(words, env=korean.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(pickle.dumps(("describe", (part,))))
    child.stdin.flush()
    worked, answer = pickle.load(child.stdout)
    assert (worked, answer) == (True, expected) and expected is not None
    child.stdin.close()
    assert child.wait(120) is not None, "it ends when its input does"
