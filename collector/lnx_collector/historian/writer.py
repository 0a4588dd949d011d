"""The one thread that writes the database: many callers share a synced commit (group commit).

A caller's work is done when its transaction has been synced. The first work to arrive waits at most `interval` for company.

Invariants
  - Work is written in the order of `submit`; a commit holds whole works.
  - Work whose caller has gone away before it began is left out; what has begun is written whole.
  - Work is never dropped for the disk's sake: on a full or failing disk the same batch is tried again until it works or
    the writer is closed; callers wait.
  - A damaged file is handed to `repair`, which gives a new connection; the batch is then written there.
  - A file that is not at its path any more is put back, with the batch in it, before any caller is told that it is durable.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lnx_collector.historian import database

Job = Callable[[sqlite3.Connection], Any]
RETRY = (0.05, 0.2, 0.5, 1.0)  # seconds between attempts on a disk that refuses; the last repeats
IDLE = 1.0


@dataclass
class Work:
    """One job inside a transaction; ``weight`` counts towards the size of a batch."""

    job: Job
    weight: int = 1
    done: Future[Any] = field(default_factory=Future)


class WriterClosedError(Exception):
    """The writer was closed before the work was written."""


class Writer:
    """Runs jobs inside transactions on its own thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        interval: float,
        rows: int,
        undone: Callable[[sqlite3.Connection], None],
        repair: Callable[[sqlite3.Error], sqlite3.Connection],
        trouble: Callable[[sqlite3.Error | OSError | None], None],
        in_place: Callable[[], bool] = lambda: True,
        put_back: Callable[[sqlite3.Connection], sqlite3.Connection] = lambda connection: connection,
    ) -> None:
        """``undone`` hears of each transaction that was rolled back, before it is tried again: what jobs remember must be read anew.
        ``trouble`` hears of each failed attempt, and None when writing works again; it runs on the writer's thread.
        ``in_place`` says whether the open file is still the one at its path; if not, ``put_back`` gives a connection to one that is."""
        self._connection = connection
        self._interval = interval
        self._rows = rows
        self._undone = undone
        self._repair = repair
        self._trouble = trouble
        self._in_place = in_place
        self._put_back = put_back
        self._queue: deque[Work] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self.commits = 0
        self._thread = threading.Thread(target=self._run, name="historian-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job, weight: int = 1) -> Future[Any]:
        """The future gets the job's result once it is synced, or what the job itself raised (ValueError and the like)."""
        work = Work(job, weight)
        with self._changed:
            if self._closing:
                work.done.set_exception(WriterClosedError())
                return work.done
            self._queue.append(work)
            self._changed.notify()
        return work.done

    def close(self, patience: float = 5.0) -> None:
        """Writes what is queued, then ends. On a disk that still refuses after ``patience`` the rest fails with WriterClosedError."""
        with self._changed:
            self._closing = True
            self._give_up_at = time.monotonic() + patience
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended():
            batch = self._next_batch()
            if batch:
                self._write(batch)
        self._connection.close()

    def _ended(self) -> bool:
        with self._changed:
            return self._closing and not self._queue

    def _next_batch(self) -> list[Work]:
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait(IDLE)
            end = time.monotonic() + self._interval
            while self._queue and not self._closing and sum(work.weight for work in self._queue) < self._rows:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            batch: list[Work] = []
            weight = 0
            while self._queue and (not batch or weight + self._queue[0].weight <= 4 * self._rows):
                work = self._queue.popleft()
                if work.done.set_running_or_notify_cancel():  # from here on it cannot be cancelled any more
                    weight += work.weight
                    batch.append(work)
            return batch

    def _write(self, batch: Sequence[Work]) -> None:
        attempt = 0
        while True:
            try:
                results = self._transaction(batch)
                if not self._in_place():
                    self._connection = self._put_back(self._connection)
                break
            except sqlite3.Error as error:
                if database.is_damage(error):
                    self._connection.close()
                    self._connection = self._repair(error)
                    continue
                if not self._endure(error, attempt):
                    for work in batch:
                        work.done.set_exception(WriterClosedError())
                    return
                attempt += 1
        if self._failing:
            self._failing = False
            self._trouble(None)
        for work, (result, failure) in zip(batch, results, strict=True):
            if failure is not None:
                work.done.set_exception(failure)
            else:
                work.done.set_result(result)

    def _transaction(self, batch: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
        results: list[tuple[Any, Exception | None]] = []
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for work in batch:
                connection.execute("SAVEPOINT work")
                try:
                    results.append((work.job(connection), None))
                    connection.execute("RELEASE work")
                except sqlite3.Error:
                    raise
                except Exception as failure:
                    connection.execute("ROLLBACK TO work")
                    connection.execute("RELEASE work")
                    self._undone(connection)
                    results.append((None, failure))
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._undone(connection)
            raise
        self.commits += 1
        return results

    def _endure(self, error: sqlite3.Error, attempt: int) -> bool:
        """Tells of a refusing disk and waits a little; False when the writer is closing and patience is over."""
        self._failing = True
        self._trouble(error)
        pause = RETRY[min(attempt, len(RETRY) - 1)]
        with self._changed:
            if self._closing and time.monotonic() >= self._give_up_at:
                return False
        time.sleep(pause)
        return True
