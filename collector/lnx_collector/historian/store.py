"""The historian: accepts samples durably, hands them out again, keeps bookmarks, cursors and losses.

Threads: any thread may call; the asynchronous functions belong to the event loop that awaits them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from lnx_common import wal
from lnx_common.errors import PlantError
from lnx_common.held_file import HeldFile

from lnx_collector.config import HistorianSettings
from lnx_collector.contract import Row
from lnx_collector.historian import database, encoding, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.parquet_work import ParquetWork, ParquetWorker
from lnx_collector.historian.reader import PartDamagedError, Reader
from lnx_collector.historian.reserve import Reserve
from lnx_collector.historian.rolling import Roller
from lnx_collector.historian.salvage import salvage
from lnx_collector.historian.writer import Writer
from lnx_collector.sample import Kind, Sample, Tag, checked

log = logging.getLogger("lnx.collector.historian")
Trouble = Callable[[PlantError | None], None]


class Historian:
    """One data folder, opened by one process."""

    def __init__(
        self,
        data: Path,
        settings: HistorianSettings | None = None,
        *,
        trouble: Trouble | None = None,
        work: ParquetWorker | None = None,
    ) -> None:
        """Opens ``data``, makes it when it is missing, repairs it when it is damaged.

        ``trouble`` hears of a disk that refuses (703) or a damaged file (704), and None when writing works again.
        ``work`` does what has to do with Parquet: None = in this process, which then needs the memory for pyarrow.
        Raises PlantError 703 when the folder cannot be used at all.
        """
        self.data = data
        self.settings = settings or HistorianSettings()
        self._tell: Trouble = trouble or (lambda error: None)
        self._work = work or ParquetWork(data)
        self._path = data / database.DATABASE
        self._lock = threading.Lock()
        self._space = threading.Event()
        self._space.set()
        try:
            data.mkdir(parents=True, exist_ok=True)
            connection = self._open()
            self._load(connection)
            self._held = HeldFile(self._path)
        except OSError as error:
            raise PlantError(703, where=str(data), found=error.strerror or str(error), expected="a folder that can be written") from error
        except sqlite3.Error as error:
            raise PlantError(703, where=str(self._path), found=str(error), expected="a folder that can be written") from error
        self.reserve = Reserve(data / "reserve", self.settings.reserve)
        self.reserve.fill()
        self._writer = Writer(
            connection,
            interval=self.settings.commit_interval,
            rows=self.settings.commit_rows,
            undone=self._load,
            repair=self._repair,
            trouble=self._refused,
            in_place=lambda: self._held.in_place(),
            put_back=self._put_back,
        )
        self._reader = Reader(data, self._work)
        self._roller = Roller(data, self.settings, self._writer, self.stream, self._work, now=time.time_ns)
        self._roller.tidy()
        self.accepted = 0

    # ── opening and repairing ────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> sqlite3.Connection:
        if wal.is_damaged(self._path):  # SQLite would leave out what follows, and tell nobody
            return self._salvage(sqlite3.DatabaseError("a wrong frame in the write-ahead log"))
        try:
            return database.open_database(self._path)
        except sqlite3.DatabaseError as error:
            if not database.is_damage(error):
                raise
            return self._salvage(error)

    def _salvage(self, error: sqlite3.Error) -> sqlite3.Connection:
        connection, aside, lost = salvage(self._path, self.data / "quarantine", time.time_ns(), self._work)
        self._tell(PlantError(704, where=str(self._path), found=f"{error}; {lost} samples lost, the rest saved", expected=f"see {aside}"))
        return connection

    def _repair(self, error: sqlite3.Error) -> sqlite3.Connection:
        """For the writer, on its thread: a new connection after a damage; waits while the disk does not let it."""
        while True:
            try:
                connection = self._salvage(error)
                self._load(connection)
                self._reader.close()
                self._held = HeldFile(self._path)
                return connection
            except (OSError, sqlite3.Error) as failure:
                self._tell(PlantError(703, where=str(self.data), found=str(failure)))
                time.sleep(1)

    def _put_back(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """For the writer, on its thread: the data folder or its database was deleted or replaced; waits while the disk does not let it."""
        while True:
            try:
                aside = self._held.put_back(connection)
                fresh = self._open()
                self._forget_missing(fresh)
                break
            except (OSError, sqlite3.Error) as failure:
                self._tell(PlantError(703, where=str(self.data), found=str(failure)))
                time.sleep(1)
        self._held = HeldFile(self._path)
        connection.close()
        self._reader.close()
        found = "deleted or replaced while it was open; put back with everything that it held"
        self._tell(PlantError(703, where=str(self._path), found=f"{found}; found there: {aside}" if aside else found))
        return fresh

    def _forget_missing(self, connection: sqlite3.Connection) -> None:
        """Counts the samples of Parquet files that went away with the folder."""
        catalogue = connection.execute("SELECT path, rows, first_time, last_time FROM part").fetchall()
        gone = [row for row in catalogue if not (self.data / row[0]).exists()]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("DELETE FROM part WHERE path = ?", [(path,) for path, *_ in gone])
        losses.record(connection, [Loss("historian", "missing", rows, "", first, last) for _, rows, first, last in gone])
        connection.execute("COMMIT")

    def _load(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            rows = connection.execute("SELECT id, name, source, kind, unit, description FROM tag").fetchall()
            self._tags: dict[str, tuple[int, Tag]] = {row[1]: (row[0], Tag(*row[1:])) for row in rows}
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            self.stream = str(meta["stream"])
            ends = connection.execute("SELECT (SELECT max(seq) FROM sample), (SELECT max(last_seq) FROM part)").fetchone()
            self._next = max(int(meta.get("next_seq", 1)), int(meta["hot_from"]), 1 + (ends[0] or 0), 1 + (ends[1] or 0))

    def _refused(self, error: sqlite3.Error | OSError | None) -> None:
        if error is None:
            self._tell(None)
            return
        if self.reserve.release():
            log.error("the disk refuses to write (%s): the reserve of %d bytes was given up", error, self.settings.reserve)
        self._tell(PlantError(703, where=str(self._path), found=str(error), expected="a disk with free space"))

    # ── accepting ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def submit(self, source: str, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> Future[int]:
        """Queues samples; the future gets the last sequence number once they are synced."""
        kept = [checked(sample) for sample in samples]

        def job(connection: sqlite3.Connection) -> int:
            first = self._next
            rows = []
            for i, sample in enumerate(kept):
                known = self._tags.get(sample.tag) or self._new_tag(connection, source, sample)
                rows.append(encoding.hot_row(first + i, known[0], known[1].kind, sample))
            connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            if bookmark:
                connection.executemany("INSERT OR REPLACE INTO bookmark VALUES (?, ?, ?)", [(source, *pair) for pair in bookmark.items()])
            self._next = first + len(rows)
            return self._next - 1

        return self._writer.submit(job, len(kept))

    async def accept(self, source: str, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> int:
        """Returns the last sequence number when the samples are synced; waits while the disk refuses or the historian is full."""
        if not self._space.is_set():
            await asyncio.to_thread(self._space.wait)
        last: int = await asyncio.wrap_future(self.submit(source, samples, bookmark))
        self.accepted += len(samples)
        return last

    def _new_tag(self, connection: sqlite3.Connection, source: str, sample: Sample) -> tuple[int, Tag]:
        value = sample.value
        kind: Kind = (
            "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "text" if isinstance(value, str) else "float"
        )
        return self._keep_tag(connection, Tag(sample.tag, source, kind))

    def _keep_tag(self, connection: sqlite3.Connection, tag: Tag) -> tuple[int, Tag]:
        connection.execute(
            "INSERT INTO tag (name, source, kind, unit, description) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " source = excluded.source, kind = excluded.kind, unit = excluded.unit, description = excluded.description",
            tag,
        )
        number = connection.execute("SELECT id FROM tag WHERE name = ?", (tag.name,)).fetchone()[0]
        self._tags[tag.name] = (number, tag)
        return number, tag

    def describe(self, tags: Iterable[Tag]) -> Future[None]:
        """Keeps what is known of tags; a tag that is known already takes the new description."""
        fresh = [tag for tag in tags if self._tags.get(tag.name, (0, None))[1] != tag]

        def job(connection: sqlite3.Connection) -> None:
            for tag in fresh:
                self._keep_tag(connection, tag)

        return self._writer.submit(job)

    def lost(self, entries: Sequence[Loss]) -> Future[None]:
        """Counts what was not kept."""
        return self._writer.submit(lambda connection: losses.record(connection, entries))

    # ── sinks ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def cursor(self, sink: str) -> int:
        """The last sequence number that the sink has confirmed; 0 at first."""
        row = self._reader.one("SELECT seq FROM cursor WHERE sink = ?", (sink,))
        return int(row[0]) if row else 0

    def move_cursor(self, sink: str, seq: int) -> Future[None]:
        """Everything up to ``seq`` is confirmed."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, seq))

        return self._writer.submit(job)

    def refuse(self, sink: str, rows: Sequence[Row], reason: str) -> Future[None]:
        """Puts rows that a receiver will never take into quarantine, and counts them as a loss of that sink."""
        now = time.time_ns()
        entries = [(sink, row.seq, reason, now, json.dumps(row.sample._asdict(), ensure_ascii=False)) for row in rows]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", entries)
            times = [row.sample.receive_time for row in rows]
            losses.record(connection, [Loss(f"sink {sink}", "refused", len(rows), "", min(times), max(times))])

        return self._writer.submit(job)

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """The next samples after ``seq``, at most ``limit``, from cold and hot storage, in order. A damaged part goes to quarantine."""
        while True:
            try:
                return self._reader.rows_after(seq, limit)
            except PartDamagedError as error:
                where = self._roller.set_aside(error.path, error.rows)
                self._tell(PlantError(704, where=error.path, found=f"{error}; {error.rows} samples lost", expected=f"see {where}"))
            except sqlite3.DatabaseError as error:
                self._heal(error)

    def _heal(self, error: sqlite3.DatabaseError) -> None:
        """A reader found a damage: lets the writer repair it, as it does with those it finds itself."""
        if not database.is_damage(error):
            raise error
        found = [error]

        def job(connection: sqlite3.Connection) -> None:
            if found:
                raise found.pop()

        self._writer.submit(job).result()

    # ── what is there ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def reader(self) -> Reader:
        """Queries over hot and cold samples."""
        return self._reader

    @property
    def last_seq(self) -> int:
        """The sequence number of the last accepted sample; 0 when there is none."""
        return self._next - 1

    def newest(self) -> int:
        """When the last stored sample was received (ns); 0 when there is none."""
        hot = self._reader.one("SELECT receive_time FROM sample ORDER BY seq DESC LIMIT 1")
        cold = self._reader.one("SELECT last_time FROM part ORDER BY last_seq DESC LIMIT 1")
        return int((hot or cold or (0,))[0])

    def bookmarks(self, source: str) -> dict[str, str]:
        return dict(self._reader.all("SELECT key, value FROM bookmark WHERE source = ?", (source,)))

    def tags(self) -> list[Tag]:
        """Every tag that was ever described or accepted, by name."""
        with self._lock:
            return sorted(tag for _, tag in list(self._tags.values()))

    def losses(self, since: int = 0, limit: int = 1000) -> list[Loss]:
        return self._reader.losses(since, limit)

    def maintain(self) -> None:
        """Rolls full hours into Parquet, joins those of finished days, keeps the size.

        It takes a moment: call it from a thread of its own, about every ten seconds.
        """
        try:
            self._roll(everything=False)
            self._roller.compact(time.time_ns())
        finally:  # a disk that is too full to roll is just the one that needs its size kept
            self._keep_size()
            self._work.rest()
        self.reserve.fill()

    def _keep_size(self) -> None:
        fits = self._roller.keep_size(time.time_ns())
        if not fits:
            self._space.clear()
            self._tell(PlantError(703, where=str(self.data), found="historian.max_size is reached and historian.when_full is wait"))
        elif not self._space.is_set():
            self._space.set()
            self._tell(None)

    def roll_now(self) -> None:
        """Rolls everything that is hot."""
        self._roll(everything=True)

    def _roll(self, *, everything: bool) -> None:
        try:
            self._roller.roll(time.time_ns(), everything=everything)
        except sqlite3.DatabaseError as error:
            self._heal(error)
            self._roller.roll(time.time_ns(), everything=everything)

    def close(self) -> None:
        """Writes what is queued and closes the files."""
        self._space.set()
        self._work.close()
        self._writer.close()
        self._reader.close()
