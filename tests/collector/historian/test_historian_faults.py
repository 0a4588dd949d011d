"""Faults of the disk: full, failing, damaged; and files that a crash left behind."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, database
from lnx_collector.historian.salvage import LEAP
from lnx_collector.sample import good
from lnx_common import wal
from lnx_common.errors import PlantError

T0 = 1_790_000_000 * 10**9
SETTINGS = HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000)


def fill(store: Historian, n: int, begin: int = 0) -> None:
    store.submit("line", [good("line.a", float(i), T0 + i * 10**9) for i in range(begin, begin + n)]).result(5)


def values(store: Historian) -> list[float]:
    found: list[float] = []
    seq = 0
    while rows := store.rows_after(seq, 500):
        found += [float(row.sample.value or 0) for row in rows]
        seq = rows[-1].seq
    return found


def test_on_a_full_disk_sources_wait_the_reserve_is_given_up_and_nothing_is_lost(tmp_path: Path) -> None:
    told: list[PlantError | None] = []
    store = Historian(tmp_path, SETTINGS.model_copy(update={"reserve": 1_000_000}), trouble=told.append)
    fill(store, 10)
    store._writer.submit(lambda c: c.execute(f"PRAGMA max_page_count={c.execute('PRAGMA page_count').fetchone()[0]}") and None).result(5)
    waiting = store.submit("line", [good("line.a", float(i), T0) for i in range(10, 5000)])
    time.sleep(0.4)
    assert not waiting.done()
    assert not (tmp_path / "reserve").exists()
    assert told[0] is not None and told[0].status == 703 and "full" in told[0].found
    store._writer._connection.execute("PRAGMA max_page_count=1000000")  # somebody deleted files
    waiting.result(5)
    assert told[-1] is None
    assert values(store) == [float(i) for i in range(5000)]
    assert store.last_seq == 5000
    store.close()


def test_a_commit_that_fails_once_is_repeated_without_holes_or_doubles(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 5)
    blocker = sqlite3.connect(tmp_path / database.DATABASE, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store._writer._connection.execute("PRAGMA busy_timeout=1")
    waiting = store.submit("other", [good("new.tag", 1.0, T0)])
    time.sleep(0.2)
    assert not waiting.done()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert waiting.result(5) == 6
    assert [row.seq for row in store.rows_after(0, 100)] == [1, 2, 3, 4, 5, 6]
    store.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_database_is_set_aside_what_is_readable_is_saved_and_the_rest_counted(tmp_path: Path, seed: int) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 1000)
    store.roll_now()
    fill(store, 20_000, 1000)
    store.move_cursor("mqtt", 500).result(5)
    store.close()
    path = tmp_path / database.DATABASE
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    begin = 0 if seed == 0 else rng.randrange(4096 * 20, len(raw) - 8192) // 4096 * 4096
    raw[begin : begin + 4096] = rng.randbytes(4096)
    path.write_bytes(raw)

    told: list[PlantError | None] = []
    again = Historian(tmp_path, SETTINGS, trouble=told.append)
    assert told and told[0] is not None and told[0].status == 704
    assert list((tmp_path / "quarantine").iterdir())
    kept = values(again)
    lost = sum(loss.samples for loss in again.losses() if loss.reason == "damaged")
    assert kept[:1000] == [float(i) for i in range(1000)]  # the cold part is whole
    assert sorted(set(kept)) == kept
    if seed == 0:  # the first page: no table can be found any more
        assert sum(loss.samples for loss in again.losses() if loss.reason == "damaged_at_most") >= 20_000
        assert again.stream == store.stream
    else:
        assert len(kept) + lost == 21_000
        assert 0 < lost < 1000
        assert again.cursor("mqtt") == 500
    fill(again, 1, 99_999)
    fresh = again.rows_after(again.last_seq - 1, 10)
    assert [row.sample.value for row in fresh] == [99_999.0]
    assert fresh[0].seq >= LEAP
    again.close()


@pytest.mark.parametrize("where", ["header", "page", "salt", "checksum"])
def test_a_flipped_bit_in_the_write_ahead_log_does_not_take_what_was_accepted_after_it(tmp_path: Path, where: str) -> None:
    store = Historian(tmp_path / "running", SETTINGS)
    store._writer.submit(lambda c: c.execute("PRAGMA wal_autocheckpoint=0") and None).result(5)
    for begin in range(0, 4000, 50):
        fill(store, 50, begin)
    shutil.copytree(tmp_path / "running", tmp_path / "killed", ignore=shutil.ignore_patterns("*-shm"))  # as kill -9 leaves it
    store.close()
    log = tmp_path / "killed" / f"{database.DATABASE}-wal"
    size, frames = wal.frames(tmp_path / "killed" / database.DATABASE)
    assert size == 4096 and len(frames) > 80 and all(frame.whole for frame in frames)
    raw = bytearray(log.read_bytes())
    begin = frames[len(frames) // 2].offset
    raw[{"header": 18, "page": begin + wal.FRAME + 2000, "salt": begin + 9, "checksum": begin + 17}[where]] ^= 4
    log.write_bytes(raw)

    told: list[PlantError | None] = []
    again = Historian(tmp_path / "killed", SETTINGS, trouble=told.append)
    assert told and told[0] is not None and told[0].status == 704
    kept = values(again)
    lost = sum(loss.samples for loss in again.losses() if loss.reason == "damaged")
    assert kept == sorted(set(kept)) and len(kept) + lost == 4000 and lost < 200
    fill(again, 1, 99_999)
    assert again.rows_after(again.last_seq - 1, 10)[0].seq >= LEAP
    again.close()


def test_a_last_transaction_that_was_torn_is_no_damage(tmp_path: Path) -> None:
    store = Historian(tmp_path / "running", SETTINGS)
    for begin in range(0, 400, 10):
        fill(store, 10, begin)
    shutil.copytree(tmp_path / "running", tmp_path / "cut", ignore=shutil.ignore_patterns("*-shm"))
    store.close()
    log = tmp_path / "cut" / f"{database.DATABASE}-wal"
    raw = bytearray(log.read_bytes())
    last = wal.frames(tmp_path / "cut" / database.DATABASE)[1][-1]
    raw[last.offset + wal.FRAME + 100 : last.offset + wal.FRAME + 4096] = bytes(3996)
    log.write_bytes(raw)
    told: list[PlantError | None] = []
    again = Historian(tmp_path / "cut", SETTINGS, trouble=told.append)
    assert values(again) == [float(i) for i in range(390)] and not told and not again.losses()
    again.close()


def test_a_damage_while_running_is_repaired_without_stopping(tmp_path: Path) -> None:
    told: list[PlantError | None] = []
    store = Historian(tmp_path, SETTINGS, trouble=told.append)
    fill(store, 30_000)
    store._writer.submit(lambda c: None).result(5)
    store._writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._reader.close()
    path = tmp_path / database.DATABASE
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : -4096] = bytes(len(raw) - 4096 - len(raw) // 2)
    path.write_bytes(raw)
    store._writer._connection.execute("PRAGMA shrink_memory")
    for i in range(30_000, 31_000, 10):
        fill(store, 10, i)
        if told:
            break
    store.roll_now()
    assert any(error is not None and error.status == 704 for error in told)
    fill(store, 10, 50_000)
    assert values(store)[-10:] == [float(i) for i in range(50_000, 50_010)]
    store.close()


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_part_is_set_aside_counted_and_passed(tmp_path: Path, damage: str) -> None:
    told: list[PlantError | None] = []
    store = Historian(tmp_path, SETTINGS, trouble=told.append)
    fill(store, 3000)
    store.roll_now()
    victim = sorted(tmp_path.rglob("*.parquet"))[1]
    raw = bytearray(victim.read_bytes())
    if damage == "flip":
        raw[len(raw) // 3] ^= 0x10
        victim.write_bytes(raw)
    elif damage == "truncate":
        victim.write_bytes(raw[: len(raw) // 2])
    else:
        store.close()
        victim.unlink()
        store = Historian(tmp_path, SETTINGS, trouble=told.append)
    assert values(store) == [float(i) for i in range(3000) if not 1000 <= i < 2000]
    assert [(loss.reason, loss.samples) for loss in store.losses()] == [("missing" if damage == "delete" else "damaged", 1000)]
    store.close()


def test_what_a_crash_between_file_and_catalogue_left_is_mended(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 500)
    store.close()
    before = tmp_path / "before.sqlite"
    shutil.copy(tmp_path / database.DATABASE, before)
    store = Historian(tmp_path, SETTINGS)
    store.roll_now()
    store.close()
    shutil.copy(before, tmp_path / database.DATABASE)  # the file was renamed, the catalogue never heard of it
    (tmp_path / "samples" / "date=2026-09-21" / "part-1.parquet.partial").write_bytes(b"half")
    store = Historian(tmp_path, SETTINGS)
    assert list(tmp_path.rglob("*.partial")) == []
    assert values(store) == [float(i) for i in range(500)]
    store.roll_now()
    assert values(store) == [float(i) for i in range(500)]
    store.close()


def test_a_folder_that_cannot_be_used_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(PlantError) as caught:
        Historian(tmp_path / "file")
    assert caught.value.status == 703
