"""Normalisation that is fit once and saved: the same parameters serve training, test and the line."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Normalisation(NamedTuple):
    """value' = (value - offset) / scale."""

    kind: str
    offset: float
    scale: float

    def apply(self, values: Floats) -> Floats:
        return (values - self.offset) / self.scale

    def undo(self, values: Floats) -> Floats:
        return values * self.scale + self.offset

    def as_dict(self) -> dict[str, Any]:
        return dict(self._asdict())


def fit(kind: str, values: Floats) -> Normalisation:
    """From the values that are there (NaN is left out). A constant column gets scale 1, an empty one offset 0 and scale 1."""
    known = values[~np.isnan(values)]
    if kind == "none" or len(known) == 0:
        return Normalisation(kind, 0.0, 1.0)
    if kind == "minmax":
        offset, scale = float(known.min()), float(known.max() - known.min())
    elif kind == "zscore":
        offset, scale = float(known.mean()), float(known.std())
    elif kind == "robust":
        low, middle, high = np.percentile(known, [25, 50, 75])
        offset, scale = float(middle), float(high - low)
    else:
        raise ValueError(kind)
    return Normalisation(kind, offset, scale or 1.0)
