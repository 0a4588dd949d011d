"""type = "vibration-cycle": features of a fast signal for each cycle of the machine, between two edges of a trigger tag.

For signal `t` and each cycle: the features of `vibration`, and `t.duration` in seconds. Their source_time is the end of the cycle.

Signal and trigger come by different ways and not at the same moment, so a cycle is cut by the times of measurement, not by the order of
arrival: it is computed when the signal has passed its end, or `late` seconds after it. A cycle with a Bad sample in it, with fewer than
16 samples, longer than `longest`, or whose trigger fails, gives Bad features: no cycle is left out silently.

Invariants: at most rate * (longest + late) samples of a signal are held; each cycle gives its features once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from lnx_common.config import Seconds, rule_broken
from pydantic import Field, model_validator

from lnx_collector import quality as q
from lnx_collector.contract import Name, StepKind, StepSettings
from lnx_collector.sample import Sample, bad, good
from lnx_collector.steps.vibration import features

LEAST = 16


class VibrationCycleSettings(StepSettings):
    """type = "vibration-cycle"."""

    type: Literal["vibration-cycle"]
    trigger: Name
    """Tag whose edges cut the cycles: a truth value, or a number above `level`."""
    level: float = 0.5
    """The trigger is on above this."""
    until: Literal["next", "off"] = "next"
    """A cycle begins when the trigger goes on, and ends when it goes on again (next) or off (off)."""
    rate: float = Field(gt=0)
    """Samples per second of the signal."""
    bands: tuple[tuple[float, float], ...] = ()
    """Pairs (low, high) in Hz, up to half of rate."""
    late: Seconds = Field(5.0, gt=0)
    """How much later the signal or the trigger may arrive than the other."""
    longest: Seconds = Field(60.0, gt=0)
    """A cycle longer than this is Bad."""
    keep_raw: bool = False
    """Pass the raw samples on too."""

    @property
    def patterns(self) -> tuple[str, ...]:
        return (*self.tags, self.trigger)

    @model_validator(mode="after")
    def _bands_fit(self) -> VibrationCycleSettings:
        if any(not 0 <= low < high <= self.rate / 2 for low, high in self.bands):
            raise rule_broken("bands with low < high, at most half of rate", "low < high이고 rate의 절반 이하인 대역")
        return self


class _Cycle(NamedTuple):
    """From ``begin`` (not included) to ``end``; ``known`` is when its end was heard of. Not ``whole``: the trigger failed in it."""

    begin: int
    end: int
    known: int
    whole: bool = True


@dataclass
class _Signal:
    """What is held of one signal: (time, value), None where a sample was not Good."""

    held: deque[tuple[int, float | None]]
    cycles: deque[_Cycle] = field(default_factory=deque)


class VibrationCycleStep:
    """Holds the open cycle of each signal."""

    def __init__(self, settings: VibrationCycleSettings) -> None:
        self._settings = settings
        self._late = int(settings.late * 1e9)
        self._longest = int(settings.longest * 1e9)
        self._most = max(LEAST, int(settings.rate * (settings.longest + settings.late)))
        self._signals: dict[str, _Signal] = {}
        self._on: bool | None = None
        self._begin: int | None = None

    def apply(self, sample: Sample) -> Sequence[Sample]:
        if sample.tag == self._settings.trigger:
            self._edge(sample)
            return (sample, *(made for name in self._signals for made in self._finished(name, sample.receive_time, waited=False)))
        if isinstance(sample.value, str):
            return (sample,)
        signal = self._signals.setdefault(sample.tag, _Signal(deque(maxlen=self._most)))
        usable = isinstance(sample.value, int | float) and q.is_good(sample.quality)
        signal.held.append((sample.time, float(sample.value or 0) if usable else None))
        self._forget(signal)
        made = self._finished(sample.tag, sample.receive_time, waited=False)
        return (sample, *made) if self._settings.keep_raw or not usable else made

    def _edge(self, sample: Sample) -> None:
        """Begins and ends cycles by the trigger."""
        before = self._on
        if not isinstance(sample.value, int | float) or q.is_bad(sample.quality):
            self._on = None
            self._end(sample, whole=False)
            return
        self._on = float(sample.value) > self._settings.level
        rises, falls = self._on and before is False, before is True and not self._on
        if rises or (falls and self._settings.until == "off"):
            self._end(sample, whole=True)
        if rises:
            self._begin = sample.time

    def _end(self, sample: Sample, *, whole: bool) -> None:
        if self._begin is not None:
            cycle = _Cycle(self._begin, sample.time, sample.receive_time, whole)
            for signal in self._signals.values():
                signal.cycles.append(cycle)
        self._begin = None

    def _forget(self, signal: _Signal) -> None:
        """Lets go of samples that no cycle can ask for any more."""
        needed = min(signal.held[-1][0] - self._late, *(one.begin for one in signal.cycles), self._begin or 2**63)
        while signal.held and signal.held[0][0] <= needed:
            signal.held.popleft()

    def _finished(self, name: str, now: int, *, waited: bool) -> list[Sample]:
        """The features of every cycle whose end the signal has passed, or that was waited for long enough."""
        signal, made = self._signals[name], []
        while signal.cycles:
            cycle = signal.cycles[0]
            passed = signal.held and signal.held[-1][0] > cycle.end
            if not passed and not waited and now - cycle.known <= self._late:
                break
            signal.cycles.popleft()
            made += self._features(name, [value for time, value in signal.held if cycle.begin < time <= cycle.end], cycle)
        return made

    def _features(self, name: str, values: list[float | None], cycle: _Cycle) -> list[Sample]:
        usable = [value for value in values if value is not None]
        fits = cycle.whole and len(usable) == len(values) >= LEAST and cycle.end - cycle.begin <= self._longest
        found = features(np.array(usable if fits else [0.0] * LEAST), self._settings.rate, self._settings.bands)
        found["duration"] = (cycle.end - cycle.begin) / 1e9
        if fits:
            return [good(f"{name}.{feature}", value, cycle.known, cycle.end) for feature, value in found.items()]
        return [bad(f"{name}.{feature}", q.BAD_SENSOR_FAILURE, cycle.known, cycle.end) for feature in found]

    def tick(self, now: int) -> Sequence[Sample]:
        return [made for name in self._signals for made in self._finished(name, now, waited=False)]

    def finish(self, now: int) -> Sequence[Sample]:
        return [made for name in self._signals for made in self._finished(name, now, waited=True)]


SAMPLE = """\
[[step]]
type = "vibration-cycle"  # features of each machine cycle   설비 사이클마다 진동 특징값
tags = ["spindle.vibration"]
trigger = "spindle.cutting"
until = "off"             # while it cuts   절삭 중에만
rate = 10000
bands = [[10, 1000], [1000, 5000]]
"""
KIND = StepKind(VibrationCycleSettings, VibrationCycleStep, SAMPLE)
