"""Moves samples from SQLite to Parquet, and keeps the whole within its size and age.

A part is closed when the hour (by receive time) of its first sample is over, or when it has `part_rows` samples. Order of events:
the file is written, synced and renamed; one transaction enters it in the catalogue and moves `hot_from` past it; only then are the
rows deleted, a few thousand at a time so that nobody waits long for the database. A crash in between leaves either a file that
`tidy` finds again or rows that are deleted later; never a sample in neither place, never one in both.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lnx_collector.config import HistorianSettings
from lnx_collector.historian import database, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.part import FOLDER, Part
from lnx_collector.historian.writer import Writer
from lnx_collector.sample import Tag

log = logging.getLogger("lnx.collector.historian")
HOUR = 3600 * 10**9
DELETE_AT_ONCE = 5_000
CHUNK = 20_000
HOT_SHARE = 4
"""The database is rolled early when it takes more than max_size / HOT_SHARE."""


class Roller:
    """Works on one data folder; its functions are called from one thread at a time."""

    def __init__(self, data: Path, settings: HistorianSettings, writer: Writer, stream: str, *, now: Callable[[], int]) -> None:
        self._data = data
        self._settings = settings
        self._writer = writer
        self._stream = stream
        self._now = now

    # ── rolling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def roll(self, now: int, *, everything: bool = False) -> int:
        """Writes every part that is due; returns how many."""
        written = 0
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            while (span := self._due(connection, now, everything or self._hot_is_large())) is not None:
                from lnx_collector.historian import columns, parts  # pyarrow: only once there is something to roll

                rows = connection.execute("SELECT * FROM sample WHERE seq BETWEEN ? AND ? ORDER BY seq", span)
                tags = {row[0]: Tag(*row[1:]) for row in connection.execute("SELECT id, name, source, kind, unit, description FROM tag")}
                table = columns.arrow_table(iter(partial(rows.fetchmany, CHUNK), []), tags)
                self._enter(parts.write_part(self._data, table, self._stream))
                written += 1
        finally:
            connection.close()
        self._delete_rolled()
        return written

    def _due(self, connection: sqlite3.Connection, now: int, everything: bool) -> tuple[int, int] | None:
        """First and last number of the next part; None when none is due."""
        hot_from = int(connection.execute("SELECT value FROM meta WHERE key = 'hot_from'").fetchone()[0])
        first = connection.execute("SELECT seq, receive_time FROM sample WHERE seq >= ? ORDER BY seq LIMIT 1", (hot_from,)).fetchone()
        if first is None:
            return None
        begin, hour = first[0], first[1] // HOUR
        end = connection.execute("SELECT max(seq) FROM sample").fetchone()[0]
        most = begin + self._settings.part_rows - 1
        if everything or end >= most:
            return begin, min(end, most)
        if hour == now // HOUR:
            return None
        other = "SELECT min(seq) FROM sample WHERE seq >= ? AND receive_time / ? <> ?"
        next_hour = connection.execute(other, (begin, HOUR, hour)).fetchone()[0]
        return begin, end if next_hour is None else next_hour - 1

    def _enter(self, part: Part) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)", part)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'hot_from'", (str(part.last_seq + 1),))

        self._writer.submit(job).result()

    def _delete_rolled(self) -> None:
        def job(connection: sqlite3.Connection) -> int:
            hot_from = int(connection.execute("SELECT value FROM meta WHERE key = 'hot_from'").fetchone()[0])
            return connection.execute(
                "DELETE FROM sample WHERE seq IN (SELECT seq FROM sample WHERE seq < ? ORDER BY seq LIMIT ?)", (hot_from, DELETE_AT_ONCE)
            ).rowcount

        while self._writer.submit(job, DELETE_AT_ONCE).result():
            pass

    def _hot_is_large(self) -> bool:
        return self._database_bytes() > max(self._settings.max_size // HOT_SHARE, 2**20) and self._hot_rows() >= 1000

    def _hot_rows(self) -> int:
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            query = (
                "SELECT coalesce((SELECT max(seq) FROM sample) + 1 - (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'hot_from'), 0)"
            )
            return int(connection.execute(query).fetchone()[0])
        finally:
            connection.close()

    def _database_bytes(self) -> int:
        path = self._data / database.DATABASE
        return sum(other.stat().st_size for suffix in ("", "-wal") if (other := path.with_name(path.name + suffix)).exists())

    # ── after a crash ────────────────────────────────────────────────────────────────────────────────────────────────────

    def tidy(self) -> None:
        """Removes half-written files, enters or removes files that the catalogue does not know, and deletes rolled rows."""
        folder = self._data / FOLDER
        for torn in folder.rglob("*.partial"):
            torn.unlink()
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            known = dict(connection.execute("SELECT path, rows FROM part").fetchall())
        finally:
            connection.close()
        for path in sorted(folder.rglob("*.parquet")):
            if path.relative_to(self._data).as_posix() not in known:
                self._unknown(path)
        for relative, rows in known.items():
            if not (self._data / relative).exists():
                self._forget(relative, rows, "missing")
        self._delete_rolled()

    def _unknown(self, path: Path) -> None:
        """A file that was renamed, but not entered before the crash: its rows are hot still, so it is written again later."""
        from lnx_collector.historian import parts

        part = parts.describe_part(self._data, path)
        if part is None:
            self._quarantine(path)
            return

        def job(connection: sqlite3.Connection) -> None:
            query = "SELECT count(*) FROM sample WHERE seq BETWEEN ? AND ?"
            hot = connection.execute(query, (part.first_seq, part.last_seq)).fetchone()[0]
            if hot == part.rows:
                path.unlink()
            else:
                connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)", part)

        self._writer.submit(job).result()

    def _quarantine(self, path: Path) -> Path:
        folder = self._data / "quarantine"
        folder.mkdir(exist_ok=True)
        target = folder / f"{self._now()}-{path.name}"
        path.replace(target)
        return target

    def set_aside(self, relative: str, rows: int) -> Path:
        """Moves a damaged part to quarantine and counts its samples as lost. Returns where it is now."""
        target = self._quarantine(self._data / relative)
        self._forget(relative, rows, "damaged")
        return target

    def _forget(self, relative: str, rows: int, reason: str) -> None:
        now = self._now()

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM part WHERE path = ?", (relative,))
            losses.record(connection, [Loss("historian", reason, rows, "", now, now)])

        self._writer.submit(job).result()

    # ── size and age ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def keep_size(self, now: int) -> bool:
        """Deletes parts that are too old, and the oldest while the whole is too large. False when it is too large and must not delete."""
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            catalogue = [Part(*row) for row in connection.execute("SELECT * FROM part ORDER BY first_seq")]
            cursors = dict(connection.execute("SELECT sink, seq FROM cursor").fetchall())
        finally:
            connection.close()
        size = self._database_bytes() + sum(part.bytes for part in catalogue)
        oldest = now - int(self._settings.keep * 1e9)
        for part in catalogue:
            too_old, too_large = part.last_time < oldest, size > self._settings.max_size
            if too_old or (too_large and self._settings.when_full == "delete-oldest"):
                self._delete(part, "age" if too_old else "size", cursors)
                size -= part.bytes
        return size <= self._settings.max_size or self._settings.when_full == "delete-oldest"

    def _delete(self, part: Part, reason: str, cursors: dict[str, int]) -> None:
        """Deletes one part; the loss is recorded first, so that a crash in between counts twice rather than not at all."""
        span = (part.first_time, part.last_time)
        records = [Loss("historian", f"deleted_{reason}", part.rows, "", *span)]
        for sink, seq in cursors.items():
            undelivered = min(part.rows, part.last_seq - max(seq, part.first_seq - 1))
            if undelivered > 0:
                records.append(Loss(f"sink {sink}", f"deleted_{reason}", undelivered, "", *span))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM part WHERE path = ?", (part.path,))
            losses.record(connection, records)

        self._writer.submit(job).result()
        (self._data / part.path).unlink(missing_ok=True)
        log.warning("deleted %s (%d samples): %s limit", part.path, part.rows, reason)
