"""type = "resample": many fast samples become one per period, at round times, so that tags of different sources share a clock.

A window covers (t - every, t] by the best known time, with t a multiple of `every` since 1970 UTC; its sample carries t as source_time.
Only Good samples count; a window without any gives nothing. Samples for a window that was given out already are dropped into the present
one, so that none is lost silently: they are late by less than the clocks differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lnx_common.config import Seconds
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample, good

REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "sum": sum,
    "count": lambda values: float(len(values)),
}


class ResampleSettings(StepSettings):
    """type = "resample"."""

    type: Literal["resample"]
    every: Seconds = Field(gt=0)
    """Length of a window."""
    how: Literal["mean", "min", "max", "first", "last", "sum", "count"] = "mean"
    """What stands for a window."""


@dataclass
class _Window:
    end: int
    values: list[float] = field(default_factory=list)
    receive_time: int = 0


class ResampleStep:
    """Holds the open window of each tag."""

    def __init__(self, settings: ResampleSettings) -> None:
        self._every = int(settings.every * 1e9)
        self._how = settings.how
        self._open: dict[str, _Window] = {}

    def apply(self, sample: Sample) -> Sequence[Sample]:
        value = sample.value
        if q.is_bad(sample.quality):
            return (*self._close(sample.tag), sample)
        if not isinstance(value, int | float) or not q.is_good(sample.quality):
            return (sample,)
        end = -(-sample.time // self._every) * self._every
        window = self._open.get(sample.tag)
        closed: Sequence[Sample] = ()
        if window is None or end > window.end:
            closed = self._close(sample.tag)
            window = self._open[sample.tag] = _Window(end)
        window.values.append(float(value))
        window.receive_time = sample.receive_time
        return closed

    def _close(self, tag: str) -> Sequence[Sample]:
        window = self._open.pop(tag, None)
        if window is None:
            return ()
        result = REDUCTIONS[self._how](window.values)
        return (good(tag, result, window.receive_time, window.end),)

    def tick(self, now: int) -> Sequence[Sample]:
        due = [tag for tag, window in self._open.items() if now > window.end + self._every]
        return [sample for tag in due for sample in self._close(tag)]

    def finish(self, now: int) -> Sequence[Sample]:
        return [sample for tag in list(self._open) for sample in self._close(tag)]


SAMPLE = """\
[[step]]
type = "resample"         # one mean per second   1초 평균
tags = ["spindle.current"]
every = "1s"
how = "mean"
"""
KIND = StepKind(ResampleSettings, ResampleStep, SAMPLE)
