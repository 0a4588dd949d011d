"""Maps and pictures in tiles: blended like their plain twin, without seams, and as the whole image would have been answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer, save_model, segmenter, threshold_segmenter
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx.manifest import Manifest
from lnx.reference.decode import decode
from lnx.reference.preprocess import Geometry
from lnx.reference.tiling import blend, place_tiles, tile_weights
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

TILE = 64
Run = dict[str, Any]


@settings(max_examples=200, deadline=None)
@given(length=st.integers(1, 500), side=st.integers(16, 200), overlap=st.floats(0, 0.75), scale=st.integers(1, 4))
def test_weights_are_shares_of_one_and_leave_the_borders_out(length: int, side: int, overlap: float, scale: int) -> None:
    tiles = place_tiles((0, 0, length, 1), (side, 1), overlap)
    begins, width = [t[0] for t in tiles], tiles[0][2]
    weights = tile_weights(begins, width, length, scale)
    assert np.abs(np.sum(weights, axis=0) - 1).max() < 1e-6
    for i, (begin, weight) in enumerate(zip(begins, weights, strict=True)):
        assert weight.min() >= 0
        assert not weight[: begin * scale].any()
        assert not weight[(begin + width) * scale :].any()
        if i > 0:  # the outer quarter of what it shares with its neighbour
            shared = begins[i - 1] + width - begin
            assert not weight[: int((begin + shared / 4) * scale)].any()


def smoother(path: Path, channels: int, reach: int = 3, scale: int = 1, given: int = 3) -> Path:
    """Looks `reach` pixels around each pixel and gives `channels` mixtures; scale 2 doubles every pixel."""
    rng = np.random.default_rng(5)
    side = 2 * reach + 1
    weights = [
        numpy_helper.from_array((rng.normal(0.3, 1, (channels, given, side, side)) / (given * side)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.normal(0, 0.2, channels).astype(np.float32), "b"),
        numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[reach] * 4),
        helper.make_node("Resize", ["c", "", "scales"], ["y"], mode="nearest"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, given, TILE, TILE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, TILE * scale, TILE * scale])
    return save_model(path, nodes, weights, [x], [y])


def values_of(model: Path, image: NDArray[Any]) -> Any:
    """Raw outputs of the graph for one tile, by its own way: BGR bytes to RGB 0..1."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def values(tile: tuple[int, int, int, int]) -> NDArray[np.float32]:
        x, y, w, h = tile
        cut = image[y : y + h, x : x + w].reshape(h, w, -1)[:, :, ::-1].astype(np.float32) * np.float32(1 / 255)
        return np.asarray(session.run(None, {"x": cut.transpose(2, 0, 1)[None]})[0][0])

    return values


def whole_part(image: NDArray[Any]) -> Geometry:
    height, width = image.shape[:2]
    size = (width, height)
    return Geometry(right=float(width), bottom=float(height), part=(0, 0, width, height), image=size, input=size)


def soft_image(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:height, :width].copy()


def run(path: Path, keys: tuple[Path, Path], image: NDArray[Any], **options: Any) -> lnx.Result:
    want = ["label_map", "score_map"]
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False, want=want, **options) as session:
        return session.run(image)


def twin(manifest: Manifest, model: Path, image: NDArray[Any], scale: int = 1) -> Run:
    assert manifest.tiling is not None
    part = (0, 0, image.shape[1], image.shape[0])
    tiles = place_tiles(part, manifest.tiling.size, manifest.tiling.overlap)
    return decode(manifest, [blend(part, tiles, values_of(model, image), scale)[None]], whole_part(image), np.zeros((1, 1, 1, 1)))


@pytest.mark.parametrize("labels", [["none", "a", "b"], ["background", "defect"]])
@pytest.mark.parametrize("size", [(300, 217), (64, 64), (65, 64), (64, 190)])
def test_segmentation_in_tiles_equals_its_twin(
    tmp_path: Path, packed: Packer, keys: tuple[Path, Path], labels: list[str], size: tuple[int, int]
) -> None:
    model = smoother(tmp_path / "m.onnx", 3 if len(labels) == 3 else 1)
    path, report = packed(model, "segmentation", labels, tile=[TILE, TILE], tile_overlap=0.3)
    image = soft_image(1, *size)
    found, expected = run(path, keys, image), twin(report.manifest, model, image)
    assert found.score_map is not None
    assert found.label_map is not None
    assert np.abs(found.score_map - expected["score_map"]).max() < 1e-5
    assert (found.label_map != expected["label_map"]).mean() < 1e-4  # where two classes are equal to the last bit
    assert len(found.regions) == len(expected["regions"])


