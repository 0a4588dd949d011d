"""The steady state of a session takes no memory: heap allocations of the core, counted call by call in a program of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import (
    CALLS,
    TEXTURE_LABELS,
    Packer,
    brightness_classifier,
    count_allocations,
    dynamic_detector,
    fixed_detector,
    segmenter,
    threshold_segmenter,
)

WANT_ALL = 1 | 2 | 4


def spots(side: int = 96) -> Any:
    """Bright discs and rings: regions with and without holes."""
    y, x = np.mgrid[:side, :side]
    image = np.zeros((side, side, 3), np.uint8)
    for row in range(16, side, 32):
        for column in range(16, side, 32):
            distance = np.hypot(x - column, y - row)
            image[(distance < 13) & (distance > row / 16)] = 255
    return image


def noise(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype)


Case = Callable[[Path, Packer], tuple[Path, Any, list[object]]]


def _classification(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    model = brightness_classifier(folder / "c.onnx")
    path = packed(model, "classification", TEXTURE_LABELS, activation="softmax", ng=["bright"], batch=[1, 2])[0]
    return path, noise(70, 90, 3), ["--batch", 2]


def _pillow_classification(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    model = brightness_classifier(folder / "c.onnx")
    options = {"activation": "softmax", "lib": "pil", "resize": "imagenet", "resize_short": 36, "batch": [1, 2]}
    return packed(model, "classification", TEXTURE_LABELS, **options)[0], noise(70, 90, 3), []


def _detection(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    rng = np.random.default_rng(2)
    rows = [[*rng.uniform(4, 60, 2), *rng.uniform(3, 20, 2), 0.9, *rng.uniform(0.3, 1, 2)] for _ in range(400)]
    path = packed(fixed_detector(folder / "d.onnx", rows), "yolox", ["a", "b"], resize="letterbox", threshold=0.4)[0]
    return path, noise(100, 150, 3), []


def _detection_of_open_length(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    rows = [[32, 32, 16, 8, 0.9, 0.8, 0.1], [10, 20, 4, 4, 0.9, 0.1, 0.9]]
    path = packed(dynamic_detector(folder / "d.onnx", rows), "yolox", ["a", "b"], resize="letterbox_top_left", threshold=0.4)[0]
    return path, noise(100, 150), []


def _binary_segmentation(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    path = packed(threshold_segmenter(folder / "s.onnx"), "segmentation", ["ok", "flaw"], resize="stretch")[0]
    return path, spots(), ["--want", WANT_ALL]


def _classes_segmentation(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    path = packed(segmenter(folder / "m.onnx"), "segmentation", ["ok", "dark", "bright"], resize="stretch", activation="softmax")[0]
    return path, spots(), ["--want", WANT_ALL]


def _deep_grey_segmentation(folder: Path, packed: Packer) -> tuple[Path, Any, list[object]]:
    path = packed(threshold_segmenter(folder / "s.onnx"), "segmentation", ["ok", "flaw"], resize="letterbox", interp="area")[0]
    return path, spots()[:, :, 0].astype(np.uint16) * 257, []


CASES: dict[str, Case] = {
    "classification": _classification,
    "classification_pillow": _pillow_classification,
    "detection": _detection,
    "detection_open_length": _detection_of_open_length,
    "segmentation_binary": _binary_segmentation,
    "segmentation_classes": _classes_segmentation,
    "segmentation_16_bit_area": _deep_grey_segmentation,
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_in_the_steady_state_allocates_nothing(name: str, tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model, image, arguments = CASES[name](tmp_path, packed)
    told = count_allocations(model, keys[1], image, tmp_path, *arguments)
    found = told["found"]
    if name.startswith("segmentation"):
        assert found["regions"] > 3 and found["polygons"] > found["regions"], "regions with holes"
        assert (found["rles"] > 0) == ("--want" in arguments)
    else:
        assert found["objects" if name.startswith("detection") else "classes"] > 0
    assert {call: told["calls"][call]["core"] for call in CALLS} == dict.fromkeys(CALLS, 0), told["stacks"]
