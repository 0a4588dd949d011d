"""Accepts samples as fast as it can and prints the number of each only after it was accepted: the oracle's obligations.

python kill_child.py FOLDER FIRST apart|here    value of sample n = f(n); parts are small, so that kills also hit the rolling;
                                                "apart": Parquet in a process of its own, as in the collector
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian
from lnx_collector.historian.parquet_process import ParquetProcess
from lnx_collector.sample import good

SETTINGS = HistorianSettings(commit_interval=0.002, reserve=0, part_rows=200)


def value(n: int) -> float:
    return float(n * 7919 % 1_000_003) / 8


async def main(folder: Path, first: int, work: ParquetProcess | None) -> None:
    store = Historian(folder, SETTINGS, work=work)
    lanes = 4

    async def lane(k: int) -> None:
        n = first + k
        while True:
            await store.accept("oracle", [good(f"lane{k}", value(n), 1_790_000_000 * 10**9 + n)], {f"lane{k}": str(n)})
            os.write(1, f"{n}\n".encode())
            n += lanes

    async def maintain() -> None:
        while True:
            await asyncio.to_thread(store.maintain)
            rows = await asyncio.to_thread(store.rows_after, store.cursor("sink"), 50)
            if rows:
                await asyncio.wrap_future(store.move_cursor("sink", rows[-1].seq))

    await asyncio.gather(maintain(), *(lane(k) for k in range(lanes)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), ParquetProcess(Path(sys.argv[1])) if sys.argv[3] == "apart" else None))
