"""A disk that is really full: a small file system of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian
from lnx_collector.historian.parquet_process import ParquetProcess
from lnx_collector.sample import good
from lnx_common.errors import PlantError

T0 = 1_790_000_000 * 10**9
ROWS = 2000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Six megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_on_a_really_full_disk_sources_wait_and_when_there_is_room_again_nothing_is_missing(small_disk: Path) -> None:
    told: list[PlantError | None] = []
    settings = HistorianSettings(commit_interval=0.0, reserve=500_000, part_rows=50_000)
    store = Historian(small_disk / "data", settings, trouble=told.append)
    (small_disk / "ballast").write_bytes(os.urandom(3_000_000))
    accepted = 0
    waiting = None
    for begin in range(0, 200_000, ROWS):
        samples = [good("a", float(i), T0 + i) for i in range(begin, begin + ROWS)]
        waiting = store.submit("s", samples)
        end = time.monotonic() + 1.5
        while not waiting.done() and time.monotonic() < end:
            time.sleep(0.005)
        if not waiting.done():
            break
        accepted = begin + ROWS
    assert waiting is not None and not waiting.done(), "the disk was never full"
    assert any(error is not None and error.status == 703 for error in told)
    assert not (small_disk / "data" / "reserve").exists()
    (small_disk / "ballast").unlink()  # somebody made room
    waiting.result(10)
    assert told[-1] is None
    found: list[float] = []
    seq = 0
    while rows := store.rows_after(seq, 5000):
        found += [float(row.sample.value or 0) for row in rows]
        seq = rows[-1].seq
    assert found == [float(i) for i in range(accepted + ROWS)]
    assert store.losses() == []
    store.close()


@pytest.mark.parametrize("where", ["here", "apart"])
def test_rolling_on_a_full_disk_leaves_no_half_file_and_loses_nothing(small_disk: Path, where: str) -> None:
    data = small_disk / "data"
    settings = HistorianSettings(commit_interval=0.0, reserve=0, part_rows=50_000)
    store = Historian(data, settings, work=ParquetProcess(data) if where == "apart" else None)
    count = 20_000
    store.submit("s", [good("a", (i * 7919 % 100_003) / 7, T0 + i * 997) for i in range(count)]).result(10)
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 60_000)))
    failed: list[OSError] = []

    def roll() -> None:
        try:
            store.roll_now()
        except OSError as error:
            failed.append(error)

    rolling = threading.Thread(target=roll, daemon=True)  # the file may fit and its entry into the catalogue wait for room
    rolling.start()
    rolling.join(2)
    assert len(store.rows_after(0, count)) == count
    (small_disk / "ballast").unlink()
    rolling.join(20)
    assert not rolling.is_alive()
    assert list((small_disk / "data").rglob("*.partial")) == []
    if failed:
        store.roll_now()
    assert len(list((small_disk / "data").rglob("*.parquet"))) == 1
    assert [row.seq for row in store.rows_after(0, count)] == list(range(1, count + 1))
    store.close()
