"""What the collector knows of the wall clock that its samples are stamped with.

A clock that is wrong stays in the samples: nothing is stamped anew. Instead events tell which samples (by number) were stamped with which
clock, so that whoever reads them years later can put the times right: "unsynchronised" at the start when the clock cannot be right
(before this program was written, or earlier than samples that are stored already), "corrected" when it then jumps to a time that can be,
"jump" for every other change, "suspend" when the machine slept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lnx_common.clocks import Clock, ClockWatch, plausible

BEHIND_NS = 60 * 10**9  # a clock may be put back by a minute without being told wrong


@dataclass(frozen=True)
class ClockEvent:
    """Attributes of `lnx.collector.clock`; samples first_seq..last_seq have times of the clock as it was before."""

    kind: str
    seconds: float
    before: int
    after: int
    first_seq: int
    last_seq: int


class WallClock:
    """Looks at the clock; used by one task."""

    def __init__(self, clock: Clock, last_seq: Callable[[], int], newest_ns: int) -> None:
        """``last_seq`` tells the number of the last sample; ``newest_ns`` is when the last stored one was received, 0 = there is none."""
        self._watch = ClockWatch(clock)
        self._clock = clock
        self._last_seq = last_seq
        self._newest = newest_ns
        self._first = last_seq() + 1
        self.wrong = False

    def begin(self) -> ClockEvent | None:
        """At the start: whether the clock can be right."""
        now = self._clock.wall_ns()
        self.wrong = not self._right(now)
        if not self.wrong:
            return None
        return ClockEvent(
            "unsynchronised", (now - self._newest) / 1e9 if self._newest else 0.0, self._newest, now, self._first, self._first - 1
        )

    def look(self) -> ClockEvent | None:
        """What has happened since the last look, if anything."""
        change = self._watch.look()
        if change is None:
            return None
        kind = change.kind
        if kind == "jump" and self.wrong and self._right(change.after_ns):
            kind, self.wrong = "corrected", False
        told = ClockEvent(kind, change.seconds, change.before_ns, change.after_ns, self._first, self._last_seq())
        if kind != "suspend":
            self._first = told.last_seq + 1
        return told

    def _right(self, now: int) -> bool:
        return plausible(now) and now > self._newest - BEHIND_NS
