"""Large images in tiles: placing and merging against their plain twin, and a detector that must find everything once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer, brightness_classifier, fixed_detector, save_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.manifest import Manifest
from lnx.reference.tiling import is_cut, merge_tiles, place_tiles
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TILE, MARK = 64, 16


@PROPERTY
@given(
    part=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 400), st.integers(1, 400)),
    size=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    overlap=st.floats(0, 0.75),
)
def test_tiles_cover_the_part_with_one_size_and_the_overlap(
    testing: ModuleType, part: tuple[int, int, int, int], size: tuple[int, int], overlap: float
) -> None:
    tiles = place_tiles(part, size, overlap)
    assert [tuple(t) for t in testing.place_tiles(part, size, overlap)] == tiles
    width, height = min(part[2], size[0]), min(part[3], size[1])
    seen = np.zeros((part[3], part[2]), bool)
    for x, y, w, h in tiles:
        assert (w, h) == (width, height)
        assert x >= part[0]
        assert y >= part[1]
        seen[y - part[1] : y - part[1] + h, x - part[0] : x - part[0] + w] = True
    assert seen.all()
    columns = sorted({t[0] for t in tiles})
    assert all(b - a <= max(1, width - width * overlap) for a, b in pairwise(columns))


@PROPERTY
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 60), aware=st.booleans(), iou=st.sampled_from([0.3, 0.5, 0.65]))
def test_merging_equals_its_twin(testing: ModuleType, seed: int, count: int, aware: bool, iou: float) -> None:
    rng = np.random.default_rng(seed)
    part = (10, 5, 150, 120)
    tiles = place_tiles(part, (64, 64), 0.3)
    tile_of = rng.integers(0, len(tiles), count).tolist()
    corners = np.array([tiles[t][:2] for t in tile_of], np.float32).reshape(-1, 2) + rng.integers(-2, 60, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(2, 40, (count, 2))], axis=1).astype(np.float32)
    scores, classes = rng.integers(1, 9, count).astype(np.float32) / 8, rng.integers(0, 2, count)
    objects = [
        {"box": b.astype(float).tolist(), "score": float(s), "class_id": int(c)} for b, s, c in zip(boxes, scores, classes, strict=True)
    ]
    expected = merge_tiles(objects, tile_of, tiles, part, iou, aware)
    given_ = (boxes.tolist(), scores.tolist(), classes.tolist(), tile_of, tiles, part, iou, aware)
    assert testing.merge_tiles(*given_, 1000) == expected
    assert testing.merge_tiles(*given_, 3) == expected[:3]


def test_a_whole_box_outlives_the_better_half_of_the_same_object(testing: ModuleType) -> None:
    part, tiles = (0, 0, 112, 64), [(0, 0, 64, 64), (48, 0, 64, 64)]
    boxes = [[50.0, 10.0, 64.0, 40.0], [50.0, 10.0, 70.0, 40.0], [2.0, 2.0, 20.0, 20.0]]  # cut by the first tile; whole in the second
    assert is_cut(boxes[0], tiles[0], part)
    assert not is_cut(boxes[1], tiles[1], part)
    assert not is_cut(boxes[2], tiles[0], part)  # the border of the part cuts nothing
    assert testing.merge_tiles(boxes, [0.9, 0.6, 0.5], [0, 0, 0], [0, 1, 0], tiles, part, 0.95, True, 100) == [1, 2]
    assert testing.merge_tiles(boxes, [0.9, 0.6, 0.5], [0, 1, 0], [0, 1, 0], tiles, part, 0.95, True, 100) == [0, 1, 2]
    assert testing.merge_tiles(boxes, [0.9, 0.6, 0.5], [0, 1, 0], [0, 1, 0], tiles, part, 0.95, False, 100) == [1, 2]


def mark_detector(path: Path, batch: int | str = 1) -> Path:
    """Finds bright squares of MARK pixels with a dark frame around them, wherever they lie whole in the input. YOLOX rows."""
    side = TILE - MARK - 1
    kernel = np.full((1, 3, MARK + 2, MARK + 2), -1.0, np.float32)
    kernel[:, :, 1:-1, 1:-1] = 1.0
    ys, xs = np.mgrid[0:side, 0:side].reshape(2, -1)
    boxes = np.stack([xs + 1 + MARK / 2, ys + 1 + MARK / 2, np.full(side * side, MARK), np.full(side * side, MARK)], -1)
    weights = [
        numpy_helper.from_array(kernel / (3 * MARK * MARK), "w"),
        numpy_helper.from_array(boxes[None].astype(np.float32), "boxes"),
        numpy_helper.from_array(np.ones((1, side * side, 1), np.float32), "sure"),
        numpy_helper.from_array(np.array([1, side * side, 1], np.int64), "rows"),
        numpy_helper.from_array(np.float32(0), "low"),
        numpy_helper.from_array(np.float32(1), "high"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Clip", ["c", "low", "high"], ["p"]),
        helper.make_node("Reshape", ["p", "rows"], ["s"]),
        helper.make_node("Concat", ["boxes", "sure", "s"], ["y"], axis=2),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, TILE, TILE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, side * side, 6])
    return save_model(path, nodes, weights, [x], [y])


def scene(rng: np.random.Generator, width: int, height: int, count: int) -> tuple[NDArray[np.uint8], set[tuple[float, ...]]]:
    """Squares that do not touch each other, and their boxes."""
    image = np.zeros((height, width, 3), np.uint8)
    boxes: set[tuple[float, ...]] = set()
    for _ in range(count * 20):
        x, y = int(rng.integers(1, width - MARK - 1)), int(rng.integers(1, height - MARK - 1))
        if len(boxes) < count and not image[y - 1 : y + MARK + 1, x - 1 : x + MARK + 1].any():
            image[y : y + MARK, x : x + MARK] = 255
            boxes.add((float(x), float(y), float(x + MARK), float(y + MARK)))
    return image, boxes


@pytest.fixture
def detector(tmp_path: Path, packed: Packer) -> Path:
    return packed(mark_detector(tmp_path / "marks.onnx"), "yolox", ["mark"], threshold=0.9, tile=[TILE, TILE], tile_overlap=0.35, iou=0.3)[
        0
    ]


def test_every_object_of_a_large_image_is_found_once_and_whole(detector: Path, keys: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(1)
    with lnx.Session(detector, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        for width, height, count in ((300, 217, 40), (64, 64, 2), (65, 64, 2), (64, 500, 12), (1000, 80, 30)):
            image, boxes = scene(rng, width, height, count)
            result = session.run(image, max_objects=1000)
            assert sorted(o.box for o in result.objects) == sorted(boxes), (width, height)
            assert result.size == (width, height)
            assert str(result.verdict) == "NG"
        assert str(session.run(np.zeros((300, 300, 3), np.uint8)).verdict) == "OK"


def test_tiles_stay_inside_the_region_of_interest(detector: Path, keys: tuple[Path, Path]) -> None:
    image, boxes = scene(np.random.default_rng(2), 320, 240, 30)
    roi = (33, 21, 201, 150)
    inside = {b for b in boxes if b[0] > roi[0] and b[1] > roi[1] and b[2] < roi[0] + roi[2] and b[3] < roi[1] + roi[3]}
    with lnx.Session(detector, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        assert sorted(o.box for o in session.run(image, roi=roi).objects) == sorted(inside)
        several = session.run(image, roi=[roi, (0, 0, 64, 64)])
        assert sorted(o.box for o in several[0].objects) == sorted(inside)


def test_the_caller_overrides_what_the_model_declares(tmp_path: Path, packed: Packer, detector: Path, keys: tuple[Path, Path]) -> None:
    image, boxes = scene(np.random.default_rng(3), 128, 128, 8)
    common: dict[str, Any] = {"device": "cpu", "trusted_keys": [keys[1]], "events": False}
    with lnx.Session(detector, tile=False, **common) as session:
        assert session.run(image).objects == ()  # scaled to half: no mark has its size any more
    plain, _ = packed(mark_detector(tmp_path / "plain.onnx"), "yolox", ["mark"], threshold=0.9, iou=0.3)
    with lnx.Session(plain, tile=(TILE, TILE), tile_overlap=0.4, **common) as session:
        assert sorted(o.box for o in session.run(image).objects) == sorted(boxes)
    with lnx.Session(plain, **common) as session:
        assert session.run(image).objects == ()


def test_what_cannot_be_tiled_is_refused(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    common: dict[str, Any] = {"device": "cpu", "trusted_keys": [keys[1]], "events": False}
    classifier, report = packed(brightness_classifier(tmp_path / "c.onnx"), "classification", ["dark", "bright"])
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(classifier, tile=(64, 64), **common)
    assert (caught.value.status, caught.value.found) == (103, "tiles for classification")
    with pytest.raises(ValueError, match="not for classification"):
        Manifest.model_validate({**report.manifest.model_dump(by_alias=True), "tiling": {"size": [64, 64]}})
    detector, _ = packed(fixed_detector(tmp_path / "d.onnx", [[32, 32, 8, 8, 1, 1]]), "yolox", ["a"])
    for wrong in ({"tile": (8, 64)}, {"tile": (64, 0)}, {"tile": (64, 64), "tile_overlap": 0.9}, {"tile": (64, 30001)}):
        with pytest.raises(lnx.LnxError) as caught:
            lnx.Session(detector, **wrong, **common)
        assert caught.value.status == 103
