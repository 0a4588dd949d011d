"""Keeps one source running: builds it, calls `run`, and calls it again after growing pauses when it fails.

Invariants: one source's failure never reaches another; between two attempts there is a pause of at least half of a second and at
most `backoff_max`, with jitter, so that ten collectors do not knock at one device at once; the pauses start small again once the
source has worked.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence

from lnx_common.errors import PlantError

from lnx_collector import quality as q
from lnx_collector.contract import SourceContext, SourceSettings
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.health import DONE, STOPPED, WAITING
from lnx_collector.runtime.intake import SourceIntake
from lnx_collector.sample import Tag
from lnx_collector.sources import build_source

log = logging.getLogger("lnx.collector")
FIRST_PAUSE = 1.0
STEADY = 60.0
STOP_WITHIN = 3.0


def pause_after(failures: int, longest: float, random_0_to_1: float) -> float:
    """Seconds to wait after so many failures in a row: 1, 2, 4 … up to ``longest``, between half and all of it."""
    full: float = min(longest, FIRST_PAUSE * 2.0 ** min(failures - 1, 30))
    return max(0.05, full * (0.5 + 0.5 * random_0_to_1))


class SourceRunner:
    """One source and its task."""

    def __init__(self, settings: SourceSettings, context: SourceContext, intake: SourceIntake, events: EventLog) -> None:
        self.settings = settings
        self.intake = intake
        self.health = intake.health
        self._context = context
        self._events = events
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=f"source {self.settings.name}")

    @property
    def finished(self) -> asyncio.Task[None]:
        """Ends when the source has nothing more to give."""
        if self._task is None:
            raise RuntimeError("not started")
        return self._task

    async def stop(self) -> None:
        """Cancels and waits until it has closed what it opened, three seconds at most."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_WITHIN)
        self.health.state = STOPPED

    async def _keep_running(self) -> None:
        failures = 0
        tags: Sequence[Tag] = ()
        while True:
            begin = time.monotonic()
            self._worked = False
            try:
                source = build_source(self.settings, self._context)
                tags = source.tags()
                self.intake.describe(tags)
                before = self.health.samples
                await source.run(self.intake)
                self.health.state = DONE
                return
            except PlantError as error:
                self._tell(error)
            except Exception as error:
                log.exception("source %s", self.settings.name)
                self._tell(PlantError(699, where=f"source {self.settings.name}", found=repr(error)))
            worked = self.health.samples - before > 0 and not self._only_bad()
            failures = 1 if worked or time.monotonic() - begin > STEADY else failures + 1
            await self.intake.silence(tags, q.BAD_NO_COMMUNICATION)
            self.health.restarts += 1
            await asyncio.sleep(pause_after(failures, self.settings.backoff_max, random.random()))

    def _only_bad(self) -> bool:
        return all(q.is_bad(sample.quality) for sample in self.intake.latest.values())

    def _tell(self, error: PlantError) -> None:
        before = self.health.error
        self.health.state = WAITING
        self.health.error = error
        if before is None or before.args != error.args:
            log.warning("%s: %s", self.settings.name, error)
            self._events.write("lnx.collector.trouble", source=self.settings.name, part="", status=error.status)
