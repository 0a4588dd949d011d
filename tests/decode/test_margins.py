"""How boxes come back from a letterbox: by the ratio or by the rounded size, cut at the image or at the padded input."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cases import DETECTORS, SIDE, both, heads, manifest, same_objects
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("kind", DETECTORS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), size=st.tuples(st.integers(20, 150), st.integers(20, 150)), back=st.sampled_from(["ratio", "size"]))
def test_a_detector_equals_its_twin_whatever_its_project_does_with_margins(
    testing: ModuleType, kind: str, seed: int, size: tuple[int, int], back: str
) -> None:
    part, outputs = heads(np.random.default_rng(seed), kind)
    nms: dict[str, Any] = {"iou": 0.5, "pre_top_k": 200, "max": 40, "clip": True, "clip_to": "input" if back == "size" else "image"}
    made = manifest(part, outputs, letterbox=True, nms=nms, back=back)
    native, twin = both(testing, made, np.full((size[1], size[0], 3), 114, np.uint8), outputs)
    same_objects(native, twin)


def test_the_rounded_size_maps_the_content_onto_the_whole_image(testing: ModuleType) -> None:
    size = (200, 63)  # 64 x 20.16 in the letterbox: 20 rows
    full = np.array([[[SIDE / 2, 10.0, float(SIDE), 20.0, 1.0, 0.9, 0.0, 0.0]]], np.float32)  # all of the content
    part = {"kind": "yolox", "strides": [8]}
    for back, bottom in (("size", 63.0), ("ratio", 62.5)):
        made = manifest(part, [("", full)], letterbox=True, back=back)
        resize = made.pre[1].model_copy(update={"anchor": "top_left"})
        made = made.model_copy(update={"pre": [made.pre[0], resize, *made.pre[2:]]})
        native, _ = both(testing, made, np.full((size[1], size[0], 3), 114, np.uint8), [("", full)])
        assert native["objects"][0]["box"] == pytest.approx((0, 0, 200, bottom), abs=1e-4)


def test_what_lies_wholly_in_a_margin_is_not_an_object(testing: ModuleType) -> None:
    rows = np.array([[[32.0, 60.0, 10.0, 4.0, 1.0, 0.9, 0.0, 0.0], [32.0, 32.0, 10.0, 4.0, 1.0, 0.8, 0.0, 0.0]]], np.float32)
    made = manifest({"kind": "yolox", "strides": [8]}, [("", rows)], letterbox=True)
    native, twin = both(testing, made, np.full((40, 128, 3), 114, np.uint8), [("", rows)])
    assert len(native["objects"]) == len(twin["objects"]) == 1
