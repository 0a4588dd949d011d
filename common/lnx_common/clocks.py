"""Two clocks and what happens between them: the wall clock says when, the monotonic clock says how long.

Timers of services run on the monotonic clock alone, so that a clock that is set, synchronised or dead never starves or floods them.
A jump is a change of the wall clock that the monotonic clock did not see; a suspend is time in which the monotonic clock stood.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

JUMP_S = 2.0
EARLIEST_NS = 1_767_225_600 * 10**9  # 2026-01-01: no clock that is right can be before this program was written
LATEST_NS = 4_102_444_800 * 10**9  # 2100-01-01


class Clock(Protocol):
    """Where the time comes from; tests put their own here."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, as the machine believes."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only ever grow; may stand while the machine sleeps."""

    def boot_ns(self) -> int:
        """Nanoseconds that only ever grow and count sleep too."""


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def boot_ns(self) -> int:
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return time.monotonic_ns()  # Windows: counts sleep already


@dataclass(frozen=True)
class ClockChange:
    """The wall clock moved by itself (``kind`` "jump") or the machine slept ("suspend"). Seconds; forward is positive."""

    kind: str
    seconds: float
    before_ns: int
    after_ns: int


class ClockWatch:
    """Compares the clocks at each look; call it at least every few seconds."""

    def __init__(self, clock: Clock, tolerance_s: float = JUMP_S) -> None:
        self._clock = clock
        self._tolerance = tolerance_s
        self._last = self._now()

    def look(self) -> ClockChange | None:
        """What happened since the last look, if anything."""
        wall, monotonic, boot = self._now()
        old_wall, old_monotonic, old_boot = self._last
        self._last = (wall, monotonic, boot)
        expected = old_wall + (boot - old_boot)
        drift = (wall - expected) / 1e9
        slept = ((boot - old_boot) - (monotonic - old_monotonic)) / 1e9
        if abs(drift) > self._tolerance:
            return ClockChange("jump", drift, expected, wall)
        if slept > self._tolerance:
            return ClockChange("suspend", slept, old_wall, wall)
        return None

    def _now(self) -> tuple[int, int, int]:
        return self._clock.wall_ns(), self._clock.monotonic_ns(), self._clock.boot_ns()


def plausible(wall_ns: int) -> bool:
    """Whether a wall clock can be right: a dead battery says 1970 or the day the board was made."""
    return EARLIEST_NS <= wall_ns <= LATEST_NS


def boot_id() -> str:
    """A text that changes with every start of the machine."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text(encoding="ascii").strip()
    return f"boot-{int(psutil.boot_time()) // 10 * 10}"  # the value wobbles by a second


class Every:
    """A timer on the monotonic clock: true at most once per period. The first is due after one period, or at once."""

    def __init__(self, seconds: float, clock: Clock, *, at_once: bool = False) -> None:
        self._period = int(seconds * 1e9)
        self._clock = clock
        self._due = clock.monotonic_ns() + (0 if at_once else self._period)

    def due(self) -> bool:
        """Whether a period has passed; begins the next one if so. Missed periods are not made up."""
        now = self._clock.monotonic_ns()
        if now < self._due:
            return False
        self._due = now + self._period
        return True

    def restart(self) -> None:
        """Begins a whole period now."""
        self._due = self._clock.monotonic_ns() + self._period
