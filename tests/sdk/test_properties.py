"""Any picture, in any layout a program may hold it in, through any kind of graph input: what a session answers is what the plain
reference says. The graphs here weigh every element of their input, so that one wrong pixel shows in the scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import PLAIN, save_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.container import load_signing_key
from lnx.manifest import Manifest
from lnx.pack import pack
from lnx.reference import preprocess
from onnx import TensorProto, helper, numpy_helper

CLASSES = 4
SIDES = (12, 9)  # width, height: not square, so that a transposed input shows


@dataclass
class Case:
    """One packed graph, opened, with the matrix that it multiplies its input with."""

    session: lnx.Session
    manifest: Manifest
    weights: Any

    def expected(self, image: Any, roi: tuple[int, int, int, int] | None) -> Any:
        tensor, _ = preprocess(self.manifest, image, roi)
        logits = tensor.reshape(1, -1).astype(np.float64) @ self.weights.astype(np.float64)
        return (1 / (1 + np.exp(-logits)))[0]


def weighing(path: Path, *, batch: int | str, nhwc: bool, channels: int) -> Any:
    width, height = SIDES
    elements = width * height * channels
    weights = np.random.default_rng(elements + nhwc).normal(0, 3 / np.sqrt(elements), (elements, CLASSES)).astype(np.float32)
    shape = [batch, height, width, channels] if nhwc else [batch, channels, height, width]
    nodes = [helper.make_node("Flatten", ["x"], ["f"], axis=1), helper.make_node("MatMul", ["f", "w"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, CLASSES])
    save_model(path, nodes, [numpy_helper.from_array(weights, "w")], [x], [y])
    return weights


RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "open_batch_nchw": ({"batch": "N", "nhwc": False, "channels": 3}, {"resize": "stretch"}),
    "fixed_batch_of_3": ({"batch": 3, "nhwc": False, "channels": 3}, {"resize": "letterbox"}),
    "nhwc": ({"batch": 1, "nhwc": True, "channels": 3}, {"resize": "stretch", "colour": "BGR"}),
    "nhwc_fixed_batch_of_2": ({"batch": 2, "nhwc": True, "channels": 3}, {"resize": "letterbox_top_left", "lib": "pil", "interp": "cubic"}),
    "gray": ({"batch": "N", "nhwc": False, "channels": 1}, {"resize": "stretch", "lib": "pil"}),
    "nearest": ({"batch": 4, "nhwc": False, "channels": 3}, {"resize": "stretch", "interp": "nearest"}),
    "normalised": (
        {"batch": "N", "nhwc": True, "channels": 3},
        {"resize": "imagenet", "resize_short": 14, "lib": "pil", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]},
    ),
}


@pytest.fixture(scope="module", params=list(RECIPES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Iterator[Case]:
    graph, options = RECIPES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    weights = weighing(folder / "m.onnx", **graph)
    report = pack(
        folder / "m.onnx",
        folder / "m.lnx",
        preset="classification",
        labels=[f"c{i}" for i in range(CLASSES)],
        options={**PLAIN, "activation": "sigmoid", **options},
        signing_key=load_signing_key(keys[0]),
    )
    with lnx.Session(folder / "m.lnx", device="cpu", cpu_threads=1, trusted_keys=[keys[1]], max_batch=7, events=False) as session:
        yield Case(session, report.manifest, weights)


def pictures() -> st.SearchStrategy[Any]:
    """Gray, 16-bit gray, BGR and BGRA pictures as views: parts of larger ones, upside down, mirrored, every other row, transposed."""

    @st.composite
    def picture(draw: Any) -> Any:
        height, width = draw(st.integers(1, 50)), draw(st.integers(1, 50))
        kind = draw(st.sampled_from(["gray", "gray16", "bgr", "bgra"]))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        margin = draw(st.integers(0, 5))
        shape = (2 * height + margin, 2 * width + margin, *{"bgr": (3,), "bgra": (4,)}.get(kind, ()))
        dtype = np.uint16 if kind == "gray16" else np.uint8
        large = rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
        view = large[margin : margin + height, margin : margin + width]
        way = draw(st.sampled_from(["part", "upside_down", "mirrored", "sparse", "fortran", "transposed"]))
        if way == "upside_down":
            view = view[::-1]
        elif way == "mirrored":
            view = view[:, ::-1]
        elif way == "sparse":
            view = large[: 2 * height : 2, : 2 * width : 2]
        elif way == "fortran":
            view = np.asfortranarray(view)
        elif way == "transposed":
            view = view.swapaxes(0, 1)
        return view

    return picture()


def scores(result: lnx.Result) -> Any:
    by_id = {found.class_id: found.score for found in result.classes}
    return np.array([by_id[i] for i in range(CLASSES)])


QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@QUICK
@given(image=pictures(), data=st.data())
def test_one_picture_and_a_part_of_it(case: Case, image: Any, data: st.DataObject) -> None:
    height, width = image.shape[:2]
    np.testing.assert_allclose(scores(case.session.run(image)), case.expected(image, None), atol=1e-4)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    roi = (x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    np.testing.assert_allclose(scores(case.session.run(image, roi=roi)), case.expected(image, roi), atol=1e-4)


@QUICK
@given(images=st.lists(pictures(), min_size=1, max_size=7))
def test_as_many_pictures_as_may_be_answer_each_for_itself(case: Case, images: list[Any]) -> None:
    results = case.session.run(images)
    assert len(results) == len(images)
    for image, result in zip(images, results, strict=True):
        np.testing.assert_allclose(scores(result), case.expected(image, None), atol=1e-4)
        assert result.size == (image.shape[1], image.shape[0])


@QUICK
@given(images=st.lists(pictures(), min_size=1, max_size=6))
def test_submitted_pictures_answer_in_their_order(case: Case, images: list[Any]) -> None:
    for tag, image in enumerate(images):
        case.session.submit(image, tag=tag)
    for tag, image in enumerate(images):
        result = case.session.wait()
        assert result.tag == tag
        np.testing.assert_allclose(scores(result), case.expected(image, None), atol=1e-4)
