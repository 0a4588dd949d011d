"""type = "scale": raw counts into units, by a line or by a table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from lnx_common.config import rule_broken
from pydantic import field_validator

from lnx_collector import quality as q
from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample, checked


class ScaleSettings(StepSettings):
    """type = "scale"."""

    type: Literal["scale"]
    scale: float = 1.0
    """value = raw * scale + offset, after the table."""
    offset: float = 0.0
    table: tuple[tuple[float, float], ...] = ()
    """Pairs (raw, value) with rising raw; between them a line, outside the nearest value with quality GOOD_CLAMPED."""
    low: float | None = None
    """Lower values are set to this, with quality GOOD_CLAMPED."""
    high: float | None = None
    """Higher values are set to this, with quality GOOD_CLAMPED."""

    @field_validator("table")
    @classmethod
    def _rising(cls, table: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        if table and (len(table) < 2 or any(b[0] <= a[0] for a, b in zip(table, table[1:], strict=False))):  # noqa: RUF007
            raise rule_broken("at least two pairs with rising first numbers", "첫 값이 증가하는 두 쌍 이상")
        return table


class ScaleStep:
    """Stateless."""

    def __init__(self, settings: ScaleSettings) -> None:
        self._settings = settings
        self._raws = [raw for raw, _ in settings.table]

    def apply(self, sample: Sample) -> Sequence[Sample]:
        value = sample.value
        if not isinstance(value, int | float) or isinstance(value, bool):
            return (sample,)
        result, clamped = self._by_table(float(value))
        result = result * self._settings.scale + self._settings.offset
        low, high = self._settings.low, self._settings.high
        if low is not None and result < low:
            result, clamped = low, True
        if high is not None and result > high:
            result, clamped = high, True
        code = q.GOOD_CLAMPED if clamped and sample.quality == q.GOOD else sample.quality
        return (checked(sample._replace(value=result, quality=code)),)

    def _by_table(self, raw: float) -> tuple[float, bool]:
        table = self._settings.table
        if not table:
            return raw, False
        if raw < table[0][0]:
            return table[0][1], True
        if raw >= table[-1][0]:
            return table[-1][1], raw > table[-1][0]
        i = bisect_right(self._raws, raw) - 1
        (x0, y0), (x1, y1) = table[i], table[i + 1]
        return y0 + (raw - x0) / (x1 - x0) * (y1 - y0), False

    def tick(self, now: int) -> Sequence[Sample]:
        return ()

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


SAMPLE = """\
[[step]]
type = "scale"            # counts of a converter to degrees   변환기 값을 온도로
tags = ["oven.*"]
table = [[0, -20.0], [2048, 100.0], [4095, 250.0]]
"""
KIND = StepKind(ScaleSettings, ScaleStep, SAMPLE)
