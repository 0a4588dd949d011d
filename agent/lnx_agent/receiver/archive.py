"""Years of records in Parquet, one question for old and new ones in SQL.

When a stream has `roll_records` contiguous records they move to `parquet/plant=…/month=…/<stream>-<first>-<end>.parquet`: the file is
written under a temporary name, read back, renamed; then one transaction removes the rows and remembers the range. A crash between
leaves both, and the file is written again. Files older than `keep_years` are deleted, newest record counting; what each held is
remembered in the table `forgotten`, so that "deleted by policy" and "lost" are never the same thing, and the leaves stay.

Columns: plant, stream, seq, event, time, observed (timestamps, UTC), source, attributes (JSON text), body, leaf.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from lnx_common.files import publish

from lnx_agent.receiver.store import Store
from lnx_agent.record import parsed

QueryError = duckdb.Error
YEAR_S = 366 * 86400
SCHEMA = pa.schema(
    [
        ("plant", pa.string()),
        ("stream", pa.string()),
        ("seq", pa.int64()),
        ("event", pa.string()),
        ("time", pa.timestamp("ns", tz="UTC")),
        ("observed", pa.timestamp("ns", tz="UTC")),
        ("source", pa.string()),
        ("attributes", pa.string()),
        ("body", pa.binary()),
        ("leaf", pa.binary()),
    ]
)


def roll(store: Store, records: int) -> int:
    """Moves full pieces of every stream to Parquet; returns how many records moved."""
    with store.lock:
        streams = store.connection().execute("SELECT id, plant, rolled, contiguous FROM stream").fetchall()
    moved = 0
    for stream, plant, rolled, contiguous in streams:
        while contiguous - rolled >= records:
            end = rolled + records
            _roll_piece(store, stream, plant, rolled, end)
            rolled, moved = end, moved + records
    return moved


def _roll_piece(store: Store, stream: str, plant: str, first: int, end: int) -> None:
    with store.lock:
        query = "SELECT seq, body, leaf FROM record WHERE stream = ? AND seq >= ? AND seq < ? ORDER BY seq"
        rows = store.connection().execute(query, (stream, first, end)).fetchall()
    table = _table([(plant, stream, *row) for row in rows])
    newest = max((parsed(body).observed_ns for _, body, _ in rows), default=0)
    month = datetime.fromtimestamp(newest / 1e9, UTC).strftime("%Y-%m")
    path = store.folder / "parquet" / f"plant={plant}" / f"month={month}" / f"{stream}-{first:012d}-{end:012d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    pq.write_table(table, temporary, compression="zstd", compression_level=6)
    if pq.read_table(temporary).num_rows != len(rows):
        raise OSError(f"{temporary} does not hold what was written")
    handle = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    publish(temporary, path)
    with store.lock:
        db = store.connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            # the leaves stay: they prove duplicates and let any root be told, at 40 bytes a record
            db.execute("INSERT OR IGNORE INTO leaf SELECT stream, seq, leaf FROM record WHERE stream = ? AND seq < ?", (stream, end))
            db.execute("DELETE FROM record WHERE stream = ? AND seq < ?", (stream, end))
            db.execute("UPDATE stream SET rolled = ? WHERE id = ?", (end, stream))
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise


def _table(rows: list[tuple[str, str, int, bytes, bytes]]) -> Any:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for plant, stream, seq, body, leaf in rows:
        record = parsed(body)
        values = (
            plant,
            stream,
            seq,
            record.event,
            record.time_ns,
            record.observed_ns,
            record.source,
            json.dumps(record.attributes),
            body,
            leaf,
        )
        for name, value in zip(SCHEMA.names, values, strict=True):
            columns[name].append(value)
    return pa.table(columns, schema=SCHEMA)


def forget_old(store: Store, keep_years: int, now: float | None = None) -> list[Path]:
    """Deletes Parquet files whose month lies more than ``keep_years`` back, and remembers what they held; returns them."""
    seconds = time.time() if now is None else now
    limit = datetime.fromtimestamp(seconds - keep_years * YEAR_S, UTC).strftime("%Y-%m")
    gone = []
    for path in sorted((store.folder / "parquet").glob("plant=*/month=*/*.parquet")):
        month = path.parent.name.removeprefix("month=")
        if month < limit:
            stream, first, end = path.stem.rsplit("-", 2)
            with store.lock:
                row = (stream, int(first), int(end), month, int(seconds))
                store.connection().execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?, ?, ?, ?)", row)
            path.unlink()
            gone.append(path)
    return gone


def query(store: Store, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answers SQL over the view `records` (old and new; each source line once). Returns column names and rows; reads only."""
    with store.lock:
        rows = (
            store.connection()
            .execute("SELECT s.plant, r.stream, r.seq, r.body, r.leaf FROM record r JOIN stream s ON s.id = r.stream")
            .fetchall()
        )
    database = duckdb.connect()
    database.register("hot", _table(rows))
    files = store.folder / "parquet" / "*" / "*" / "*.parquet"
    names = ", ".join(SCHEMA.names)
    cold = (
        f"SELECT {names} FROM read_parquet('{files.as_posix()}', hive_partitioning=false)"
        if any((store.folder / "parquet").glob("*/*/*.parquet"))
        else ""
    )
    union = f"SELECT {names} FROM hot" + (f" UNION ALL {cold}" if cold else "")
    once = (
        "row_number() OVER (PARTITION BY plant, CASE WHEN source = '' THEN stream || ':' || seq ELSE source END ORDER BY stream, seq) = 1"
    )
    database.execute(f"CREATE VIEW records AS SELECT * FROM ({union}) QUALIFY {once}")
    answer = database.execute(sql)
    return [column[0] for column in answer.description or []], answer.fetchall()
