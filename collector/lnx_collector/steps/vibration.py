"""type = "vibration": features of each window of a fast signal; 10 kHz of raw values would fill a disk, its features do not.

For tag `t` and each full window: `t.rms`, `t.peak` (greatest distance from the mean), `t.crest` (peak / rms), `t.kurtosis` (normal
distribution = 3) and, for each band, `t.band_LOW_HIGH`: the share of the mean square that lies between LOW and HIGH Hz, in the signal's
unit squared, from a Hann-windowed spectrum. All after the mean was taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from lnx_common.config import rule_broken
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lnx_collector import quality as q
from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample, good


class VibrationSettings(StepSettings):
    """type = "vibration"."""

    type: Literal["vibration"]
    rate: float = Field(gt=0)
    """Samples per second of the signal."""
    window: int = Field(1024, ge=16, le=1_000_000)
    """Samples per window."""
    bands: tuple[tuple[float, float], ...] = ()
    """Pairs (low, high) in Hz, up to half of rate."""
    keep_raw: bool = False
    """Pass the raw samples on too."""

    @model_validator(mode="after")
    def _bands_fit(self) -> VibrationSettings:
        if any(not 0 <= low < high <= self.rate / 2 for low, high in self.bands):
            raise rule_broken("bands with low < high, at most half of rate", "low < high이고 rate의 절반 이하인 대역")
        return self


class VibrationStep:
    """Holds the open window of each tag. A sample that is not Good begins a new window."""

    def __init__(self, settings: VibrationSettings) -> None:
        self._settings = settings
        self._open: dict[str, list[float]] = {}

    def apply(self, sample: Sample) -> Sequence[Sample]:
        raw = (sample,) if self._settings.keep_raw else ()
        if not isinstance(sample.value, int | float) or not q.is_good(sample.quality):
            self._open.pop(sample.tag, None)
            return (sample,)
        window = self._open.setdefault(sample.tag, [])
        window.append(float(sample.value))
        if len(window) < self._settings.window:
            return raw
        del self._open[sample.tag]
        found = features(np.array(window), self._settings.rate, self._settings.bands)
        return (*raw, *(good(f"{sample.tag}.{name}", value, sample.receive_time, sample.source_time) for name, value in found.items()))

    def tick(self, now: int) -> Sequence[Sample]:
        return ()

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


def features(values: NDArray[np.float64], rate: float, bands: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The features of one window, by name."""
    centred = values - values.mean()
    square = float(np.mean(centred**2))
    rms = square**0.5
    peak = float(np.abs(centred).max())
    found = {
        "rms": rms,
        "peak": peak,
        "crest": peak / rms if rms else 0.0,
        "kurtosis": float(np.mean(centred**4)) / square**2 if square else 0.0,
    }
    if bands:
        hann = np.hanning(len(centred) + 1)[:-1]
        power = np.abs(np.fft.rfft(centred * hann)) ** 2
        power[1 : len(power) - (1 - len(centred) % 2)] *= 2
        power /= len(centred) * np.sum(hann**2)
        frequencies = np.fft.rfftfreq(len(centred), 1 / rate)
        for low, high in bands:
            found[f"band_{low:g}_{high:g}"] = float(power[(frequencies >= low) & (frequencies < high)].sum())
    return found


SAMPLE = """\
[[step]]
type = "vibration"        # RMS, kurtosis and band energy per window   진동 특징값
tags = ["spindle.vibration"]
rate = 10000              # samples per second   초당 샘플 수
window = 4096
bands = [[10, 1000], [1000, 5000]]
"""
KIND = StepKind(VibrationSettings, VibrationStep, SAMPLE)
