"""The historian: how long a durable acceptance takes, what a sample costs in CPU and on the disk, how long a question about a day takes.

The peer is plain SQLite with one commit per batch (WAL, FULL), which is what a collector does without group commit.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from _report import claim, figures, report
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, files, parts
from lnx_collector.historian import columns as columns_module
from lnx_collector.sample import Sample, good

T0 = 1_790_000_000 * 10**9
SECOND = 10**9


def batch(n: int, at: int) -> list[Sample]:
    """n slow sensors at one moment."""
    return [good(f"line{i // 10}.sensor{i % 10}", round(20 + random.random(), 2), at, at - 1_500_000) for i in range(n)]


def cpu_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def accept_latency(folder: Path) -> dict[str, Any]:
    """Ten sources, each hands in 50 samples ten times a second: 5000 samples/s for 10 s."""
    store = Historian(folder, HistorianSettings(reserve=0))
    micros: list[float] = []

    async def source(k: int) -> None:
        await asyncio.sleep(k * 0.0097)
        for i in range(100):
            begin = time.perf_counter()
            await store.accept(f"s{k}", batch(50, T0 + i * SECOND // 10))
            took = time.perf_counter() - begin
            micros.append(took * 1e6)
            await asyncio.sleep(max(0.0, 0.1 - took))

    async def all_sources() -> float:
        begin = time.perf_counter()
        await asyncio.gather(*(source(k) for k in range(10)))
        return time.perf_counter() - begin

    cpu = cpu_seconds()
    wall = asyncio.run(all_sources())
    cpu = cpu_seconds() - cpu
    rows = len(micros) * 50
    row = {"row": "durable accept, 10 sources x 50 samples x 10/s", **figures(micros), "samples_per_s": round(rows / wall)}
    store.close()
    return {**row, "cpu_us_per_sample": round(cpu / rows * 1e6, 1), "core_percent": round(100 * cpu / wall, 1)}


def plain_sqlite(folder: Path) -> dict[str, Any]:
    """The same batches from one writer, one commit each."""
    folder.mkdir()
    connection = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE sample (tag TEXT, value REAL, quality INTEGER, source_time INTEGER, server_time INTEGER, receive_time INTEGER)"
    )
    micros = []
    cpu = cpu_seconds()
    for i in range(400):
        rows = batch(50, T0 + i * SECOND // 10)
        begin = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        micros.append((time.perf_counter() - begin) * 1e6)
    cpu = cpu_seconds() - cpu
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = (folder / "plain.sqlite").stat().st_size / 20_000
    row = {"row": "peer: plain SQLite, a commit per batch", **figures(micros), "cpu_us_per_sample": round(cpu / 20_000 * 1e6, 1)}
    return {**row, "bytes_per_sample": round(size, 1)}


def size_on_disk(folder: Path) -> dict[str, Any]:
    """100 sensors for 1000 s, hot and then cold."""
    store = Historian(folder, HistorianSettings(reserve=0, commit_interval=0.0))
    for i in range(1000):
        store.submit("s", batch(100, T0 + i * SECOND)).result()
    connection = sqlite3.connect(folder / "collector.sqlite")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    hot = (folder / "collector.sqlite").stat().st_size / 100_000
    connection.close()
    begin = time.perf_counter()
    store.roll_now()
    rolling = time.perf_counter() - begin
    cold = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / 100_000
    store.close()
    return {"row": "bytes per sample", "hot": round(hot, 1), "cold": round(cold, 2), "roll_us_per_sample": round(rolling * 10, 2)}


def day_of_tags(folder: Path) -> dict[str, Any]:
    """100 tags at 1 Hz for a day in 24 parts, then three questions."""
    store = Historian(folder, HistorianSettings(reserve=0))
    rng = np.random.default_rng(0)
    seq = 1
    for hour in range(24):
        n = 360_000
        times = T0 + (hour * 3600 + np.repeat(np.arange(3600), 100)) * SECOND
        columns = [
            pa.array(np.arange(seq, seq + n)),
            pa.DictionaryArray.from_arrays(
                pa.array(np.tile(np.arange(100, dtype=np.int32), 3600)), pa.array([f"tag{i:03d}" for i in range(100)])
            ),
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array(["float"])),
            pa.array(np.round(20 + rng.normal(0, 0.5, n), 2)),
            pa.nulls(n, pa.string()),
            pa.array(np.zeros(n, np.uint32)),
            pa.array(times - 1_500_000).cast(pa.timestamp("ns", "UTC")),
            pa.nulls(n, pa.timestamp("ns", "UTC")),
            pa.array(times).cast(pa.timestamp("ns", "UTC")),
        ]
        table = pa.Table.from_arrays(columns, schema=columns_module.ARROW).take(np.arange(n).reshape(3600, 100).T.ravel())
        part = files.publish_part(folder, lambda temporary, table=table: parts.write_part(temporary, table, store.stream))
        store._roller._enter(part)
        seq += n
    questions = {
        "day_of_one_tag_ms": "SELECT receive_time, number FROM samples WHERE tag = 'tag042' ORDER BY receive_time",
        "minutes_of_one_tag_ms": "SELECT date_trunc('minute', time), avg(number) FROM samples WHERE tag = 'tag042' GROUP BY 1",
        "day_of_100_tags_ms": "SELECT tag, count(*), avg(number), min(number), max(number) FROM samples GROUP BY tag",
    }
    row: dict[str, Any] = {"row": "questions about a day of 100 tags (8.64 M samples)"}
    for name, sql in questions.items():
        begin = time.perf_counter()
        store.reader.query(sql)
        row[name] = round((time.perf_counter() - begin) * 1000)
    store.close()
    return row


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        latency, plain = accept_latency(folder / "a"), plain_sqlite(folder / "b")
        size, day = size_on_disk(folder / "c"), day_of_tags(folder / "d")
    claims = [
        claim("durable accept p99", latency["p99_ms"], "ms", 60, at_least=False),
        claim("CPU of 5000 samples/s into durable storage", latency["core_percent"], "% of a core", 20, at_least=False),
        claim("hot bytes per sample", size["hot"], "B", 40, at_least=False),
        claim("cold bytes per sample", size["cold"], "B", 7, at_least=False),
        claim("day of 100 tags, aggregated", day["day_of_100_tags_ms"], "ms", 1000, at_least=False),
    ]
    report([latency, plain, size, day], claims)


if __name__ == "__main__":
    main()
