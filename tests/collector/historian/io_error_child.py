"""Accepts samples, one after the other, and says so: python io_error_child.py FOLDER. Also rolls; prints trouble as it is told."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian
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
        with contextlib.suppress(OSError):
            store.maintain()
        time.sleep(0.02)


if __name__ == "__main__":
    store = Historian(Path(sys.argv[1]), HistorianSettings(commit_interval=0.0, reserve=0, part_rows=100), trouble=told)
    threading.Thread(target=maintain, args=(store,), daemon=True).start()
    n = 0
    while True:
        store.submit("s", [good("a", float(n), T0 + n)]).result()
        tell("accepted", n)
        n += 1
