"""The decoders of the core against their plain twins, on random tensors and random sizes of image."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from cases import CLASSES, DETECTORS, SIDE, Array, both, heads, manifest, same_objects, same_regions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.reference.decode.maps import stretch

PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEED = st.integers(0, 2**32 - 1)
SIZE = st.tuples(st.integers(20, 150), st.integers(20, 150))
LABEL_MAP, SCORE_MAP, IMAGE = 0, 1, 2


def blank(size: tuple[int, int]) -> Array:
    return np.full((size[1], size[0], 3), 114, np.uint8)


@pytest.mark.parametrize("kind", DETECTORS)
@PROPERTY
@given(seed=SEED, size=SIZE, letterbox=st.booleans(), aware=st.booleans())
def test_a_detector_equals_its_twin(testing: ModuleType, kind: str, seed: int, size: tuple[int, int], letterbox: bool, aware: bool) -> None:
    part, outputs = heads(np.random.default_rng(seed), kind)
    nms = {"kind": "class_aware" if aware else "class_agnostic", "iou": 0.5, "pre_top_k": 200, "max": 40, "clip": letterbox}
    made = manifest(part, outputs, letterbox=letterbox, nms=nms)
    native, twin = both(testing, made, blank(size), outputs)
    same_objects(native, twin)


def blobs(rng: np.random.Generator, count: int, height: int, width: int) -> Array:
    """Smooth maps around zero."""
    noise = rng.normal(0, 1, (count, height, width)).astype(np.float32)
    return np.stack([cv2.GaussianBlur(m, (0, 0), 2.0) * 8 for m in noise])


def test_maps_reach_the_image_as_opencv_resizes_them() -> None:
    rng = np.random.default_rng(5)
    for height, width, size in ((16, 16, (64, 64)), (13, 29, (50, 31)), (40, 8, (8, 40)), (1, 5, (9, 4))):
        image_map = rng.normal(0, 1, (height, width)).astype(np.float32)
        assert np.abs(stretch(image_map, size) - cv2.resize(image_map, size, interpolation=cv2.INTER_LINEAR)).max() <= 1e-5


@pytest.mark.parametrize("mode", ["binary", "multi_class", "multi_label"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@PROPERTY
@given(seed=SEED, size=SIZE, letterbox=st.booleans(), map_side=st.sampled_from([16, 32, 64]))
def test_segmentation_equals_its_twin(
    testing: ModuleType, mode: str, layout: str, seed: int, size: tuple[int, int], letterbox: bool, map_side: int
) -> None:
    rng = np.random.default_rng(seed)
    maps = blobs(rng, 1 if mode == "binary" else CLASSES, map_side, map_side)[None]
    outputs = [("", np.ascontiguousarray(maps if layout == "NCHW" else maps.transpose(0, 2, 3, 1)))]
    activation = "softmax" if mode == "multi_class" else "sigmoid"
    made = manifest({"kind": "segmentation", "mode": mode, "activation": activation, "layout": layout}, outputs, letterbox=letterbox)
    native, twin = both(testing, made, blank(size), outputs)
    # Where two classes are equal within rounding, or a value sits on the threshold, a pixel may fall either way.
    differing = int((native["planes"][LABEL_MAP] != twin["label_map"]).sum())
    assert differing <= 2
    if mode == "multi_label":
        top = np.abs(native["planes"][SCORE_MAP] - twin["score_map"])
    else:
        top = np.abs(native["planes"][SCORE_MAP] - twin["score_map"])[native["planes"][LABEL_MAP] == twin["label_map"]]
    assert top.max() <= 1e-4
    if differing == 0:
        same_regions(native, twin, slack=2)


@pytest.mark.parametrize("mode", ["binary", "multi_class", "multi_label"])
@pytest.mark.parametrize("fill_holes", [False, True])
@PROPERTY
@given(seed=SEED, size=SIZE, small=st.booleans())
def test_regions_do_not_depend_on_the_planes_that_are_wanted(
    testing: ModuleType, mode: str, fill_holes: bool, seed: int, size: tuple[int, int], small: bool
) -> None:
    """Without planes, background is neither interpolated nor scored; nor does one run see what the one before it left."""
    rng = np.random.default_rng(seed)
    maps = blobs(rng, 1 if mode == "binary" else CLASSES, 16, 16)[None]
    maps[:, 0] += 12 if small and mode == "multi_class" else 0
    part = {"kind": "segmentation", "mode": mode, "activation": "softmax" if mode == "multi_class" else "sigmoid", "fill_holes": fill_holes}
    made = manifest(part, [("", maps)])
    wanted = [testing.decode(made.to_json(), blank(size), [maps], want)[1] for want in (7, 4, 0, 7)]
    told = [[{key: value for key, value in region.items() if key != "rle_index"} for region in one["regions"]] for one in wanted]
    assert told.count(told[0]) == len(told)
    assert wanted[1]["rles"] == wanted[0]["rles"] and "planes" in wanted[0]


@pytest.mark.parametrize("masks", ["box", "input"])
@pytest.mark.parametrize("together", [True, False])
@PROPERTY
@given(seed=SEED, size=SIZE, letterbox=st.booleans())
def test_instance_masks_equal_their_twin(
    testing: ModuleType, masks: str, together: bool, seed: int, size: tuple[int, int], letterbox: bool
) -> None:
    rng = np.random.default_rng(seed)
    k = 4
    corners = np.sort(rng.uniform(-8, SIDE + 8, (1, k, 2, 2)), axis=2).reshape(1, k, 4).astype(np.float32)
    scores = rng.uniform(0, 1, (1, k)).astype(np.float32)
    side = 14 if masks == "box" else SIDE
    values = 1 / (1 + np.exp(-blobs(rng, k, side, side)))[None]
    outputs: list[tuple[str, Any]] = [("labels", rng.integers(0, CLASSES, (1, k))), ("masks", values.astype(np.float32))]
    outputs += [("dets", np.concatenate([corners, scores[..., None]], 2))] if together else [("boxes", corners), ("scores", scores)]
    made = manifest({"kind": "instance", "masks": masks}, outputs, letterbox=letterbox)
    native, twin = both(testing, made, blank(size), outputs)
    assert [o["class_id"] for o in native["objects"]] == [o["class_id"] for o in twin["objects"]]
    assert len(native["regions"]) == len(twin["regions"])
    for own, other, mask, rle in zip(native["regions"], twin["regions"], twin["masks"], native["rles"], strict=True):
        assert abs(own["area_px"] - other["area_px"]) <= 2
        flat = np.repeat(np.arange(len(rle)) % 2 == 1, rle).reshape(mask.shape, order="F")
        assert (flat != mask).sum() <= 2
        assert sum(area(points) for points, _ in own["polygons"]) == pytest.approx(own["area_px"])


def area(points: list[tuple[float, float]]) -> float:
    """Shoelace: outlines positive, holes negative."""
    x, y = np.array(points, np.float64).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


@pytest.mark.parametrize("score", ["output", "max", "top_mean"])
@pytest.mark.parametrize("space", ["raw", "norm"])
@PROPERTY
@given(seed=SEED, size=SIZE, letterbox=st.booleans(), steps=st.lists(st.sampled_from(["upsample", "blur"]), max_size=2), norm=st.booleans())
def test_anomaly_equals_its_twin(
    testing: ModuleType, score: str, space: str, seed: int, size: tuple[int, int], letterbox: bool, steps: list[str], norm: bool
) -> None:
    rng = np.random.default_rng(seed)
    raw_map = np.abs(blobs(rng, 1, 16, 16))[None] if space == "raw" else rng.uniform(0, 1, (1, 1, 16, 16)).astype(np.float32)
    outputs = [("score", rng.uniform(0, 1, (1,)).astype(np.float32)), ("map", raw_map.astype(np.float32))]
    part = {
        "kind": "anomaly",
        "score": score,
        "top_k": 9,
        "space": space,
        "steps": steps,
        "blur_sigma": 1.5,
        "image": {"thr": 0.6, "min": 0.1, "max": 3.0},
        "pixel": {"thr": 1.1, "min": 0.0, "max": 4.0},
        "mask_threshold": 0.55 if norm else 1.2,
    }
    labels = [{"id": 0, "name": "normal"}, {"id": 1, "name": "anomalous"}]
    thresholds = {"space": "norm" if norm else "raw", "score": 0.5 if norm else 0.7}
    rule = {"rules": [{"kind": "score", "then": "NG"}], "otherwise": "OK"}
    made = manifest(part, outputs, letterbox=letterbox, labels=labels, thresholds=thresholds, verdict=rule)
    native, twin = both(testing, made, blank(size), outputs)
    assert native["score_raw"] == pytest.approx(twin["score_raw"], abs=1e-5)
    assert native["score_norm"] == pytest.approx(twin["score_norm"], abs=1e-5)
    assert np.abs(native["planes"][SCORE_MAP] - twin["score_map"]).max() <= 1e-4
    compared = native["score_norm" if norm else "score_raw"]
    assert native["verdict"] == (2 if compared >= native["threshold"] else 1)
    unsure = np.abs(twin["score_map"] - part["mask_threshold"]).min() < 1e-5
    if not unsure:
        same_regions(native, twin)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@PROPERTY
@given(
    seed=SEED,
    size=SIZE,
    letterbox=st.booleans(),
    scale=st.sampled_from([1, 2]),
    colour=st.sampled_from(["RGB", "BGR"]),
    residual=st.booleans(),
)
def test_enhancement_equals_its_twin(
    testing: ModuleType, bits: int, layout: str, seed: int, size: tuple[int, int], letterbox: bool, scale: int, colour: str, residual: bool
) -> None:
    rng = np.random.default_rng(seed)
    channels = 3 if bits == 8 else 1
    residual = residual and scale == 1 and layout == "NCHW" and channels == 3
    picture = rng.uniform(-1.2, 1.2, (1, channels, SIDE * scale, SIDE * scale)).astype(np.float32)
    outputs = [("image", np.ascontiguousarray(picture if layout == "NCHW" else picture.transpose(0, 2, 3, 1)))]
    part = {"kind": "enhancement", "scale": scale, "layout": layout, "bits": bits, "colour": colour, "residual": residual}
    part |= {"range": [100, 120] if residual else [-1, 1]}
    made = manifest(part, outputs, letterbox=letterbox, labels=[], verdict={})
    native, twin = both(testing, made, blank(size), outputs)
    assert native["planes"][IMAGE].shape == twin["image"].shape
    assert native["planes"][IMAGE].dtype == twin["image"].dtype
    assert np.abs(native["planes"][IMAGE].astype(int) - twin["image"].astype(int)).max() <= 1


@pytest.mark.parametrize("activation", ["none", "softmax", "sigmoid"])
@PROPERTY
@given(seed=SEED, multi_label=st.booleans())
def test_classes_equal_their_twin(testing: ModuleType, activation: str, seed: int, multi_label: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (1, CLASSES)) if activation == "none" else rng.normal(0, 2, (1, CLASSES))
    outputs = [("", values.astype(np.float32))]
    made = manifest({"kind": "classification", "activation": activation, "multi_label": multi_label}, outputs, verdict={})
    native, twin = both(testing, made, blank((40, 30)), outputs)
    assert [c["class_id"] for c in native["classes"]] == [c["class_id"] for c in twin["classes"]]
    assert [c["score"] for c in native["classes"]] == pytest.approx([c["score"] for c in twin["classes"]], abs=1e-6)
