"""Models of 16-bit values: gray pictures reach the tensor with all their levels, and enhanced ones leave with them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import lnx
import numpy as np
import pytest
from conftest import Packer, save_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.manifest import Manifest
from lnx.reference import preprocess
from onnx import TensorProto, helper

SIDES = st.integers(1, 60)


def recipe(width: int, height: int, ops: list[dict[str, Any]], window: dict[str, int] | None = None, dtype: str = "f32") -> dict[str, Any]:
    tensor = {"name": "x", "dtype": dtype, "shape": [1, 1, height, width], "layout": "NCHW"}
    return {
        "model": {"name": "m", "version": "1"},
        "task": "classification",
        "graphs": [{"inputs": [tensor], "outputs": [{"name": "y", "dtype": "f32", "shape": [1, 1]}]}],
        "input": {"depth": 16, "window": window},
        "pre": [
            {"op": "color", "to": "GRAY"},
            *ops,
            {"op": "cast", "to": dtype},
            {"op": "scale", "div": 65535},
            {"op": "layout", "to": "NCHW"},
        ],
        "decode": {"kind": "classification"},
        "labels": [{"id": 0, "name": "a"}],
    }


def core(testing: ModuleType, manifest: Manifest, image: Any, fmt: str = "GRAY16") -> Any:
    tensor, *_ = testing.preprocess(manifest.to_json(), image, fmt, (), True)
    return tensor.view(np.float32).reshape([int(side) for side in manifest.graphs[0].inputs[0].shape])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 9999), w=SIDES, h=SIDES, to=st.tuples(SIDES, SIDES), lo=st.integers(0, 30000), span=st.integers(1, 35535))
def test_16_bit_preprocessing_equals_opencv_within_one_level(
    testing: ModuleType, seed: int, w: int, h: int, to: tuple[int, int], lo: int, span: int
) -> None:
    image = np.random.default_rng(seed).integers(0, 65536, (h, w)).astype(np.uint16)
    resize = {"op": "resize", "mode": "stretch", "size": list(to), "interp": "linear", "lib": "opencv"}
    made = Manifest.model_validate(recipe(*to, [resize], {"lo": lo, "hi": lo + span}))
    expected, _ = preprocess(made, image)
    assert np.abs(core(testing, made, image) - expected).max() <= 1.01 / 65535


def test_without_a_resize_every_level_arrives(testing: ModuleType) -> None:
    image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    made = Manifest.model_validate(recipe(256, 256, []))
    tensor = core(testing, made, image)
    assert np.array_equal(tensor[0, 0], image.astype(np.float32) / np.float32(65535))
    assert np.array_equal(tensor, preprocess(made, image)[0])
    eight = (image >> 8).astype(np.uint8)
    assert np.array_equal(core(testing, made, eight, "GRAY8")[0, 0], eight.astype(np.float32) * 257 / np.float32(65535))


@pytest.mark.parametrize(
    "ops",
    [
        [{"op": "crop", "mode": "center", "size": [8, 8]}],
        [{"op": "resize", "mode": "letterbox", "size": [8, 8], "interp": "linear", "lib": "opencv"}],
        [{"op": "resize", "mode": "stretch", "size": [8, 8], "interp": "cubic", "lib": "opencv"}],
        [{"op": "color", "to": "RGB"}, {"op": "color", "to": "GRAY"}],
    ],
)
def test_ops_without_a_16_bit_form_are_refused(testing: ModuleType, ops: list[dict[str, Any]]) -> None:
    made = Manifest.model_validate(recipe(8, 8, ops))
    with pytest.raises(RuntimeError):
        core(testing, made, np.zeros((20, 20), np.uint16))


def test_enhancement_of_16_bits_keeps_what_8_bits_would_lose(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    """A graph that answers its input: 12-bit X-ray levels come back as they went in, also in tiles."""
    side = 64
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, side, side])
    model = save_model(tmp_path / "e.onnx", [helper.make_node("Identity", ["x"], ["y"])], [], [x], [y])
    image = np.random.default_rng(1).integers(0, 4096, (150, 201)).astype(np.uint16)
    path, report = packed(
        model, "enhancement", [], [image[:side, :side] * 16], colour="GRAY", scale=None, depth=16, tile=[side, side], tile_overlap=0.25
    )
    assert report.manifest.decode.bits == 16
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        assert session.self_test()["passed"]
        found = session.run(image, valid_bits=12).image
        assert found is not None
        assert found.dtype == np.uint16
        assert np.abs(found.astype(int) - np.rint(image * (65535 / 4095)).astype(int)).max() <= 1
        assert len(np.unique(found)) == len(np.unique(image))
        with pytest.raises(lnx.LnxError) as caught:
            session.run(cv2.cvtColor((image >> 4).astype(np.uint8), cv2.COLOR_GRAY2BGR))
        assert caught.value.status == 106
