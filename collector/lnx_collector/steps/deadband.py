"""type = "deadband": keeps a sample only when its value has moved, its quality has changed, or the heartbeat is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lnx_common.config import Seconds
from pydantic import Field

from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample


class DeadbandSettings(StepSettings):
    """type = "deadband"."""

    type: Literal["deadband"]
    absolute: float = Field(0.0, ge=0)
    """The value must differ from the last kept one by more than this."""
    percent: float = Field(0.0, ge=0)
    """And by more than this share of the last kept value."""
    heartbeat: Seconds = Field(60.0, gt=0)
    """A sample at least this old since the last kept one is kept whatever its value: nothing new differs from no connection."""


class DeadbandStep:
    """Remembers the last kept sample of each tag."""

    def __init__(self, settings: DeadbandSettings) -> None:
        self._settings = settings
        self._heartbeat = int(settings.heartbeat * 1e9)
        self._kept: dict[str, Sample] = {}

    def apply(self, sample: Sample) -> Sequence[Sample]:
        last = self._kept.get(sample.tag)
        if last is not None and not self._matters(last, sample):
            return ()
        self._kept[sample.tag] = sample
        return (sample,)

    def _matters(self, last: Sample, sample: Sample) -> bool:
        if sample.quality != last.quality or not 0 <= sample.receive_time - last.receive_time < self._heartbeat:
            return True
        if isinstance(sample.value, int | float) and isinstance(last.value, int | float) and not isinstance(sample.value, bool):
            limit = max(self._settings.absolute, abs(last.value) * self._settings.percent / 100)
            return abs(sample.value - last.value) > limit
        return sample.value != last.value

    def tick(self, now: int) -> Sequence[Sample]:
        return ()

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


SAMPLE = """\
[[step]]
type = "deadband"         # keep a value only when it has moved   값이 변할 때만 저장
tags = ["press1.*"]
absolute = 0.2
heartbeat = "60s"         # but at least once a minute   최소 1분에 한 번은 저장
"""
KIND = StepKind(DeadbandSettings, DeadbandStep, SAMPLE)
