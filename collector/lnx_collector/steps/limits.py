"""type = "limits": marks values that cannot be: outside a range, or changing faster than the thing can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample


class LimitsSettings(StepSettings):
    """type = "limits"."""

    type: Literal["limits"]
    low: float | None = None
    """Least value that can be."""
    high: float | None = None
    """Greatest value that can be."""
    rate: float | None = Field(None, gt=0)
    """Fastest change per second that can be, from the last believable value."""
    mark: Literal["uncertain", "bad"] = "uncertain"
    """uncertain keeps the value and marks it; bad takes the value away."""


class LimitsStep:
    """Remembers the last believable sample of each tag."""

    def __init__(self, settings: LimitsSettings) -> None:
        self._settings = settings
        self._believed: dict[str, Sample] = {}

    def apply(self, sample: Sample) -> Sequence[Sample]:
        value = sample.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not q.is_good(sample.quality):
            return (sample,)
        low, high = self._settings.low, self._settings.high
        outside = (low is not None and value < low) or (high is not None and value > high)
        if not outside and not self._too_fast(sample, value):
            self._believed[sample.tag] = sample
            return (sample,)
        if self._settings.mark == "bad":
            return (sample._replace(value=None, quality=q.BAD_OUT_OF_RANGE),)
        return (sample._replace(quality=q.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED if outside else q.UNCERTAIN_SENSOR_NOT_ACCURATE),)

    def _too_fast(self, sample: Sample, value: float) -> bool:
        last = self._believed.get(sample.tag)
        if self._settings.rate is None or last is None or not isinstance(last.value, int | float):
            return False
        seconds = (sample.time - last.time) / 1e9
        return seconds > 0 and abs(value - last.value) > self._settings.rate * seconds

    def tick(self, now: int) -> Sequence[Sample]:
        return ()

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


SAMPLE = """\
[[step]]
type = "limits"           # mark what cannot be   있을 수 없는 값을 표시
tags = ["oven.temperature"]
low = -20.0
high = 300.0
rate = 15.0               # degrees per second   초당 최대 변화량
mark = "uncertain"        # or "bad"
"""
KIND = StepKind(LimitsSettings, LimitsStep, SAMPLE)
