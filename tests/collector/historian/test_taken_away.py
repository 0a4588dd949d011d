"""The data folder or its database is deleted, moved or replaced while the collector works: what was accepted is put back."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, database
from lnx_collector.sample import good
from lnx_common.errors import PlantError

T0 = 1_790_000_000 * 10**9
SETTINGS = HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be deleted or replaced")


def fill(store: Historian, begin: int, end: int) -> None:
    store.submit("line", [good("line.a", float(i), T0 + i * 10**9) for i in range(begin, end)]).result(10)


def values(store: Historian) -> list[float]:
    found: list[float] = []
    seq = 0
    while rows := store.rows_after(seq, 500):
        found += [float(row.sample.value or 0) for row in rows]
        seq = rows[-1].seq
    return found


def reopened(data: Path, store: Historian) -> list[float]:
    store.close()
    again = Historian(data, SETTINGS)
    found = values(again)
    again.close()
    return found


def test_a_data_folder_that_is_deleted_comes_back_with_every_sample_that_was_not_in_a_deleted_file(tmp_path: Path) -> None:
    told: list[PlantError | None] = []
    data = tmp_path / "data"
    store = Historian(data, SETTINGS, trouble=told.append)
    fill(store, 0, 100)
    assert len(values(store)) == 100  # the reader has its connection, too
    shutil.rmtree(data)
    fill(store, 100, 200)
    assert told and told[-1] is not None and told[-1].status == 703 and "put back" in told[-1].found
    assert values(store) == [float(i) for i in range(200)]
    assert reopened(data, store) == [float(i) for i in range(200)]


def test_samples_in_deleted_parquet_files_are_counted_and_the_others_are_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = Historian(data, SETTINGS)
    fill(store, 0, 100)
    store.roll_now()
    fill(store, 100, 150)
    shutil.rmtree(data)
    fill(store, 150, 200)
    assert values(store) == [float(i) for i in range(100, 200)]
    assert sum(loss.samples for loss in store.losses()) == 100
    assert reopened(data, store) == [float(i) for i in range(100, 200)]


def test_a_moved_folder_and_an_old_copy_in_its_place_do_not_win_over_what_was_accepted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = Historian(data, SETTINGS)
    fill(store, 0, 10)
    store.close()
    shutil.copytree(data, tmp_path / "backup")
    store = Historian(data, SETTINGS)
    fill(store, 10, 50)
    data.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "backup", data)  # somebody restores a backup under a running collector
    fill(store, 50, 80)
    assert values(store) == [float(i) for i in range(80)]
    assert list(data.glob(f"{database.DATABASE}.found-*")), "the copy that was in the way is kept"
    assert reopened(data, store) == [float(i) for i in range(80)]


def test_while_the_folder_cannot_be_made_again_nothing_is_accepted(tmp_path: Path) -> None:
    told: list[PlantError | None] = []
    data = tmp_path / "data"
    store = Historian(data, SETTINGS, trouble=told.append)
    fill(store, 0, 10)
    shutil.rmtree(data)
    data.write_text("a file where the folder should be")
    waiting = store.submit("line", [good("line.a", 10.0, T0)])
    deadline = time.monotonic() + 10
    while not told:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not waiting.done() and told[-1] is not None and told[-1].status == 703
    data.unlink()
    assert waiting.result(10) == 11
    assert reopened(data, store) == [float(i) for i in range(11)]
