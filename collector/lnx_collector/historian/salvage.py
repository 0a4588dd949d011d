"""What can be saved from a damaged database.

The damaged file goes to quarantine; every readable row of it goes into a new one, and Parquet files that the readable catalogue does
not name are entered again. Sequence numbers are contiguous, so the samples that cannot be read are counted, not guessed; only how many
followed the last readable one is unknown, and numbering goes on far beyond it, so that no number is ever used twice. When nothing at
all is readable, the loss is recorded as "damaged_at_most", with the number of samples that the file had room for.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lnx_common import wal

from lnx_collector.historian import database, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.parquet_work import ParquetWorker
from lnx_collector.historian.part import FOLDER

LEAP = 2**32
"""Numbers that are skipped after a damage: more samples than any hour can have."""
STRIDE = 4096
SMALLEST_ROW = 16  # bytes


def salvage(path: Path, quarantine: Path, now: int, work: ParquetWorker) -> tuple[sqlite3.Connection, Path, int]:
    """Moves ``path`` aside and opens a new database there with what was readable.

    Returns the connection, where the damaged file is now, and how many samples were lost for certain.
    """
    quarantine.mkdir(parents=True, exist_ok=True)
    aside = quarantine / f"{path.stem}-{time.time_ns()}{path.suffix}"
    for suffix in ("", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + suffix))
    connection = database.open_database(path)
    readable = aside
    if wal.is_damaged(aside):
        readable = aside.with_name(aside.name + "-rebuilt")
        wal.rebuild(aside, readable)
    damaged = sqlite3.connect(readable, isolation_level=None)
    damaged.text_factory = lambda raw: raw.decode("utf-8", "replace")
    try:
        connection.execute("BEGIN IMMEDIATE")
        for table in database.COPIED_TABLES:
            _copy(damaged, connection, table)
        room = sum(beside.stat().st_size for beside in quarantine.glob(aside.name + "*")) // SMALLEST_ROW
        _adopt(path.parent, connection, work)
        lost = _copy_samples(damaged, connection, now, room)
        connection.execute("COMMIT")
    finally:
        damaged.close()
    return connection, aside, lost


def _copy(damaged: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    columns = len(new.execute(f"PRAGMA table_info({table})").fetchall())
    insert = f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})"
    try:
        for row in damaged.execute(f"SELECT * FROM {table}"):
            new.execute(insert, row)
    except sqlite3.DatabaseError:
        return  # the rows before the damage are copied


def _adopt(data: Path, new: sqlite3.Connection, work: ParquetWorker) -> None:
    """Enters the Parquet files that the catalogue does not name, and takes the stream's identity from them when it was lost."""
    known = {row[0] for row in new.execute("SELECT path FROM part")}
    for path in sorted((data / FOLDER).rglob("*.parquet")):
        relative = path.relative_to(data).as_posix()
        if relative in known:
            continue
        described = work.describe(relative)
        if described is None:
            continue  # a half-written or damaged file: left to Roller.tidy
        part, stream = described
        new.execute("INSERT OR IGNORE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)", part)
        if not known and stream:
            new.execute("INSERT OR REPLACE INTO meta VALUES ('stream', ?)", (stream,))


def _copy_samples(damaged: sqlite3.Connection, new: sqlite3.Connection, now: int, room: int) -> int:
    known = {row[0] for row in new.execute("SELECT id FROM tag")}
    first, last = _range(damaged)
    hot_from = int(new.execute("SELECT value FROM meta WHERE key = 'hot_from'").fetchone()[0])
    parts_end = new.execute("SELECT coalesce(max(last_seq), 0) FROM part").fetchone()[0]
    cursors_end = new.execute("SELECT coalesce(max(seq), 0) FROM cursor").fetchone()[0]
    begin: int = max(hot_from, parts_end + 1, 1)
    saved: int = 0
    for row in _readable(damaged, max(begin, first), last):
        if row[1] in known:
            saved += new.execute("INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount
    end: int = max(last, parts_end, cursors_end, begin - 1)
    certain = max(0, end - begin + 1 - saved)
    new.execute("INSERT OR REPLACE INTO meta VALUES ('hot_from', ?)", (str(begin),))
    new.execute("INSERT OR REPLACE INTO meta VALUES ('next_seq', ?)", (str(end + LEAP),))
    if not saved and not last:
        losses.record(new, [Loss("historian", "damaged_at_most", room, "", now, now)])
    if certain:
        losses.record(new, [Loss("historian", "damaged", certain, "", now, now)])
    return certain


def _range(damaged: sqlite3.Connection) -> tuple[int, int]:
    """First and last readable sequence number; (1, 0) when there is none."""
    ends = []
    for order in ("ASC", "DESC"):
        try:
            row = damaged.execute(f"SELECT seq FROM sample ORDER BY seq {order} LIMIT 1").fetchone()
        except sqlite3.DatabaseError:
            row = None
        ends.append(row[0] if row else None)
    first, last = ends
    if first is None and last is None:
        return 1, 0
    if last is None:
        last = _last_by_probing(damaged, first or 1)
    return (1 if first is None else first), last


def _last_by_probing(damaged: sqlite3.Connection, first: int) -> int:
    """The last number that can still be read, when the end of the table cannot: doubling strides, then halving."""
    last = first
    stride = STRIDE
    while stride:
        try:
            found = damaged.execute("SELECT seq FROM sample WHERE seq >= ? LIMIT 1", (last + stride,)).fetchone()
        except sqlite3.DatabaseError:
            found = None
        if found:
            last = found[0]
        else:
            stride //= 2
    return int(last)


def _readable(damaged: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Every row in first..last that can be read; a range with a damage in it is halved down to single rows."""
    ranges = [(begin, min(begin + STRIDE - 1, last)) for begin in range(first, last + 1, STRIDE)][::-1]
    while ranges:
        begin, end = ranges.pop()
        try:
            rows = damaged.execute("SELECT * FROM sample WHERE seq BETWEEN ? AND ?", (begin, end)).fetchall()
        except sqlite3.DatabaseError:
            if begin < end:
                middle = (begin + end) // 2
                ranges += [(middle + 1, end), (begin, middle)]
            continue
        yield from rows
