"""What is done with a damaged log: the file moves aside untouched, and every record that still proves itself is taken out.

Invariants: nothing is deleted; a record is salvaged only when its checksum fits its number and its bytes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from lnx_common import wal
from lnx_common.durable_log import Entry, connect, crc_of
from lnx_common.files import make_folder, publish

SUFFIXES = ("", "-wal", "-shm")
STEP = 500


def quarantine(path: Path, folder: Path) -> Path:
    """Moves a log (with its WAL) or any other file into ``folder`` under a name that tells when; returns the new place."""
    make_folder(folder)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while (target := folder / f"{stamp}-{number}-{path.name}").exists():
        number += 1
    for suffix in SUFFIXES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            publish(source, target.with_name(target.name + suffix))
    return target


def salvage(path: Path) -> Iterator[Entry]:
    """Records of a damaged log that are still what was written, in order. Damaged pages are stepped over.

    A write-ahead log with a wrong frame is read to its end, into a file beside ``path`` that is there meanwhile.
    """
    if not wal.is_damaged(path):
        yield from _proven(path)
        return
    whole = path.with_name(path.name + ".rebuilt")
    _remove(whole)  # a crash has left it
    try:
        wal.rebuild(path, whole)
        yield from _proven(whole)
    finally:
        _remove(whole)


def _remove(database: Path) -> None:
    for suffix in SUFFIXES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _proven(path: Path) -> Iterator[Entry]:
    try:
        connection = connect(path)
    except sqlite3.DatabaseError:
        return
    try:
        first, last = _bounds(connection)
        while first <= last:
            try:
                rows = _rows(connection, first, first + STEP)
            except sqlite3.DatabaseError:
                rows = []
                for seq in range(first, min(first + STEP, last + 1)):
                    try:
                        rows += _rows(connection, seq, seq + 1)
                    except sqlite3.DatabaseError:
                        continue
            for seq, time_ns, body, crc in rows:
                if isinstance(body, bytes) and crc_of(seq, body) == crc:
                    yield Entry(seq, time_ns, body)
            first += STEP
    finally:
        connection.close()


def _bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    """The first and last number; an empty range when even the ends cannot be read."""
    try:
        row = connection.execute("SELECT min(seq), max(seq) FROM entry").fetchone()
    except sqlite3.DatabaseError:
        try:  # the other cursor of the library walks the leaves from the left and may get further
            row = connection.execute("SELECT seq, 0 FROM entry ORDER BY seq LIMIT 1").fetchone()
        except sqlite3.DatabaseError:
            return 0, -1
        return (0, -1) if row is None else (int(row[0]), int(row[0]) + 1_000_000)
    return (0, -1) if row[0] is None else (int(row[0]), int(row[1]))


def _rows(connection: sqlite3.Connection, first: int, end: int) -> list[tuple[int, int, bytes, int]]:
    return connection.execute("SELECT seq, time_ns, body, crc FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq", (first, end)).fetchall()
