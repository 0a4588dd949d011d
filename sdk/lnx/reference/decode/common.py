"""What the twins share: the sigmoid, thresholds and smallest areas of the manifest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnx.manifest import Manifest

Array = NDArray[Any]


def sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x.astype(np.float64))))


def threshold(manifest: Manifest, class_id: int) -> float:
    label = next((label for label in manifest.labels if label.id == class_id), None)
    return manifest.thresholds.score if label is None or label.threshold is None else label.threshold


def min_area(manifest: Manifest, class_id: int) -> float:
    return next((label.min_area_px for label in manifest.labels if label.id == class_id), 0.0)


def lowest_threshold(manifest: Manifest) -> float:
    """The lowest score that may still count, guard band included."""
    of_labels = [threshold(manifest, label.id) for label in manifest.labels]
    return min([manifest.thresholds.score, *of_labels]) - manifest.thresholds.guard