def test_a_defect_over_many_tiles_is_one_region_as_in_the_whole_image(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    image = np.zeros((200, 500, 3), np.uint8)
    image[20:180, 30:470] = 255
    image[60:140, 100:400] = 0  # a hole across every seam
    path, _ = packed(threshold_segmenter(tmp_path / "t.onnx"), "segmentation", ["background", "defect"], tile=[TILE, TILE])
    result = run(path, keys, image)
    (region,) = result.regions
    assert region.area_px == 160 * 440 - 80 * 300
    assert region.box == (30, 20, 470, 180)
    assert [p.hole for p in region.polygons] == [False, True]
    inside = run(path, keys, image[:, :, :1].repeat(3, 2), tile=(96, 80), tile_overlap=0.0)
    assert [r.area_px for r in inside.regions] == [region.area_px]


def test_a_model_that_looks_less_far_than_the_margin_gives_what_it_gives_for_the_whole(
    tmp_path: Path, packed: Packer, keys: tuple[Path, Path]
) -> None:
    reach = 3
    model = smoother(tmp_path / "m.onnx", 1, reach)
    path, report = packed(model, "anomaly", [], tile=[TILE, TILE], tile_overlap=0.25, score="max", threshold=0.5)  # a quarter of 16 is 4
    image = soft_image(2, 333, 150)
    found = run(path, keys, image)
    kernel, bias = (numpy_helper.to_array(t) for t in __import__("onnx").load(model).graph.initializer[:2])
    padded = np.pad(image[:, :, ::-1].astype(np.float64) / 255, ((reach, reach), (reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    whole = np.einsum("hwcij,cij->hw", windows, kernel[0].astype(np.float64)) + bias[0]
    assert found.score_map is not None
    assert np.abs(found.score_map - whole).max() < 1e-5
    assert found.score == pytest.approx(whole.max(), abs=1e-5)
    expected = twin(report.manifest, model, image)
    assert found.score == pytest.approx(expected["score_raw"], abs=1e-6)
    assert np.abs(found.score_map - expected["score_map"]).max() < 1e-5


def test_an_image_is_as_bad_as_its_worst_tile(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    """anomalib's exports give the score of what they saw."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Identity", ["m"], ["anomaly_map"]),
        helper.make_node("ReduceMax", ["m"], ["pred_score"], axes=[1, 2, 3], keepdims=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, TILE, TILE])
    outputs = [
        helper.make_tensor_value_info("pred_score", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("anomaly_map", TensorProto.FLOAT, [1, 1, TILE, TILE]),
    ]
    model = save_model(tmp_path / "a.onnx", nodes, [], [x], outputs)
    path, _ = packed(model, "anomaly", [], tile=[TILE, TILE])
    image = np.full((200, 300, 3), 25, np.uint8)
    assert str(run(path, keys, image).verdict) == "OK"
    image[150:153, 200:204] = 255
    result = run(path, keys, image)
    assert (str(result.verdict), result.score) == ("NG", 1.0)
    assert [r.box for r in result.regions] == [(200, 150, 204, 153)]


@pytest.mark.parametrize(("scale", "channels", "bits"), [(1, 3, 8), (2, 3, 8), (2, 1, 16)])
def test_enhancement_in_tiles_equals_its_twin(
    tmp_path: Path, packed: Packer, keys: tuple[Path, Path], scale: int, channels: int, bits: int
) -> None:
    model = smoother(tmp_path / "e.onnx", channels, scale=scale, given=channels)
    colour = "GRAY" if channels == 1 else "RGB"
    path, report = packed(model, "enhancement", [], tile=[TILE, TILE], tile_overlap=0.3, bits=bits, colour=colour)
    image = soft_image(3, 230, 141)[:, :, :channels].squeeze()
    found, expected = run(path, keys, image), twin(report.manifest, model, image, scale)
    assert found.image is not None
    assert found.image.shape[:2] == (141 * scale, 230 * scale)
    assert found.image.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(found.image.astype(int) - expected["image"].astype(int)).max() <= 1


def test_a_residual_is_added_to_each_tile_before_it_is_blended(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = smoother(tmp_path / "r.onnx", 3)
    path, report = packed(model, "enhancement", [], tile=[TILE, TILE], tile_overlap=0.3, residual=True)
    image = soft_image(4, 190, 141)
    residual = values_of(model, image)

    def repaired(tile: tuple[int, int, int, int]) -> NDArray[np.float32]:
        x, y, w, h = tile
        shown = image[y : y + h, x : x + w, ::-1].astype(np.float32) * np.float32(1 / 255)
        return np.asarray(residual(tile) + shown.transpose(2, 0, 1))

    assert report.manifest.tiling is not None
    part = (0, 0, image.shape[1], image.shape[0])
    whole = blend(part, place_tiles(part, report.manifest.tiling.size, report.manifest.tiling.overlap), repaired)
    expected = np.clip(np.rint(whole * 255), 0, 255).transpose(1, 2, 0)[:, :, ::-1]
    found = run(path, keys, image)
    assert found.image is not None
    assert np.abs(found.image.astype(int) - expected.astype(int)).max() <= 1
    alone = np.abs(found.image.astype(int) - image.astype(int)).max()
    assert alone > 3  # the residual says something


def test_tiles_stay_inside_the_region_of_interest(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path, _ = packed(segmenter(tmp_path / "s.onnx"), "segmentation", ["none", "dark", "bright"], tile=[TILE, TILE])
    image = np.full((200, 300, 3), 128, np.uint8)
    image[:20] = 255
    image[60:90, 90:200] = 255
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        (region,) = session.run(image, roi=(33, 41, 201, 130)).regions
    assert region.box == (90, 60, 200, 90)


def test_masks_of_objects_follow_their_objects(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    """Every tile claims one object at the same place of the tile, with a mask."""
    mask = np.zeros((1, 1, TILE, TILE), np.float32)
    mask[..., 20:30, 24:44] = 1
    weights = [
        numpy_helper.from_array(np.array([[[24, 20, 44, 30]]], np.float32), "box"),
        numpy_helper.from_array(np.array([[0]], np.int64), "label"),
        numpy_helper.from_array(mask, "mask"),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.array([-1], np.int64), "last"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Unsqueeze", ["m", "zeros"], ["u"]),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["box", "z"], ["boxes"]),
        helper.make_node("Identity", ["label"], ["labels"]),
        helper.make_node("Add", ["mask", "z"], ["masks"]),
    ]
    weights.append(numpy_helper.from_array(np.array([0, 1], np.int64), "zeros"))
    nodes.append(helper.make_node("Identity", ["u"], ["scores"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, TILE, TILE])
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, [1, 1]),
        helper.make_tensor_value_info("masks", TensorProto.FLOAT, [1, 1, TILE, TILE]),
    ]
    model = save_model(tmp_path / "i.onnx", nodes, [w for w in weights if w.name != "last"], [x], outputs)
    path, _ = packed(model, "instance", ["thing"], tile=[TILE, TILE], tile_overlap=0.0, threshold=0.3, masks="input")
    image = np.full((128, 192, 3), 255, np.uint8)
    image[:64, :64] = 230  # the first tile is less sure, so its object comes last
    result = run(path, keys, image)
    assert len(result.objects) == len(result.regions) == 6
    assert [r.box for r in result.regions] == [o.box for o in result.objects]
    assert result.objects[-1].box == (24, 20, 44, 30)
    assert {r.area_px for r in result.regions} == {200.0}


def test_what_is_too_large_to_blend_is_refused(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = smoother(tmp_path / "m.onnx", 200, 0)
    path, _ = packed(model, "segmentation", [f"c{i}" for i in range(200)], tile=[TILE, TILE])
    with pytest.raises(lnx.LnxError) as caught:
        run(path, keys, np.zeros((1200, 1200, 3), np.uint8))
    assert caught.value.status == 105
