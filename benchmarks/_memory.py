"""The memory of a collector while something is measured: its own, and with the process that works on Parquet files for it."""

from __future__ import annotations

import contextlib
import threading

import psutil

PERIOD = 0.2


class MemoryWatch:
    """Looks at a process until `stop`; MB resident."""

    def __init__(self, process: psutil.Process) -> None:
        self.peak = 0.0
        self.peak_with_children = 0.0
        self.children: set[int] = set()
        """Numbers of the processes that it has started meanwhile."""
        self._process = process
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(10)

    def _watch(self) -> None:
        while not self._ending.wait(PERIOD):
            with contextlib.suppress(psutil.NoSuchProcess):
                own = float(self._process.memory_info().rss / 1e6)
                self.peak = max(self.peak, own)
                self.peak_with_children = max(self.peak_with_children, own + self._of_children())

    def _of_children(self) -> float:
        total = 0.0
        for child in self._process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += child.memory_info().rss / 1e6
                self.children.add(child.pid)
        return total
