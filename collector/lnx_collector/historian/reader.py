"""Reads samples back: in order of their numbers for sinks, and with SQL (DuckDB) for people, over hot and cold alike.

DuckDB and pyarrow are imported when they are first needed: the process that collects starts small.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnx_collector.contract import Row
from lnx_collector.historian import database, encoding, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.parquet_process import ParquetProcessError
from lnx_collector.historian.parquet_work import ParquetWork, ParquetWorker
from lnx_collector.sample import Tag

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CHUNK = 20_000
VIEW = (
    "seq, tag, kind, number, text, quality, coalesce(source_time, server_time, receive_time)::TIMESTAMPTZ AS time,"
    " source_time::TIMESTAMPTZ AS source_time, server_time::TIMESTAMPTZ AS server_time, receive_time::TIMESTAMPTZ AS receive_time"
)
"""Times to the microsecond, which all date functions take; `time` is the best known time of measurement."""
NEXT_PART = "SELECT path, rows, sha256, last_seq FROM part WHERE last_seq > ? ORDER BY first_seq LIMIT 1"
HOT = "SELECT seq, tag, value, quality, receive_time, source_offset, server_offset FROM sample"


class _Tags(dict[int, Tag]):
    """Tags by number, looked up when first asked for."""

    def __init__(self, find: Callable[[int], Tag]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, number: int) -> Tag:
        self[number] = self._find(number)
        return self[number]


class PartDamagedError(Exception):
    """A Parquet file cannot be read; ``path`` is relative to the data folder, ``rows`` is what the catalogue says it had."""

    def __init__(self, path: str, rows: int, reason: Exception) -> None:
        self.path, self.rows = path, rows
        super().__init__(str(reason))


class Reader:
    """Opens its own connection on first use; safe from several threads, which then take turns."""

    def __init__(self, data: Path, work: ParquetWorker | None = None) -> None:
        """``work`` reads Parquet files for `rows_after`; None = in this process."""
        self._data = data
        self._work = work or ParquetWork(data)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._tags: dict[int, Tag] = {}

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            self._tags = {}

    def all(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Every row of a query on the database."""
        with self._lock:
            return self._database().execute(query, parameters).fetchall()

    def one(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        with self._lock:
            return self._database().execute(query, parameters).fetchone()

    def losses(self, since: int, limit: int) -> list[Loss]:
        with self._lock:
            return losses.read(self._database(), since, limit)

    def _database(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = database.open_reader(self._data / database.DATABASE)
        return self._connection

    def _tag(self, number: int) -> Tag:
        if number not in self._tags:
            rows = self._database().execute("SELECT id, name, source, kind, unit, description FROM tag").fetchall()
            self._tags = {row[0]: Tag(*row[1:]) for row in rows}
        return self._tags[number]

    # ── in order, for sinks ──────────────────────────────────────────────────────────────────────────────────────────────

    def rows_after(self, seq: int, limit: int) -> list[Row]:
        """The next samples after ``seq``, at most ``limit``. Empty when there is none yet.

        Raises PartDamagedError, and OSError when the Parquet files cannot be read at the moment.
        """
        while True:
            with self._lock:
                connection = self._database()
                connection.execute("BEGIN")  # one view of catalogue and rows
                try:
                    cold = connection.execute(NEXT_PART, (seq,)).fetchone()
                    if cold is None:
                        return self._hot_rows(connection, seq, limit)
                finally:
                    connection.execute("COMMIT")
            path, rows, sha256, last_seq = cold
            try:
                found = self._work.rows(path, sha256, seq, limit)
            except ParquetProcessError:
                raise
            except OSError as error:
                if self.one("SELECT 1 FROM part WHERE path = ?", (path,)) is None:
                    continue  # meanwhile it was joined or thinned
                raise PartDamagedError(path, rows, error) from error
            if found:
                by_name = {row[0]: Tag(*row) for row in self.all("SELECT name, source, kind, unit, description FROM tag")}
                return [Row(number, sample, by_name.get(sample.tag) or Tag(sample.tag, "", "float")) for number, sample, _ in found]
            seq = last_seq  # a thinned part may end with samples that are not there any more

    def _hot_rows(self, connection: sqlite3.Connection, seq: int, limit: int) -> list[Row]:
        hot_from = int(connection.execute("SELECT value FROM meta WHERE key = 'hot_from'").fetchone()[0])
        rows = connection.execute(f"{HOT} WHERE seq >= ? ORDER BY seq LIMIT ?", (max(seq + 1, hot_from), limit)).fetchall()
        return [Row(row[0], encoding.sample_of(row[2:], tag := self._tag(row[1])), tag) for row in rows]

    # ── by SQL ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None, *, since: int = 0, until: int = 2**62) -> pa.Table:
        """Runs SQL over the view ``samples`` (columns of `VIEW`), limited to receive times since <= t < until (ns).

        Parameters are written $name in the SQL. Raises duckdb.Error for SQL that does not fit.
        """
        connection = self.connect(since=since, until=until)
        try:
            return connection.sql(sql, params=dict(parameters or {})).to_arrow_table()
        finally:
            connection.close()

    def connect(self, *, since: int = 0, until: int = 2**62) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with the view ``samples`` and nothing else; the caller closes it."""
        import duckdb

        from lnx_collector.historian.columns import ARROW

        files, hot = self._snapshot(since, until)
        connection = duckdb.connect(":memory:", config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
        connection.register("hot", hot)
        parts_of_view = ["SELECT * FROM hot"]
        if files:
            listed = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
            names = ", ".join(ARROW.names)
            parts_of_view.insert(0, f"SELECT {names} FROM read_parquet([{listed}], hive_partitioning = false)")
        begin, end = (f"make_timestamp_ns({max(0, t)})::TIMESTAMPTZ_NS" for t in (since, until))
        limits = f"WHERE receive_time >= {begin} AND receive_time < {end}" if since > 0 or until < 2**62 else ""
        connection.execute(f"CREATE VIEW samples AS SELECT {VIEW} FROM ({' UNION ALL '.join(parts_of_view)}) {limits}")
        return connection

    def _snapshot(self, since: int, until: int) -> tuple[list[Path], pa.Table]:
        """The parts that may hold receive times of the range, and the hot rows as a table, at one moment."""
        from lnx_collector.historian import columns

        with self._lock:
            connection = self._database()
            connection.execute("BEGIN")
            try:
                query = "SELECT path FROM part WHERE last_time >= ? AND first_time < ? ORDER BY first_seq"
                paths = [self._data / row[0] for row in connection.execute(query, (since, until))]
                hot_from = int(connection.execute("SELECT value FROM meta WHERE key = 'hot_from'").fetchone()[0])
                hot = connection.execute(
                    "SELECT * FROM sample WHERE seq >= ? AND receive_time >= ? AND receive_time < ?", (hot_from, since, until)
                )
                table = columns.arrow_table(iter(lambda: hot.fetchmany(CHUNK), []), _Tags(self._tag))
            finally:
                connection.execute("COMMIT")
        return paths, table
