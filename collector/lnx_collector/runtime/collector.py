"""The running collector: one configuration, its sources, steps, historian and sinks.

`reload` exchanges only what has changed: an unchanged source keeps its connection. A changed source that does not deliver within
`GRACE` seconds, where the old one did, is rolled back to its last good settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lnx_common.clocks import Clock, SystemClock
from lnx_common.errors import PlantError
from lnx_common.files import InstanceLock

from lnx_collector.config import Config, load_config
from lnx_collector.contract import SinkContext, SinkSettings, SourceContext, SourceSettings
from lnx_collector.historian import Historian
from lnx_collector.historian.parquet_process import ParquetProcess
from lnx_collector.runtime.delivery import SinkRunner
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.health import RUNNING, Health
from lnx_collector.runtime.intake import SourceIntake, Watcher
from lnx_collector.runtime.pipeline import Pipeline
from lnx_collector.runtime.supervisor import SourceRunner
from lnx_collector.runtime.wall_clock import ClockEvent, WallClock
from lnx_collector.sample import Sample

log = logging.getLogger("lnx.collector")
GRACE = 10.0
LOOK_AT_FILE = 2.0
MAINTAIN = 10.0
LAST_GOOD = "last-good.toml"


class Collector:
    """Start, reload, stop. Everything happens on one event loop."""

    def __init__(
        self, config: Config, events: EventLog, now: Callable[[], int] = time.time_ns, grace: float = GRACE, clock: Clock | None = None
    ) -> None:
        """Opens the historian. Raises PlantError 622 when another collector works there, 703 when the folder cannot be used."""
        self.config = config
        self.events = events
        self.now = now
        self.started = now()
        self.trouble: PlantError | None = None
        self.sources: dict[str, SourceRunner] = {}
        self.sinks: dict[str, SinkRunner] = {}
        self.pipeline = Pipeline(config.steps)
        self._grace = grace
        self._watchers: list[Watcher] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = InstanceLock(config.data / "lock")
        try:
            work = ParquetProcess(config.data)
            self.historian = Historian(config.data, config.historian, trouble=self._historian_trouble, work=work)
        except BaseException:
            self._lock.release()
            raise
        self.clock = WallClock(clock or SystemClock(), lambda: self.historian.last_seq, self.historian.newest())

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Starts every source and sink that is enabled."""
        self.events.write(
            "lnx.collector.start", sources=len(self.config.sources), sinks=len(self.config.sinks), stream=self.historian.stream
        )
        self._tell_clock(self.clock.begin())
        for source in self.config.sources:
            self._start_source(source)
        for sink in self.config.sinks:
            self._start_sink(sink)
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._maintain())]
        if self.config.collector.reload:
            self._tasks.append(asyncio.create_task(self._watch_file()))

    async def stop(self) -> None:
        """Stops sources, writes what steps hold back, stops sinks, closes the files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(runner.stop() for runner in self.sources.values()))
        await self._keep(self.pipeline.finish(self.now()))
        await asyncio.gather(*(runner.stop() for runner in self.sinks.values()))
        await asyncio.to_thread(self.historian.close)
        self.events.write("lnx.collector.stop", samples=self.historian.accepted)
        self.events.close()
        self._lock.release()

    async def sources_done(self) -> None:
        """Returns when no source has anything more to give (files)."""
        while self.sources:
            running = [runner.finished for runner in self.sources.values() if not runner.finished.done()]
            if not running:
                return
            await asyncio.wait(running, timeout=1)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Shows every processed batch to ``watcher`` until the returned function is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _start_source(self, settings: SourceSettings, health: Health | None = None) -> SourceRunner | None:
        if not settings.enabled:
            return None
        context = SourceContext(settings.name, self.config.data, self.now)
        intake = SourceIntake(health or Health(settings.name, settings.type), lambda: self.pipeline, self.historian, self.events, self.now)
        intake.watchers.append(self._show)
        runner = SourceRunner(settings, context, intake, self.events)
        self.sources[settings.name] = runner
        runner.start()
        return runner

    def _start_sink(self, settings: SinkSettings) -> None:
        if settings.enabled:
            context = SinkContext(settings.name, self.historian.stream, self.config.data, self.now)
            health = Health(settings.name, settings.type)
            self.sinks[settings.name] = SinkRunner(settings, context, self.historian, health, self.events)
            self.sinks[settings.name].start()

    def _show(self, samples: Sequence[Sample]) -> None:
        for watcher in self._watchers:
            watcher(samples)

    def _historian_trouble(self, error: PlantError | None) -> None:
        """Called from the historian's thread."""
        before, self.trouble = self.trouble, error
        if error is not None and (before is None or before.args != error.args):
            log.error("%s", error)
            self.events.write("lnx.collector.trouble", source="historian", part="", status=error.status)
        elif error is None and before is not None:
            self.events.write("lnx.collector.well", source="historian", part="")

    async def _keep(self, samples: Sequence[Sample]) -> None:
        if samples:
            await self.historian.accept("steps", samples)
            self._show(samples)

    def _tell_clock(self, told: ClockEvent | None) -> None:
        if told is not None:
            log.warning("the clock: %s, %.1f s", told.kind, told.seconds)
            self.events.write("lnx.collector.clock", **dataclasses.asdict(told))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._tell_clock(self.clock.look())
            await self._keep(self.pipeline.tick(self.now()))

    async def _maintain(self) -> None:
        told: PlantError | None = None
        while True:
            await asyncio.sleep(MAINTAIN)
            try:
                await asyncio.to_thread(self.historian.maintain)
            except Exception as error:
                log.exception("maintenance of the historian")
                told = PlantError(703, where=str(self.config.data), found=str(error))
                self._historian_trouble(told)
            else:
                if told is not None and self.trouble is told:
                    self._historian_trouble(None)
                told = None

    # ── reload ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch_file(self) -> None:
        seen = _stamp(self.config.path)
        while True:
            await asyncio.sleep(LOOK_AT_FILE)
            stamp = _stamp(self.config.path)
            if stamp is None or stamp == seen:
                continue
            seen = stamp
            try:
                fresh = await asyncio.to_thread(load_config, self.config.path)
            except PlantError as error:
                log.error("the changed configuration is refused, the running one stays:\n%s", error)
                self.events.write("lnx.collector.config", outcome="refused", status=error.status)
                continue
            await self.reload(fresh)

    async def reload(self, fresh: Config) -> list[str]:
        """Takes over a checked configuration; returns the names of sources that were rolled back."""
        if (fresh.collector, fresh.historian) != (self.config.collector, self.config.historian):
            log.warning("changes in [collector] and [historian] count from the next start")
        if fresh.steps != self.config.steps:
            await self._keep(self.pipeline.finish(self.now()))
            self.pipeline = Pipeline(fresh.steps)
        await self._reload_sinks(fresh)
        rolled_back = await self._reload_sources(fresh)
        kept = tuple(self.sources[one.name].settings if one.name in rolled_back else one for one in fresh.sources)
        self.config = dataclasses.replace(fresh, collector=self.config.collector, historian=self.config.historian, sources=kept)
        outcome = "rolled_back" if rolled_back else "taken"
        self.events.write("lnx.collector.config", outcome=outcome, sources=rolled_back)
        if not rolled_back:
            self.keep_last_good()
        return rolled_back

    def keep_last_good(self) -> None:
        """Copies the configuration beside the data, for whoever has to find out what ran."""
        with contextlib.suppress(OSError):
            shutil.copyfile(self.config.path, self.config.data / LAST_GOOD)

    async def _reload_sinks(self, fresh: Config) -> None:
        wanted = {one.name: one for one in fresh.sinks}
        for name, runner in list(self.sinks.items()):
            if wanted.get(name) != runner.settings:
                await runner.stop()
                del self.sinks[name]
        for name, settings in wanted.items():
            if name not in self.sinks:
                self._start_sink(settings)

    async def _reload_sources(self, fresh: Config) -> list[str]:
        wanted = {one.name: one for one in fresh.sources}
        changed: list[tuple[SourceSettings, SourceRunner, bool]] = []
        for name, runner in list(self.sources.items()):
            settings = wanted.get(name)
            if settings == runner.settings:
                continue
            was_well = runner.health.state == RUNNING
            await runner.stop()
            del self.sources[name]
            if settings is not None:
                changed.append((settings, runner, was_well))
        old = {settings.name for settings, _, _ in changed}
        for name, settings in wanted.items():
            if name not in self.sources:
                self._start_source(settings)
                log.info("source %s: %s", name, "changed" if name in old else "new")
        outcomes = await asyncio.gather(*(self._settle(settings, runner, was_well) for settings, runner, was_well in changed))
        return [name for name in outcomes if name]

    async def _settle(self, settings: SourceSettings, before: SourceRunner, was_well: bool) -> str:
        """Waits until a changed source works; else puts the old one back. Returns its name when it was rolled back, else ""."""
        runner = self.sources.get(settings.name)
        if runner is None or not was_well:
            return ""
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline:
            if runner.health.state == RUNNING or runner.finished.done():
                return ""
            await asyncio.sleep(0.05)
        error = runner.health.error
        log.error("source %s does not work with its new settings and is rolled back: %s", settings.name, error)
        await runner.stop()
        self._start_source(before.settings)
        return settings.name


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
