"""Moves samples from SQLite to Parquet, and keeps the whole within its size and age.

A part is closed when the hour (by receive time) of its first sample is over, or when it has `part_rows` samples. Order of events:
the file is written, synced and renamed; one transaction enters it in the catalogue and moves `hot_from` past it; only then are the
rows deleted, a few thousand at a time so that nobody waits long for the database. A crash in between leaves either a file that
`tidy` finds again or rows that are deleted later; never a sample in neither place, never one in both.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lnx_collector.config import HistorianSettings
from lnx_collector.historian import database, files, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.parquet_process import ParquetProcessError
from lnx_collector.historian.parquet_work import ParquetWorker
from lnx_collector.historian.part import FOLDER, Part
from lnx_collector.historian.rewriting import Rewriter, groups, thinnable
from lnx_collector.historian.writer import Writer

log = logging.getLogger("lnx.collector.historian")
HOUR = 3600 * 10**9
DAY = 24 * HOUR
FASTEST = 24
"""Deleting by age goes at most so many times as fast as time itself."""
BATTERY_DEAD = 1_577_836_800 * 10**9  # 2020: a clock that tells an earlier time does not know it
DELETE_AT_ONCE = 5_000
HOT_SHARE = 4
"""The database is rolled early when it takes more than max_size / HOT_SHARE."""


class Roller:
    """Works on one data folder; its functions are called from one thread at a time."""

    def __init__(
        self, data: Path, settings: HistorianSettings, writer: Writer, stream: str, work: ParquetWorker, *, now: Callable[[], int]
    ) -> None:
        self._data = data
        self._work = work
        self._settings = settings
        self._writer = writer
        self._stream = stream
        self._now = now
        self._rewriter = Rewriter(data, writer, stream, work)
        self._may_age = DAY
        self._aged_at = time.monotonic()

    # ── rolling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def roll(self, now: int, *, everything: bool = False) -> int:
        """Writes every part that is due; returns how many."""
        written = 0
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            while (span := self._due(connection, now, everything or self._hot_is_large())) is not None:
                self._enter(files.publish_part(self._data, partial(self._rolled, connection, span)))
                written += 1
        finally:
            connection.close()
        self._delete_rolled()
        return written

    def _rolled(self, connection: sqlite3.Connection, span: tuple[int, int], temporary: Path) -> Part:
        """The part of ``span``, written with a temporary name. Raises OSError when it does not hold what the database does."""
        part = self._work.roll(span, self._stream, temporary)
        rows = connection.execute("SELECT count(*) FROM sample WHERE seq BETWEEN ? AND ?", span).fetchone()[0]
        if part.rows != rows:
            raise OSError(f"{part.path} was written with {part.rows} samples, but {rows} are there")
        return part

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
            with contextlib.suppress(PermissionError):  # Windows: the process that the crash left behind ends in a moment
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
        """A file that was renamed, but not entered before the crash: its rows are hot still, or in the parts that it was to replace or was
        replaced by. One whose rows are nowhere else (the catalogue was damaged) is entered."""
        try:
            described = self._work.describe(path.relative_to(self._data).as_posix())
        except ParquetProcessError as error:
            log.error("%s is left until the next start: %s", path.name, error)
            return
        if described is None:
            self._quarantine(path)
            return
        part, _ = described

        def job(connection: sqlite3.Connection) -> None:
            span = (part.first_seq, part.last_seq)
            hot = connection.execute("SELECT count(*) FROM sample WHERE seq BETWEEN ? AND ?", span).fetchone()[0]
            known = connection.execute("SELECT count(*) FROM part WHERE last_seq >= ? AND first_seq <= ?", span).fetchone()[0]
            if hot == part.rows or known:
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
        """Moves a damaged part to quarantine and counts its samples as lost. Returns where it is now, or was, when somebody deleted it."""
        path = self._data / relative
        if not path.exists():
            self._forget(relative, rows, "missing")
            return path
        target = self._quarantine(path)
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
        self._rewriter.sweep()
        catalogue, cursors = self._catalogue()
        size = self._database_bytes() + sum(part.bytes for part in catalogue)
        if self._settings.when_full == "thin" and size > self._settings.max_size:
            size = self._thin(catalogue, cursors, size)
            catalogue, _ = self._catalogue()
        oldest = now - int(self._settings.keep * 1e9)
        for part, last_time in zip(catalogue, _plausible_times(catalogue, now), strict=True):
            too_old, too_large = last_time < oldest and self._may_delete(part), size > self._settings.max_size
            if too_old or (too_large and self._settings.when_full != "wait"):
                self._delete(part, "age" if too_old else "size", cursors)
                size -= part.bytes
        return size <= self._settings.max_size or self._settings.when_full != "wait"

    def _may_delete(self, part: Part) -> bool:
        """Whether it is a part's turn to be deleted by age: at most a day of samples an hour, so that a clock that is years ahead does not
        empty the historian before somebody sees it."""
        now = time.monotonic()
        self._may_age = min(DAY, self._may_age + int((now - self._aged_at) * FASTEST * 1e9))
        self._aged_at = now
        cost = min(DAY, max(HOUR // 60, part.last_time - part.first_time))
        if cost > self._may_age:
            return False
        self._may_age -= cost
        return True

    def _catalogue(self) -> tuple[list[Part], dict[str, int]]:
        """Every part, oldest first, and the cursors of the sinks."""
        connection = database.open_reader(self._data / database.DATABASE)
        try:
            catalogue = [Part(*row) for row in connection.execute("SELECT * FROM part ORDER BY first_seq")]
            return catalogue, dict(connection.execute("SELECT sink, seq FROM cursor").fetchall())
        finally:
            connection.close()

    def _thin(self, catalogue: list[Part], cursors: dict[str, int], size: int) -> int:
        """Thins the oldest parts until the whole fits or nothing is left to thin; returns the size then."""
        while size > self._settings.max_size and (part := thinnable(catalogue)) is not None:
            catalogue.remove(part)
            fresh = self._rewritten([part], partial(self._rewriter.thin, part, cursors))
            size -= part.bytes - (fresh.bytes if fresh else 0)
            if fresh:
                catalogue.append(fresh)
        return size

    def compact(self, now: int) -> int:
        """Joins the small parts of finished days; returns how many parts that made."""
        catalogue, _ = self._catalogue()
        made = [self._rewritten(group, partial(self._rewriter.join, group)) for group in groups(catalogue, now, self._settings.part_rows)]
        return sum(part is not None for part in made)

    def _rewritten(self, old: Sequence[Part], rewrite: Callable[[], Part]) -> Part | None:
        """What ``rewrite`` makes of parts; those that turn out to be damaged are set aside, and None is returned."""
        try:
            return rewrite()
        except OSError as error:
            log.error("%s", error)
            for part in old:
                path = self._data / part.path
                if not path.exists():
                    self._forget(part.path, part.rows, "missing")
                elif files.sha256(path) != part.sha256:
                    self.set_aside(part.path, part.rows)
            return None

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


def _plausible_times(catalogue: Sequence[Part], now: int) -> list[int]:
    """When each part ended. One whose times cannot be true (before 2020, or to come) has that of the part before it, else it is of now."""
    times: list[int] = []
    for part in catalogue:
        plausible = BATTERY_DEAD <= part.last_time <= now + DAY
        times.append(part.last_time if plausible else times[-1] if times else now)
    return times
