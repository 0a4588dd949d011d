"""The uplinks of a running agent, each in a thread of its own, exchanged while the agent works.

Invariants: at most one thread works on the folder of an uplink at a time: a successor begins when its predecessor has ended, with the
position that it left; an uplink that fails in a way nobody thought of is started again, and the failure is an alarm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from lnx_common.errors import PlantError
from lnx_common.service import StopSignal

from lnx_agent.config import UplinkSettings
from lnx_agent.ownlog import Alarms
from lnx_agent.uplinks.base import Uplink

AGAIN_S = 1.0
Make = Callable[[UplinkSettings], Uplink]


class _Delivery:
    """One uplink and its thread."""

    def __init__(self, settings: UplinkSettings, make: Make, alarms: Alarms, before: _Delivery | None, first: Uplink | None) -> None:
        self.settings, self._make, self._alarms = settings, make, alarms
        self.uplink = first
        self.stop = StopSignal()
        self._before = before
        self._thread = threading.Thread(target=self._work, name=settings.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def _work(self) -> None:
        alarm = f"uplink {self.settings.name}"
        if self._before is not None:
            self._before.join()
            self._before = self.uplink = None  # made anew, where the one before has stopped
        while not self.stop.is_set():
            try:
                if self.uplink is None:
                    self.uplink = self._make(self.settings)
                    self._alarms.clear(alarm)
                self.uplink.run(self.stop)
            except Exception as error:
                self._alarms.raise_(alarm, str(error) if isinstance(error, PlantError) else f"{type(error).__name__}: {error}")
                self.stop.wait(AGAIN_S)
        self._alarms.clear(alarm)


class Deliveries:
    """All of them."""

    def __init__(self, alarms: Alarms, wake: threading.Event) -> None:
        self._alarms, self._wake = alarms, wake
        self._running: dict[str, _Delivery] = {}
        self._leaving: list[_Delivery] = []

    @property
    def uplinks(self) -> list[Uplink]:
        """Those that deliver now, in the order of the settings."""
        return [one.uplink for one in self._running.values() if one.uplink is not None]

    def begin(self, wanted: Sequence[UplinkSettings], make: Make) -> None:
        """Begins all. One that cannot be made, because its secret is missing, is an alarm and is tried again: the log goes on."""
        for settings in wanted:
            try:
                first = make(settings)
            except PlantError as error:
                self._alarms.raise_(f"uplink {settings.name}", str(error))
                first = None
            self._running[settings.name] = _Delivery(settings, make, self._alarms, None, first)
        for one in self._running.values():
            one.start()

    def apply(self, wanted: Sequence[UplinkSettings], make: Make, *, all_anew: bool = False) -> None:
        """Begins, replaces and ends uplinks. Raises PlantError when one cannot be made; then nothing has changed."""
        old = self._running
        now: dict[str, _Delivery] = {}
        for settings in wanted:
            before = old.get(settings.name)
            same = before is not None and before.settings == settings and not all_anew
            now[settings.name] = before if before is not None and same else _Delivery(settings, make, self._alarms, before, make(settings))
        self._running = now
        for name, one in old.items():
            if now.get(name) is not one:
                one.stop.set()
                self._leaving.append(one)
        self._wake.set()
        for name, one in now.items():
            if old.get(name) is not one:
                one.start()

    def end(self, seconds: float) -> None:
        """Stops all; waits so long at most, because what they have delivered is on the disk already."""
        deadline = time.monotonic() + seconds
        every = [*self._running.values(), *self._leaving]
        for one in every:
            one.stop.set()
        self._wake.set()
        for one in every:
            one.join(max(0.0, deadline - time.monotonic()))
