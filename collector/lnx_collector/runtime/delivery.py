"""Keeps one sink fed from the historian: in order, at least once, from its cursor on.

Nothing is queued in memory: an outage of days costs disk that the historian holds anyway. Rows that a receiver will never take are
found by halving and go to quarantine, so that one of them does not stop all others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from lnx_common.errors import PlantError

from lnx_collector.contract import BatchRefusedError, Row, RowsRefusedError, Sink, SinkContext, SinkSettings
from lnx_collector.historian import Historian
from lnx_collector.registry import load_kind
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.health import RUNNING, STOPPED, WAITING, Health
from lnx_collector.runtime.pipeline import matches
from lnx_collector.runtime.supervisor import STOP_WITHIN, pause_after
from lnx_collector.sinks import SINKS

log = logging.getLogger("lnx.collector")
LOOK_AGAIN = 1.0
SMALLEST_WAIT = 0.2


class SinkRunner:
    """One sink and its task."""

    def __init__(self, settings: SinkSettings, context: SinkContext, historian: Historian, health: Health, events: EventLog) -> None:
        self.settings = settings
        self.health = health
        self._context = context
        self._historian = historian
        self._events = events
        self._chosen: dict[str, bool] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_delivering(), name=f"sink {self.settings.name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_WITHIN)
        self.health.state = STOPPED

    async def _keep_delivering(self) -> None:
        sink: Sink = load_kind(SINKS, self.settings.type).build(self.settings, self._context)
        cursor = await asyncio.to_thread(self._historian.cursor, self.settings.name)
        failures = 0
        try:
            while True:
                try:
                    rows = await asyncio.to_thread(self._historian.rows_after, cursor, self.settings.batch)
                except OSError as error:
                    failures += 1
                    self._tell(PlantError(703, where=str(self._historian.data), found=str(error)))
                    await asyncio.sleep(pause_after(failures, self.settings.backoff_max, random.random()))
                    continue
                self.health.behind = max(0, self._historian.last_seq - cursor)
                if not rows:
                    await asyncio.sleep(LOOK_AGAIN)
                    continue
                try:
                    await self._deliver(sink, [row for row in rows if self._wants(row.sample.tag)])
                except PlantError as error:
                    failures += 1
                    self._tell(error)
                    await asyncio.sleep(pause_after(failures, self.settings.backoff_max, random.random()))
                    continue
                failures = 0
                cursor = rows[-1].seq
                await asyncio.wrap_future(self._historian.move_cursor(self.settings.name, cursor))
                self._well(rows)
                if len(rows) < self.settings.batch:
                    await asyncio.sleep(SMALLEST_WAIT)
        except Exception as error:
            log.exception("sink %s", self.settings.name)
            self._tell(PlantError(699, where=f"sink {self.settings.name}", found=repr(error)))
            await asyncio.sleep(self.settings.backoff_max)
            self.start()
        finally:
            await sink.close()

    async def _deliver(self, sink: Sink, rows: Sequence[Row]) -> None:
        """Delivers all rows, setting aside those that are refused. Raises PlantError when the receiver is not there."""
        if not rows:
            return
        try:
            await sink.deliver(rows)
        except RowsRefusedError as error:
            refused = set(error.seqs)
            await self._set_aside([row for row in rows if row.seq in refused], error.found)
        except BatchRefusedError as error:
            if len(rows) == 1:
                await self._set_aside(rows, error.found)
                return
            middle = len(rows) // 2
            await self._deliver(sink, rows[:middle])
            await self._deliver(sink, rows[middle:])

    async def _set_aside(self, rows: Sequence[Row], reason: str) -> None:
        if rows:
            self.health.lost += len(rows)
            await asyncio.wrap_future(self._historian.refuse(self.settings.name, rows, reason))
            self._events.write("lnx.collector.refused", sink=self.settings.name, count=len(rows), reason=reason[:200])

    def _wants(self, tag: str) -> bool:
        if tag not in self._chosen:
            self._chosen[tag] = matches(tag, self.settings.tags)
        return self._chosen[tag]

    def _well(self, rows: Sequence[Row]) -> None:
        self.health.samples += len(rows)
        self.health.behind = max(0, self._historian.last_seq - rows[-1].seq)
        self.health.last_time = self._context.now()
        if self.health.state != RUNNING:
            self.health.state = RUNNING
            self._events.write("lnx.collector.well", sink=self.settings.name)
        self.health.error = None

    def _tell(self, error: PlantError) -> None:
        before = self.health.error
        self.health.state = WAITING
        self.health.error = error
        self.health.restarts += 1
        if before is None or before.args != error.args:
            log.warning("sink %s: %s", self.settings.name, error)
            self._events.write("lnx.collector.trouble", sink=self.settings.name, status=error.status)
