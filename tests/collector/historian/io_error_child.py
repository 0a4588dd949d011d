"""Accepts samples one by one and says so; also rolls, and tells of trouble: python io_error_child.py FOLDER apart|here."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian
from lnx_collector.historian.parquet_process import ParquetProcess
from lnx_collector.sample import good
from lnx_common.errors import PlantError

T0 = 1_790_000_000 * 10**9


def tell(word: str, value: object) -> None:
    sys.stdout.write(f"{word} {value}\n")
    sys.stdout.flush()


def told(error: PlantError | None) -> None:
    tell("trouble", error.status if error else "over")


def maintain(store: Historian) -> None:
    while True:
        try:
            store.maintain()
        except OSError:
            tell("maintenance", "failed")
        time.sleep(0.02)


if __name__ == "__main__":
    data = Path(sys.argv[1])
    work = ParquetProcess(data) if sys.argv[2] == "apart" else None
    store = Historian(data, HistorianSettings(commit_interval=0.0, reserve=0, part_rows=100), trouble=told, work=work)
    threading.Thread(target=maintain, args=(store,), daemon=True).start()
    n = 0
    while True:
        store.submit("s", [good("a", float(n), T0 + n)]).result()
        tell("accepted", n)
        n += 1
