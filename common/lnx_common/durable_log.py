"""A log on disk whose `append` returns only when the records would survive a power cut.

SQLite in WAL mode with synchronous=FULL, written by one thread. Records that arrive while a commit is on its way to the disk
share the next commit, so a slow disk makes larger groups instead of longer queues.

Table `entry`: seq (0, 1, 2 … without holes), time_ns (wall clock when it was accepted), body, crc (CRC32C of seq and body).
Table `cursor`: name -> text. Cursors that are given with records are stored in the same transaction: a reader that stores how far
it has read together with what it read neither loses nor repeats a record, whenever the process dies.

Invariants: a number is never given twice; a record is either durable with its number, or the caller has an exception; nothing is
kept in memory beyond `max_queued` records; reading never blocks writing; a file that is deleted or replaced while it is open is put back
with everything it had before anybody is told that more was kept.

Never on a network drive: SQLite's WAL needs shared memory of one machine.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import crc32c

from lnx_common import wal
from lnx_common.errors import PlantError
from lnx_common.files import make_folder
from lnx_common.held_file import HeldFile

log = logging.getLogger("lnx.durable_log")
__all__ = ["Body", "DurableLog", "Entry", "crc_of"]

LOG_DAMAGED, LOG_REFUSED, LOG_CLOSED = 620, 621, 623
GROUP_RECORDS = 2000  # at most so many in one commit, so that one caller's wait stays short
BUSY_MS = 10_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
NEXT_SEQ = "next_seq"  # kept as a cursor, because the newest records may have been trimmed

Body = bytes | Callable[[int], bytes]
"""A record, or a function that makes it from its number."""


class Entry(NamedTuple):
    """One record: its number, when it was accepted (wall clock, ns since 1970), its bytes."""

    seq: int
    time_ns: int
    body: bytes


@dataclass(slots=True)
class _Job:
    bodies: Sequence[Body]
    cursors: Mapping[str, str]
    trim_before: int | None = None
    room: int = 0
    done: Future[range] = field(default_factory=Future)


def crc_of(seq: int, body: bytes) -> int:
    """CRC32C over the number and the record: a row that moved to another number is found too."""
    return crc32c.crc32c(body, crc32c.crc32c(struct.pack("<Q", seq)))


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the pragmas that the promise rests on. Used by one thread at a time."""
    if read_only:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    else:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


