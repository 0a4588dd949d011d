"""Presets: the recipe of a model family, filled from the graph and a few options. What is assumed is said.

A preset refuses a graph that it cannot explain, with what it found and what it expected.
"""

from __future__ import annotations

from collections.abc import Callable

from lnx.manifest import Manifest
from lnx.pack.presets.anomaly import anomaly
from lnx.pack.presets.classification import classification
from lnx.pack.presets.draft import COLORS, Draft
from lnx.pack.presets.efficientdet import efficientdet
from lnx.pack.presets.enhancement import enhancement
from lnx.pack.presets.instance import instance
from lnx.pack.presets.options import PresetOptions
from lnx.pack.presets.ppyoloe import ppyoloe
from lnx.pack.presets.rtdetr import rtdetr
from lnx.pack.presets.rtmdet import rtmdet
from lnx.pack.presets.segmentation import segmentation
from lnx.pack.presets.yolox import yolox

__all__ = ["COLORS", "PRESETS", "Draft", "PresetOptions", "describe_presets"]

PRESETS: dict[str, Callable[[Draft], Manifest]] = {
    "classification": classification,
    "yolox": yolox,
    "rtmdet": rtmdet,
    "rtdetr": rtdetr,
    "ppyoloe": ppyoloe,
    "efficientdet": efficientdet,
    "instance": instance,
    "segmentation": segmentation,
    "anomaly": anomaly,
    "enhancement": enhancement,
}


def describe_presets() -> dict[str, str]:
    """Name of each preset, and what it is for."""
    return {name: (preset.__doc__ or "").strip() for name, preset in PRESETS.items()}
