"""The intake of one source: through the steps into the historian, with everything counted on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from lnx_common.errors import PlantError

from lnx_collector import quality as q
from lnx_collector.historian import Historian, Loss
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.health import RUNNING, Health
from lnx_collector.runtime.pipeline import Pipeline
from lnx_collector.sample import Sample, Tag, bad

log = logging.getLogger("lnx.collector")
Watcher = Callable[[Sequence[Sample]], None]


class SourceIntake:
    """What a source sees of the collector (contract.Intake)."""

    def __init__(
        self, health: Health, pipeline: Callable[[], Pipeline], historian: Historian, events: EventLog, now: Callable[[], int]
    ) -> None:
        self.health = health
        self.watchers: list[Watcher] = []
        self.latest: dict[str, Sample] = {}
        self._pipeline = pipeline
        self._historian = historian
        self._events = events
        self._now = now

    async def accept(self, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> None:
        for sample in samples:
            self.latest[sample.tag] = sample
        processed = self._pipeline().apply(samples)
        if processed or bookmark:
            await self._historian.accept(self.health.name, processed, bookmark)
        bad_ones = sum(1 for sample in samples if sample.quality & q.BAD)
        self.health.samples += len(samples)
        self.health.bad += bad_ones
        if bad_ones < len(samples):
            self.well()
        if samples:
            self.health.last_time = samples[-1].receive_time
        for watcher in self.watchers:
            watcher(processed)

    def bookmarks(self) -> Mapping[str, str]:
        return self._historian.bookmarks(self.health.name)

    def describe(self, tags: Sequence[Tag]) -> None:
        self._historian.describe(self._pipeline().describe(tags))

    def lost(self, count: int, reason: str, tag: str = "") -> None:
        now = self._now()
        self.health.lost += count
        self._historian.lost([Loss(self.health.name, reason, count, tag, now, now)])

    def trouble(self, part: str, error: PlantError) -> None:
        before = self.health.parts.get(part)
        self.health.parts[part] = error
        if before is None or before.args != error.args:
            log.warning("%s %s: %s", self.health.name, part, error)
            self._events.write("lnx.collector.trouble", source=self.health.name, part=part, status=error.status)

    def well(self, part: str = "") -> None:
        if part:
            if self.health.parts.pop(part, None) is not None:
                self._events.write("lnx.collector.well", source=self.health.name, part=part)
            return
        if self.health.state != RUNNING:
            self.health.state = RUNNING
            self._events.write("lnx.collector.well", source=self.health.name, part="")
        self.health.error = None

    async def silence(self, tags: Sequence[Tag], quality: int) -> None:
        """Marks every tag Bad, once, because its source has stopped working."""
        now = self._now()
        names = {tag.name: None for tag in tags} | dict.fromkeys(self.latest)
        fallen = [name for name in names if name not in self.latest or not q.is_bad(self.latest[name].quality)]
        if fallen:
            await self.accept([bad(name, quality, now) for name in fallen])