class _Room:
    """How many records may be on their way. A call waits until there is room for all of its records at once."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    def take(self, count: int) -> int:
        """Waits for room; returns what has to be given back. A call that is larger than the room waits until it is alone."""
        wanted = min(count, self._size)
        with self._changed:
            while self._free < wanted:
                self._changed.wait()
            self._free -= wanted
        return wanted

    def give(self, count: int) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()


class DurableLog:
    """One log file. Safe to use from any thread; one process at a time writes (see files.InstanceLock)."""

    def __init__(self, path: Path, *, max_queued: int = 20_000, clock: Callable[[], int] = time.time_ns) -> None:
        """Opens or makes the file. Raises PlantError 620 when it is damaged, 621 when the disk refuses."""
        self.path = path
        self._clock = clock
        self._room = _Room(max_queued)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._reading = threading.Lock()
        self._closed = False
        self._gate = threading.Lock()
        make_folder(path.parent)
        try:
            if wal.is_damaged(path):  # SQLite would leave out what follows, and tell nobody
                raise sqlite3.DatabaseError("a wrong frame in the write-ahead log")
            self._write = connect(path)
            problem = self._write.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise sqlite3.DatabaseError(problem)
            self._write.executescript(SCHEMA)
            self._held = HeldFile(path)
            self._read = connect(path, read_only=True)
            row = self._read.execute("SELECT max(seq) FROM entry").fetchone()
            stored = int(self.cursor(NEXT_SEQ) or 0)
        except sqlite3.OperationalError as error:
            raise PlantError(LOG_REFUSED, where=str(path), found=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise PlantError(LOG_DAMAGED, where=str(path), found=str(error)) from error
        self._next = max(stored, 0 if row[0] is None else row[0] + 1)
        self._writer = threading.Thread(target=self._work, name=f"log {path.name}", daemon=True)
        self._writer.start()

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def append(self, bodies: Sequence[Body], cursors: Mapping[str, str] | None = None) -> range:
        """Appends records and stores cursors in one transaction; returns their numbers when all of it is on the disk.

        Raises PlantError 621 when the disk refused: then nothing of this call was stored.
        """
        return self.submit(bodies, cursors).result()

    def submit(self, bodies: Sequence[Body], cursors: Mapping[str, str] | None = None) -> Future[range]:
        """The same without waiting; blocks only while `max_queued` records are on their way."""
        return self._put(_Job(bodies, cursors or {}))

    def set_cursors(self, cursors: Mapping[str, str]) -> None:
        """Stores cursors alone, durably."""
        self.append((), cursors)

    def trim(self, before: int, cursors: Mapping[str, str] | None = None) -> None:
        """Deletes records below ``before`` and stores cursors in one transaction."""
        self._put(_Job((), cursors or {}, trim_before=before)).result()

    def _put(self, job: _Job) -> Future[range]:
        job.room = self._room.take(len(job.bodies))
        with self._gate:
            if not self._closed:
                self._jobs.put(job)
                return job.done
        self._room.give(job.room)
        raise PlantError(LOG_CLOSED, where=str(self.path))

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, ending = [first], False
            records = len(first.bodies)
            while records < GROUP_RECORDS:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                group.append(following)
                records += len(following.bodies)
            self._commit(group)
            if ending:
                break
        self._finish()

    def _commit(self, group: list[_Job]) -> None:
        seq = self._next
        results: list[range] = []
        failure: Exception | None = None
        try:
            now = self._clock()
            rows: list[tuple[int, int, bytes, int]] = []
            cursors: dict[str, str] = {}
            trim_before: int | None = None
            for job in group:
                begin = seq
                for body in job.bodies:
                    data = body if isinstance(body, bytes) else body(seq)
                    rows.append((seq, now, data, crc_of(seq, data)))
                    seq += 1
                cursors.update(job.cursors)
                if job.trim_before is not None:
                    trim_before = max(job.trim_before, trim_before or 0)
                results.append(range(begin, seq))
            if rows or trim_before is not None:
                cursors[NEXT_SEQ] = str(seq)
            if not self._held.in_place():
                self._put_back()
            self._store(rows, cursors, trim_before)
            if not self._held.in_place():
                self._keep_or_take_back(rows)
            self._next = seq
        except (sqlite3.Error, OSError) as error:
            failure = PlantError(LOG_REFUSED, where=str(self.path), found=str(error))
            failure.__cause__ = error
        except Exception as error:  # a body function failed: only its group is refused, the thread lives on
            failure = error
        if failure is not None and len(group) > 1:
            for job in group:  # one caller's trouble is not everybody's
                self._commit([job])
            return
        for job, result in zip(group, results if failure is None else [range(0)], strict=True):
            self._room.give(job.room)
            if failure is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(failure)

    def _store(self, rows: list[tuple[int, int, bytes, int]], cursors: Mapping[str, str], trim_before: int | None) -> None:
        self._write.execute("BEGIN IMMEDIATE")
        try:
            if rows:
                self._write.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", rows)
            if trim_before is not None:
                self._write.execute("DELETE FROM entry WHERE seq < ?", (trim_before,))
            if cursors:
                self._write.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?)", list(cursors.items()))
            self._write.execute("COMMIT")
        except BaseException:
            if self._write.in_transaction:
                self._write.execute("ROLLBACK")
            raise

    def _put_back(self) -> None:
        """The file at the path is not the one that is open: makes it so again, with everything that the open one has."""
        aside = self._held.put_back(self._write)
        log.error(
            "%s was deleted or replaced while it was open and has been put back%s", self.path, f"; found there: {aside}" if aside else ""
        )
        old = self._write
        self._write = connect(self.path)
        old.close()
        self._held = HeldFile(self.path)
        with self._reading:
            self._read.close()
            self._read = connect(self.path, read_only=True)

    def _keep_or_take_back(self, rows: Sequence[tuple[int, int, bytes, int]]) -> None:
        """The file went away during a commit: either the rows get into the new one, or they are refused and in none."""
        try:
            self._put_back()
        except (sqlite3.Error, OSError):
            if rows:
                self._write.execute("DELETE FROM entry WHERE seq >= ?", (rows[0][0],))
            raise

    def _finish(self) -> None:
        while True:  # whoever came after the end is told so
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                self._room.give(job.room)
                job.done.set_exception(PlantError(LOG_CLOSED, where=str(self.path)))
        with self._reading:
            self._read.close()
        self._write.close()

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def next_seq(self) -> int:
        """The number that the next record will get."""
        return self._next

    @property
    def first_seq(self) -> int:
        """The oldest record that is still here; `next_seq` when there is none."""
        with self._reading:
            row = self._read.execute("SELECT min(seq) FROM entry").fetchone()
        return self._next if row[0] is None else int(row[0])

    def read(self, first: int, limit: int, max_bytes: int = 1 << 62) -> list[Entry]:
        """Records from ``first`` on, in order, at most ``limit``, stopping once ``max_bytes`` are exceeded.

        Raises PlantError 620 when a row is not what was written.
        """
        entries: list[Entry] = []
        size = 0
        try:
            with self._reading:
                query = "SELECT seq, time_ns, body, crc FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?"
                rows = self._read.execute(query, (first, limit)).fetchall()
        except sqlite3.DatabaseError as error:
            raise PlantError(LOG_DAMAGED, where=str(self.path), found=str(error)) from error
        for seq, time_ns, body, crc in rows:
            if crc_of(seq, body) != crc:
                raise PlantError(LOG_DAMAGED, where=str(self.path), found=f"record {seq} has another checksum than when it was written")
            size += len(body)
            if entries and size > max_bytes:
                break
            entries.append(Entry(seq, time_ns, body))
        return entries

    def cursor(self, name: str) -> str | None:
        """The stored text of a cursor."""
        with self._reading:
            row = self._read.execute("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def cursors(self, prefix: str = "") -> dict[str, str]:
        """Every cursor whose name begins with ``prefix``."""
        with self._reading:
            rows = self._read.execute("SELECT name, value FROM cursor WHERE name >= ?", (prefix,)).fetchall()
        return {name: value for name, value in rows if name.startswith(prefix)}

    # ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Commits what is queued and closes the file. May be called twice."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._writer.join()

    def __enter__(self) -> DurableLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
