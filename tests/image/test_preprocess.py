"""The core's preprocessing against OpenCV, Pillow and numpy, which is what models were trained with."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.manifest import Manifest
from lnx.reference import preprocess
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]


def recipe(ops: list[dict[str, Any]], width: int, height: int, channels: int = 3, dtype: str = "u8") -> Manifest:
    """A manifest around a list of ops; the tensor is NHWC so that it compares with pictures as they are."""
    tensor = {"name": "x", "dtype": dtype, "shape": [1, height, width, channels], "layout": "NHWC"}
    return Manifest.model_validate(
        {
            "model": {"name": "m", "version": "1"},
            "task": "classification",
            "graphs": [{"inputs": [tensor], "outputs": [{"name": "y", "dtype": "f32", "shape": [1, 1]}]}],
            "pre": [{"op": "color", "to": "BGR" if channels == 3 else "GRAY"}, *ops, {"op": "layout", "to": "NHWC"}],
            "decode": {"kind": "classification"},
            "labels": [{"id": 0, "name": "a"}],
        }
    )


def resize(width: int, height: int, interp: str, lib: str = "opencv", mode: str = "stretch", **more: Any) -> dict[str, Any]:
    return {"op": "resize", "mode": mode, "size": [width, height], "interp": interp, "lib": lib, **more}


def run_core(testing: ModuleType, manifest: Manifest, image: Array, fast: bool, fmt: str | None = None, roi: tuple[int, ...] = ()) -> Any:
    spec = manifest.graphs[0].inputs[0]
    formats = {(2, 1): "GRAY8", (2, 2): "GRAY16", (3, 1): "BGR8"}
    chosen = fmt or formats[(image.ndim, image.itemsize)]
    tensor, factors, content, path = testing.preprocess(manifest.to_json(), image, chosen, roi, fast)
    dtype = {"u8": np.uint8, "f32": np.float32, "f16": np.float16}[spec.dtype]
    return tensor.view(dtype).reshape([int(side) for side in spec.shape]), factors, content, path


def picture(seed: int, width: int, height: int, channels: int) -> Array:
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    noise = rng.integers(0, 256, shape, np.uint8)
    return noise if seed % 2 else np.asarray(cv2.GaussianBlur(noise, (0, 0), 2)).reshape(shape)


SIZES = st.integers(1, 130)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    w=SIZES,
    h=SIZES,
    to_w=SIZES,
    to_h=SIZES,
    channels=st.sampled_from([1, 3]),
    interp=st.sampled_from(["linear", "nearest"]),
)
def test_linear_and_nearest_equal_opencv_bit_for_bit(
    testing: ModuleType, seed: int, w: int, h: int, to_w: int, to_h: int, channels: int, interp: str
) -> None:
    image = picture(seed, w, h, channels)
    flag = cv2.INTER_LINEAR if interp == "linear" else cv2.INTER_NEAREST
    expected = cv2.resize(image, (to_w, to_h), interpolation=flag).reshape(1, to_h, to_w, channels)
    tensor, *_ = run_core(testing, recipe([resize(to_w, to_h, interp)], to_w, to_h, channels), image, fast=False)
    np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize(
    ("source", "target"), [((1920, 1080), (640, 360)), ((2448, 2048), (640, 535)), ((640, 480), (320, 240)), ((300, 200), (900, 600))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_linear_equals_opencv_at_camera_sizes(testing: ModuleType, source: tuple[int, int], target: tuple[int, int], channels: int) -> None:
    image = picture(1, *source, channels)
    expected = cv2.resize(image, target, interpolation=cv2.INTER_LINEAR).reshape(1, target[1], target[0], channels)
    tensor, *_ = run_core(testing, recipe([resize(*target, "linear")], *target, channels), image, fast=False)
    np.testing.assert_array_equal(tensor, expected)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    w=st.integers(2, 90),
    h=st.integers(2, 90),
    to_w=st.integers(1, 90),
    to_h=st.integers(1, 90),
    channels=st.sampled_from([1, 3]),
    interp=st.sampled_from(["cubic", "area"]),
)
def test_cubic_and_area_are_within_one_grey_level_of_opencv(
    testing: ModuleType, seed: int, w: int, h: int, to_w: int, to_h: int, channels: int, interp: str
) -> None:
    image = picture(seed, w, h, channels)
    flag = cv2.INTER_CUBIC if interp == "cubic" else cv2.INTER_AREA
    expected = cv2.resize(image, (to_w, to_h), interpolation=flag).reshape(1, to_h, to_w, channels)
    tensor, *_ = run_core(testing, recipe([resize(to_w, to_h, interp)], to_w, to_h, channels), image, fast=False)
    assert np.abs(tensor.astype(int) - expected.astype(int)).max() <= 1


def cubic_exactly(image: np.ndarray, to_w: int, to_h: int) -> np.ndarray:
    """Cubic interpolation with a = -0.75 in float64, not rounded: float [to_h, to_w, channels]."""

    def along(values: np.ndarray, length: int) -> np.ndarray:
        """The first axis at another length."""
        at = (np.arange(length) + 0.5) * (len(values) / length) - 0.5
        first, total = np.floor(at).astype(int), 0.0
        for k in range(-1, 3):
            x = np.abs(at - first - k)
            near, far = (1.25 * x - 2.25) * x * x + 1, ((-0.75 * x + 3.75) * x - 6) * x + 3
            weight = np.where(x <= 1, near, far)
            total = total + values[np.clip(first + k, 0, len(values) - 1)] * weight[:, None, None]
        return np.asarray(total)

    lines = along(image.astype(np.float64).transpose(1, 0, 2), to_w)
    return along(lines.transpose(1, 0, 2), to_h)


@pytest.mark.skipif(not cv2.ipp.useIPP(), reason="an OpenCV without IPP rounds cubic in fixed point")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), w=st.integers(4, 90), h=st.integers(4, 90), to_w=st.integers(4, 90), to_h=st.integers(4, 90))
def test_cubic_is_that_of_opencv_as_published_but_for_ties(testing: ModuleType, seed: int, w: int, h: int, to_w: int, to_h: int) -> None:
    image = picture(seed, w, h, 3)
    expected = cv2.resize(image, (to_w, to_h), interpolation=cv2.INTER_CUBIC)
    own = run_core(testing, recipe([resize(to_w, to_h, "cubic")], to_w, to_h, 3), image, fast=False)[0][0]
    tie = np.abs(cubic_exactly(image, to_w, to_h) % 1 - 0.5) < 1e-3
    assert np.array_equal(own[~tie], expected[~tie])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    w=SIZES,
    h=SIZES,
    to_w=SIZES,
    to_h=SIZES,
    channels=st.sampled_from([1, 3]),
    interp=st.sampled_from(["linear", "cubic", "area", "nearest"]),
)
def test_every_pillow_filter_is_equal_bit_for_bit(
    testing: ModuleType, seed: int, w: int, h: int, to_w: int, to_h: int, channels: int, interp: str
) -> None:
    image = picture(seed, w, h, channels)
    filters = {
        "nearest": Image.Resampling.NEAREST,
        "linear": Image.Resampling.BILINEAR,
        "cubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BOX,
    }
    expected = np.asarray(Image.fromarray(image).resize((to_w, to_h), filters[interp])).reshape(1, to_h, to_w, channels)
    tensor, *_ = run_core(testing, recipe([resize(to_w, to_h, interp, "pil")], to_w, to_h, channels), image, fast=False)
    np.testing.assert_array_equal(tensor, expected)


def test_grey_conversion_equals_opencv_for_every_colour(testing: ModuleType) -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    image = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(52, -1, 3)
    expected = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[None, :, :, None]
    tensor, *_ = run_core(testing, recipe([], image.shape[1], 52, 1), image, fast=False)
    np.testing.assert_array_equal(tensor, expected)


def test_sixteen_bit_input_passes_the_window(testing: ModuleType) -> None:
    image = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    manifest = recipe([], 64, 64, 1)
    manifest.input.window = type(manifest.input).model_validate({"window": {"lo": 1000, "hi": 40000}}).window
    tensor, *_ = run_core(testing, manifest, image, fast=True)
    expected, _ = preprocess(manifest, image)
    np.testing.assert_array_equal(tensor, expected)
    assert tensor.min() == 0 and tensor.max() == 255


@pytest.mark.parametrize("anchor", ["center", "top_left"])
@pytest.mark.parametrize("size", [(320, 200), (200, 320), (97, 31), (640, 480)])
def test_letterbox_equals_the_reference_and_its_geometry_leads_back(testing: ModuleType, anchor: str, size: tuple[int, int]) -> None:
    ops = [
        resize(160, 160, "linear", mode="letterbox", anchor=anchor, pad=[114]),
        {"op": "cast", "to": "f32"},
        {"op": "scale", "mul": 1 / 255},
        {"op": "normalize", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
    ]
    manifest = recipe(ops, 160, 160, dtype="f32")
    manifest.graphs[0].inputs[0].layout = "NCHW"
    manifest.graphs[0].inputs[0].shape = [1, 3, 160, 160]
    manifest.pre[-1] = type(manifest.pre[-1]).model_validate({"to": "NCHW"})
    image = picture(3, *size, 3)
    expected, geometry = preprocess(manifest, image)
    for fast in (True, False):
        tensor, factors, content, path = run_core(testing, manifest, image, fast)
        np.testing.assert_allclose(tensor, expected, atol=1e-5)
        assert factors == pytest.approx((geometry.factor_x, geometry.factor_y, geometry.shift_x, geometry.shift_y))
        assert content == (
            round(geometry.left),
            round(geometry.top),
            round(geometry.right - geometry.left),
            round(geometry.bottom - geometry.top),
        )
        assert path.startswith("fused")


def test_short_side_and_centre_crop_equal_the_usual_classifier_transform(testing: ModuleType) -> None:
    image = picture(7, 333, 250, 3)
    ops = [
        resize(64, 64, "linear", "pil", mode="short_side", rounding="floor"),
        {"op": "crop", "mode": "center", "size": [56, 56], "rounding": "half_even"},
    ]
    manifest = recipe(ops, 56, 56)
    expected, _ = preprocess(manifest, image)
    tensor, *_ = run_core(testing, manifest, image, fast=True)
    np.testing.assert_array_equal(tensor, expected)


@pytest.mark.parametrize(
    ("ops", "where"),
    [
        ([{"op": "sharpen"}], "pre[1].op"),
        ([{"op": "resize", "mode": "stretch", "size": [0, 8], "interp": "linear", "lib": "opencv"}], "pre[1].size"),
        ([{"op": "resize", "mode": "stretch", "size": [8, 8], "interp": "lanczos", "lib": "opencv"}], "pre[1].interp"),
        ([{"op": "cast", "to": "f32"}, {"op": "color", "to": "RGB"}], "pre[2]"),
        ([{"op": "scale", "mul": 1, "add": 2}], "pre[1].add"),
    ],
)
def test_a_wrong_op_is_refused_by_the_core_with_its_place(testing: ModuleType, ops: list[dict[str, Any]], where: str) -> None:
    text = recipe([], 8, 8).to_json().replace('{"op":"layout","to":"NHWC"}', "")
    import json

    document = json.loads(text.replace(",]", "]"))
    document["pre"] = [{"op": "color", "to": "RGB"}, *ops]
    status, found = testing.parse_manifest(json.dumps(document))
    assert status == (220 if ops[0]["op"] == "sharpen" else 218)
    assert found.startswith(where)


@pytest.mark.parametrize(("width", "height"), [(640, 427), (257, 640), (143, 199)])
def test_the_short_side_is_exact_whatever_the_division_gives(testing: ModuleType, width: int, height: int) -> None:
    """427 * (235 / 427) is a hair under 235 in floating point; torchvision's size is 235 all the same."""
    image = picture(3, width, height, 3)
    longer = int(235 * max(width, height) / min(width, height))
    size = (235, longer) if width <= height else (longer, 235)
    expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    scaled = resize(235, 235, "cubic", "pil", "short_side", rounding="floor")
    made = recipe([scaled, {"op": "crop", "mode": "rect", "rect": [0, 0, *size]}], *size)
    tensor, *_ = run_core(testing, made, image, fast=True)
    np.testing.assert_array_equal(tensor[0], expected)
    np.testing.assert_array_equal(preprocess(made, image)[0][0], expected)
