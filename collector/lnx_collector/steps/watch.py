"""type = "watch": notices a tag that says nothing (stale) and a sensor that always says the same (stuck)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lnx_common.config import Seconds
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample, bad


class WatchSettings(StepSettings):
    """type = "watch"."""

    type: Literal["watch"]
    stale_after: Seconds | None = Field(None, gt=0)
    """No sample for so long: one Bad sample (BAD_NO_COMMUNICATION) is made, until the tag speaks again."""
    stuck_after: Seconds | None = Field(None, gt=0)
    """The same value for so long: samples become UNCERTAIN_SENSOR_NOT_ACCURATE, until it moves."""


@dataclass
class _Seen:
    last: Sample
    moved: int
    told_stale: bool = False


class WatchStep:
    """Remembers when each tag spoke and when it moved."""

    def __init__(self, settings: WatchSettings) -> None:
        self._stale = None if settings.stale_after is None else int(settings.stale_after * 1e9)
        self._stuck = None if settings.stuck_after is None else int(settings.stuck_after * 1e9)
        self._seen: dict[str, _Seen] = {}

    def apply(self, sample: Sample) -> Sequence[Sample]:
        seen = self._seen.get(sample.tag)
        if seen is None or sample.value != seen.last.value or sample.receive_time < seen.moved:
            self._seen[sample.tag] = _Seen(sample, sample.receive_time)
            return (sample,)
        seen.last, seen.told_stale = sample, False
        if self._stuck is not None and sample.quality == q.GOOD and sample.receive_time - seen.moved >= self._stuck:
            return (sample._replace(quality=q.UNCERTAIN_SENSOR_NOT_ACCURATE),)
        return (sample,)

    def tick(self, now: int) -> Sequence[Sample]:
        if self._stale is None:
            return ()
        fallen = []
        for tag, seen in self._seen.items():
            if not seen.told_stale and not q.is_bad(seen.last.quality) and now - seen.last.receive_time >= self._stale:
                seen.told_stale = True
                fallen.append(bad(tag, q.BAD_NO_COMMUNICATION, now))
        return fallen

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


SAMPLE = """\
[[step]]
type = "watch"            # notice silence and frozen sensors   무응답·고착 센서 감지
tags = ["*"]
stale_after = "30s"
stuck_after = "30m"
"""
KIND = StepKind(WatchSettings, WatchStep, SAMPLE)
