"""Outputs that no graph should give: a clear error, or a correct empty result; never a wrong verdict."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from cases import CLASSES, DETECTORS, SIDE, Array, both, heads, manifest, same_objects, same_regions
from lnx._error_table import ERRORS

BLANK = np.full((50, 70, 3), 114, np.uint8)
OK, NG = 1, 2


def statuses() -> tuple[int, int, int]:
    """Numbers of: wrong shape, not a number, graph that does not fit."""
    by_name = {entry.name: number for number, entry in ERRORS.items()}
    return by_name["LNX_E_OUTPUT_SHAPE"], by_name["LNX_E_NUMERIC"], by_name["LNX_E_GRAPH_MISMATCH"]


def run(
    testing: ModuleType, part: dict[str, Any], outputs: list[tuple[str, Array]], said: list[tuple[str, Array]] | None = None, **more: Any
):
    """``said``: what the manifest declares; ``outputs``: what comes."""
    made = manifest(part, said or outputs, **more)
    return testing.decode(made.to_json(), BLANK, [np.ascontiguousarray(a) for _, a in outputs], 7)


@pytest.mark.parametrize("kind", DETECTORS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_never_give_a_verdict(testing: ModuleType, kind: str, value: float) -> None:
    part, outputs = heads(np.random.default_rng(0), kind)
    numeric = statuses()[1]
    for i, (_, array) in enumerate(outputs):
        if array.dtype != np.float32:
            continue
        broken = [(role, a.copy()) for role, a in outputs]
        broken[i][1].reshape(-1)[min(3, array.size - 1)] = value
        status, told = run(testing, part, broken)
        assert status == numeric, (i, told)
        assert "NaN" in told or "finite" in told


@pytest.mark.parametrize("kind", DETECTORS)
def test_an_output_of_another_rank_or_size_is_told(testing: ModuleType, kind: str) -> None:
    part, outputs = heads(np.random.default_rng(0), kind)
    shape = statuses()[0]
    for i, (role, array) in enumerate(outputs):
        if kind == "ppyoloe rows" and i == 1:
            continue
        for broken in (array[..., None], array[:0] if array.ndim == 1 else array[:, :-1] if array.ndim == 2 else array[:, :, :-1]):
            status, told = run(testing, part, [*outputs[:i], (role, np.ascontiguousarray(broken)), *outputs[i + 1 :]], outputs)
            assert status == shape, (i, broken.shape, told)


def test_counts_beyond_the_rows_are_told(testing: ModuleType) -> None:
    part, outputs = heads(np.random.default_rng(0), "ppyoloe rows")
    status, told = run(testing, part, [outputs[0], ("counts", np.array([21], np.int32))])
    assert status == statuses()[0] and "21 rows" in told


@pytest.mark.parametrize("kind", DETECTORS)
def test_nothing_above_the_threshold_is_an_empty_result_and_ok(testing: ModuleType, kind: str) -> None:
    part, outputs = heads(np.random.default_rng(0), kind)
    quiet = []
    for role, array in outputs:
        scores = role == "scores" or (role == "" and "yolox" in kind)
        quiet.append((role, np.full_like(array, -30 if "raw" in kind or "maps" in kind or "flat" in kind else 0) if scores else array))
    if kind == "ppyoloe rows":
        quiet = [("rows", np.zeros((0, 6), np.float32)), ("counts", np.array([0], np.int32))]
    status, result = run(testing, part, quiet, outputs)
    assert status == 0, result
    assert result["objects"] == [] and result["verdict"] == OK


def test_paddle_says_nothing_was_found_by_minus_one(testing: ModuleType) -> None:
    part = {"kind": "ppyoloe", "nms_in_graph": True}
    rows = np.array([[-1, 0.99, 0, 0, 10, 10]], np.float32)
    status, result = run(testing, part, [("rows", rows), ("counts", np.array([1], np.int32))])
    assert status == 0 and result["objects"] == [] and result["verdict"] == OK


def test_ten_thousand_candidates_are_capped_and_right(testing: ModuleType) -> None:
    rng = np.random.default_rng(1)
    corners = np.sort(rng.uniform(0, SIDE, (1, 10000, 2, 2)), axis=2).reshape(1, 10000, 4).astype(np.float32)
    outputs = [("boxes", corners), ("scores", rng.uniform(0.5, 1, (1, CLASSES, 10000)).astype(np.float32))]
    part = {"kind": "ppyoloe", "nms_in_graph": False, "boxes_in": "input", "per_anchor": "best"}
    made = manifest(part, outputs, nms={"iou": 0.6, "pre_top_k": 500, "max": 50})
    native, twin = both(testing, made, BLANK, outputs)
    same_objects(native, twin)
    assert 0 < len(native["objects"]) <= 50


def test_a_class_that_has_no_label_is_an_object_without_a_name(testing: ModuleType) -> None:
    outputs = [
        ("labels", np.array([[7]])),
        ("boxes", np.array([[[1, 1, 20, 20]]], np.float32)),
        ("scores", np.array([[0.9]], np.float32)),
    ]
    part = {"kind": "rtdetr", "form": "decoded", "activation_in_graph": True}
    status, result = run(testing, part, outputs)
    assert status == 0 and result["objects"][0]["class_id"] == 7 and result["verdict"] == NG


@pytest.mark.parametrize(
    ("part", "outputs"),
    [
        ({"kind": "rtmdet"}, [("scores", np.zeros((1, 3, 8, 8), np.float32)), ("distances", np.zeros((1, 4, 8, 8), np.float32))] * 2),
        ({"kind": "rtdetr", "form": "raw"}, [("boxes", np.zeros((1, 5, 4), np.float32))]),
        ({"kind": "rtdetr", "form": "raw"}, [("boxes", np.zeros((1, 5, 4), np.float32)), ("scores", np.zeros((1, 5, 4), np.float32))]),
        ({"kind": "anomaly", "score": "output", "space": "norm"}, [("map", np.zeros((1, 1, 8, 8), np.float32))]),
        ({"kind": "enhancement"}, [("image", np.zeros((1, 8, 8), np.float32))]),
        ({"kind": "segmentation", "mode": "multi_class", "activation": "none"}, [("", np.zeros((1, 4, 8, 8), np.float32))]),
    ],
)
def test_a_graph_that_the_recipe_does_not_describe_is_refused(testing: ModuleType, part: dict[str, Any], outputs: Any) -> None:
    thresholds = {"space": "norm", "score": 0.5} if part["kind"] == "anomaly" else {"score": 0.3}
    status, told = run(testing, part, outputs, thresholds=thresholds)
    assert status == statuses()[2], told


def test_masks_that_touch_the_border_are_whole(testing: ModuleType) -> None:
    outputs = [
        ("dets", np.array([[[-20, -20, SIDE + 20, SIDE + 20, 0.9]]], np.float32)),
        ("labels", np.array([[0]])),
        ("masks", np.ones((1, 1, 14, 14), np.float32)),
    ]
    made = manifest({"kind": "instance", "masks": "box"}, outputs)
    native, twin = both(testing, made, BLANK, outputs)
    assert native["regions"][0]["area_px"] == twin["regions"][0]["area_px"] == 50 * 70
    assert native["regions"][0]["box"] == (0, 0, 70, 50)
    maps = np.zeros((1, 1, SIDE, SIDE), np.float32)
    maps[:, :, :4], maps[:, :, -4:], maps[:, :, :, :4], maps[:, :, :, -4:] = 1, 1, 1, 1
    ring = manifest({"kind": "segmentation", "mode": "binary", "activation": "none"}, [("", maps)])
    native, twin = both(testing, ring, np.zeros((SIDE, SIDE, 3), np.uint8), [("", maps)])
    same_regions(native, twin)
    assert len(native["regions"]) == 1 and len(native["regions"][0]["polygons"]) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
@pytest.mark.parametrize("letterbox", [True, False])
def test_images_smaller_than_the_model_are_decoded(testing: ModuleType, size: tuple[int, int], letterbox: bool) -> None:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    for kind in ("rtmdet maps", "efficientdet maps"):
        part, outputs = heads(np.random.default_rng(3), kind)
        native, twin = both(testing, manifest(part, outputs, letterbox=letterbox), image, outputs)
        same_objects(native, twin)
    heat = [("score", np.array([0.7], np.float32)), ("map", np.random.default_rng(2).uniform(0, 1, (1, 1, 16, 16)).astype(np.float32))]
    made = manifest(
        {"kind": "anomaly", "score": "output", "space": "norm"}, heat, letterbox=letterbox, thresholds={"space": "norm", "score": 0.5}
    )
    native, twin = both(testing, made, image, heat)
    assert np.abs(native["planes"][1] - twin["score_map"]).max() <= 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_maps_and_scores_never_gives_a_verdict(testing: ModuleType, value: float) -> None:
    good = [("score", np.array([0.7], np.float32)), ("map", np.zeros((1, 1, 16, 16), np.float32))]
    part = {"kind": "anomaly", "score": "output", "space": "norm"}
    for i in range(2):
        broken = [(role, a.copy()) for role, a in good]
        broken[i][1].reshape(-1)[0] = value
        status, _ = run(testing, part, broken, thresholds={"space": "norm", "score": 0.5})
        assert status == statuses()[1]
    picture = np.zeros((1, 3, SIDE, SIDE), np.float32)
    picture[0, 1, 5, 5] = value
    assert run(testing, {"kind": "enhancement"}, [("image", picture)], labels=[], verdict={})[0] == statuses()[1]
    masks = np.zeros((1, 1, 14, 14), np.float32)
    masks[0, 0, 3, 3] = value
    outputs = [("dets", np.array([[[1, 1, 30, 30, 0.9]]], np.float32)), ("labels", np.array([[0]])), ("masks", masks)]
    assert run(testing, {"kind": "instance", "masks": "box"}, outputs)[0] == statuses()[1]
