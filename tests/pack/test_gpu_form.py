"""The form for GPUs: the same results with 8-bit input and summed-up outputs, made at pack time, checked, and left out when it differs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import lnx
import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import PLAIN, TEXTURE_LABELS, Packer, brightness_classifier, segmenter, threshold_segmenter
from graphs import fixed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.container import load_public_key, load_signing_key, read_container
from lnx.manifest import Normalize, RtmdetDecode, Scale
from lnx.pack import gpu_form as forms
from lnx.pack import pack, read_graph
from lnx.pack.form_nodes import head
from lnx.reference.preprocess import preprocess
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "decode"))
from cases import heads as random_heads

Array = np.ndarray[Any, Any]


def pictures(n: int = 3) -> list[Array]:
    return [np.random.default_rng(i).integers(0, 256, (50 + 20 * i, 90, 3), np.uint8) for i in range(n)]


def yolox(path: Path, opset: int = 17, classes: int = 3, side: int = 64, kind: int = TensorProto.FLOAT) -> Path:
    """Every value of a YOLOX head depends on the picture: a random linear map of its 4 x 4 mean, through a sigmoid."""
    rng = np.random.default_rng(1)
    anchors = sum((side // stride) ** 2 for stride in (8, 16, 32))
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.8, (48, anchors * (5 + classes))).astype(np.float32), "w"),
        numpy_helper.from_array(rng.normal(-1, 1, (anchors * (5 + classes),)).astype(np.float32), "b"),
        numpy_helper.from_array(np.array([-1, anchors, 5 + classes], np.int64), "shape"),
    ]
    nodes = [
        helper.make_node("Cast", ["images"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[side // 4] * 2, strides=[side // 4] * 2),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["n"]),
        helper.make_node("Sigmoid", ["n"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["output"]),
    ]
    x = helper.make_tensor_value_info("images", kind, ["N", 3, side, side])
    y = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", anchors, 5 + classes])
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_the_core_gives_the_same_results_in_both_forms(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path, report = packed(yolox(tmp_path / "m.onnx"), "yolox", ["a", "b", "c"], pictures(), decoded=False, threshold=0.2, batch=[1, 3])
    assert report.manifest.gpu_form is not None and report.manifest.gpu_form.decode is not None
    results = {}
    for heads in (True, False):
        with lnx.Session(path, device="cpu", uint8_heads=heads, trusted_keys=[keys[1]], events=False) as session:
            results[heads] = session.run(pictures())
            assert session.self_test()["passed"] and session.describe()["gpu_form"] == heads
            assert all(("uint8_heads" in result.used) == heads for result in results[heads])
    for one, other in zip(results[True], results[False], strict=True):
        assert len(one.objects) == len(other.objects) > 3
        for a, b in zip(one.objects, other.objects, strict=True):
            assert a.class_id == b.class_id and abs(a.score - b.score) <= 1e-5
            assert np.abs(np.subtract(a.box, b.box)).max() <= 0.01


@pytest.mark.parametrize("opset", [11, 12, 13, 18, 20])
def test_every_opset_has_its_form(tmp_path: Path, packed: Packer, opset: int) -> None:
    report = packed(yolox(tmp_path / "m.onnx", opset), "yolox", ["a", "b", "c"], pictures(1), decoded=False, threshold=0.2)[1]
    assert report.manifest.gpu_form is not None


@pytest.mark.parametrize("per_anchor", ["best", "all"])
def test_unsuppressed_paddle_heads_are_summed_up(tmp_path: Path, packed: Packer, keys: tuple[Path, Path], per_anchor: str) -> None:
    rng = np.random.default_rng(4)
    corners = np.sort(rng.uniform(0, 64, (1, 2000, 2, 2)), axis=2).reshape(1, 2000, 4).astype(np.float32)
    scores = (rng.uniform(0, 1, (1, 3, 2000)) ** 4).astype(np.float32)
    graph = fixed(tmp_path / "p.onnx", {"boxes": corners, "scores": scores})
    more = {"classes_per_anchor": per_anchor, "threshold": 0.3, "size": (64, 64)}
    path, report = packed(graph, "ppyoloe", ["a", "b", "c"], pictures(1), **more)
    assert report.manifest.gpu_form is not None and report.manifest.gpu_form.decode is not None, report.assumptions
    assert [spec.shape for spec in report.manifest.gpu_form.outputs] == [[1, 1000, 4], [1, 1000], [1, 1000], [1]]
    found = []
    for heads in (True, False):
        with lnx.Session(path, device="cpu", uint8_heads=heads, trusted_keys=[keys[1]], events=False) as session:
            found.append([(o.class_id, round(o.score, 5), tuple(round(v, 2) for v in o.box)) for o in session.run(pictures(1)[0]).objects])
    assert found[0] == found[1] and len(found[0]) > 50


def mixed(path: Path, outputs: list[tuple[str, Array]], batch: int | str = "N") -> Path:
    """A graph whose outputs are those arrays times how bright the picture is: all of them depend on the picture."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0), helper.make_node("Add", ["mean", "one"], ["by"])]
    weights, infos = [numpy_helper.from_array(np.full((1,), 0.5, np.float32), "one")], []
    for i, (_, array) in enumerate(outputs):
        weights.append(numpy_helper.from_array(array, f"w{i}"))
        weights.append(numpy_helper.from_array(np.array([-1] + [1] * (array.ndim - 1), np.int64), f"s{i}"))
        nodes += [helper.make_node("Reshape", ["by", f"s{i}"], [f"b{i}"]), helper.make_node("Mul", [f"w{i}", f"b{i}"], [f"o{i}"])]
        infos.append(helper.make_tensor_value_info(f"o{i}", TensorProto.FLOAT, [batch, *array.shape[1:]]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 64, 64])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], infos, weights), opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("per_anchor", ["best", "all"])
@pytest.mark.parametrize("kind", ["rtmdet maps", "rtmdet flat", "efficientdet maps", "efficientdet flat"])
def test_heads_of_several_levels_are_summed_up(tmp_path: Path, packed: Packer, keys: tuple[Path, Path], kind: str, per_anchor: str) -> None:
    part, outputs = random_heads(np.random.default_rng(5), kind)
    more: dict[str, Any] = {"classes_per_anchor": per_anchor, "threshold": 0.2, "mean": [0.0], "std": [1.0], "batch": [1, 3]}
    more |= {"distances": part["distances"]} if "distances" in part else {}
    more |= {"coding": part["coding"]} if "coding" in part else {}
    graph = mixed(tmp_path / "m.onnx", outputs)
    path, report = packed(graph, part["kind"], ["a", "b", "c"], pictures(2), **{**more, "resize": "letterbox", "scale": 1 / 255})
    form = report.manifest.gpu_form
    assert form is not None and form.decode is not None, report.assumptions
    assert [spec.name for spec in form.outputs] == ["lnx_boxes", "lnx_scores", "lnx_labels", "lnx_finite"]
    results = {}
    for wanted in (True, False):
        with lnx.Session(path, device="cpu", uint8_heads=wanted, trusted_keys=[keys[1]], events=False) as session:
            results[wanted] = session.run(pictures())
            assert session.self_test()["passed"] and session.describe()["gpu_form"] == wanted
    for one, other in zip(results[True], results[False], strict=True):
        assert len(one.objects) == len(other.objects) > 3
        for a, b in zip(one.objects, other.objects, strict=True):
            assert a.class_id == b.class_id and abs(a.score - b.score) <= 1e-5
            assert np.abs(np.subtract(a.box, b.box)).max() <= 0.01


def test_maps_that_do_not_fit_their_strides_keep_the_plain_outputs(tmp_path: Path, packed: Packer) -> None:
    part, outputs = random_heads(np.random.default_rng(5), "rtmdet maps")
    graph = read_graph(mixed(tmp_path / "m.onnx", outputs))
    report = packed(tmp_path / "m.onnx", part["kind"], ["a", "b", "c"], pictures(1))[1]
    manifest = report.manifest.model_copy(deep=True)
    assert isinstance(manifest.decode, RtmdetDecode)
    manifest.decode.strides = [8, 16, 64]
    made = forms.make_form(manifest, graph)
    assert not isinstance(made, str) and made.form.decode is None


def test_no_more_than_three_thousand_boxes_leave_a_graph(tmp_path: Path, packed: Packer) -> None:
    rng = np.random.default_rng(2)
    corners = np.sort(rng.uniform(0, 64, (1, 4000, 2, 2)), axis=2).reshape(1, 4000, 4).astype(np.float32)
    graph = fixed(tmp_path / "p.onnx", {"boxes": corners, "scores": (rng.uniform(0, 1, (1, 3, 4000)) ** 9).astype(np.float32)})
    report = packed(graph, "ppyoloe", ["a", "b", "c"], pictures(1), threshold=0.6, size=(64, 64))[1]
    manifest = report.manifest.model_copy(deep=True)
    manifest.nms.pre_top_k = 30000
    made = forms.make_form(manifest, read_graph(graph))
    assert not isinstance(made, str) and made.form.outputs[0].shape == [1, 3000, 4]


def test_maps_and_classes_come_back_as_they_are(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    cases: list[tuple[Any, str, list[str], dict[str, Any]]] = [
        (
            brightness_classifier(tmp_path / "c.onnx"),
            "classification",
            TEXTURE_LABELS,
            {"activation": "softmax", "mean": [0.4], "std": [0.2]},
        ),
        (threshold_segmenter(tmp_path / "t.onnx"), "segmentation", ["ok", "flaw"], {}),
        (segmenter(tmp_path / "s.onnx"), "segmentation", ["between", "dark", "bright"], {}),
    ]
    for graph, preset, labels, more in cases:
        path, report = packed(graph, preset, labels, pictures(2), **more)
        assert report.manifest.gpu_form is not None and report.manifest.gpu_form.decode is None
        documents = []
        for heads in (True, False):
            with lnx.Session(path, device="cpu", uint8_heads=heads, trusted_keys=[keys[1]], events=False) as session:
                document = session.run(pictures(1)[0]).to_dict()
                assert session.self_test()["passed"]
            for key in ("timings_us", "used"):
                document.pop(key)
            documents.append(document)
        assert documents[0] == documents[1], preset


def test_one_switch_leaves_the_form_out(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    common: dict[str, Any] = {"preset": "classification", "labels": TEXTURE_LABELS, "options": {**PLAIN, "activation": "softmax"}}
    common |= {"signing_key": load_signing_key(keys[0])}
    graph = brightness_classifier(tmp_path / "m.onnx")
    entries = {}
    for wanted in (True, False):
        report = pack(graph, tmp_path / "m.lnx", gpu_form=wanted, **common)
        assert (report.manifest.gpu_form is not None) == wanted
        entries[wanted] = dict(read_container(tmp_path / "m.lnx", trusted=[load_public_key(keys[1])]).entries)
    assert "gpu_form.onnx" in entries[True] and "gpu_form.onnx" not in entries[False]
    assert b"gpu_form" not in entries[False]["manifest.json"]
    assert entries[True]["model.onnx"] == entries[False]["model.onnx"] == graph.read_bytes()
    with lnx.Session(tmp_path / "m.lnx", device="cpu", uint8_heads=True, trusted_keys=[keys[1]], events=False) as session:
        assert not session.describe()["gpu_form"]


def test_a_form_that_differs_is_left_out_and_told(tmp_path: Path, packed: Packer, monkeypatch: pytest.MonkeyPatch) -> None:
    real = forms.make_form

    def spoilt(manifest: Any, graph: Any) -> Any:
        made = real(manifest, graph)
        piece = onnx.GraphProto()
        piece.ParseFromString(made.content)
        for tensor in piece.initializer:
            if tensor.data_type == TensorProto.FLOAT:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), tensor.name))
        return forms.FormFile(made.form, piece.SerializeToString())

    monkeypatch.setattr(forms, "make_form", spoilt)
    report = packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, pictures(1), activation="softmax")[1]
    assert report.manifest.gpu_form is None
    assert any("no form for GPUs: its results differ" in text for text in report.assumptions)


def test_nan_in_a_dense_head_is_still_an_error(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    table = np.full((1, 84, 8), 0.1, np.float32)
    weights = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.float32(0.99), "limit")]
    weights.append(numpy_helper.from_array(np.float32(0), "zero"))
    nodes = [  # a white picture divides zero by zero
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Less", ["m", "limit"], ["dark"]),
        helper.make_node("Cast", ["dark"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["zero", "one"], ["nan"]),
        helper.make_node("Add", ["table", "nan"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 84, 8])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "n.onnx").write_bytes(model.SerializeToString())
    path = packed(tmp_path / "n.onnx", "yolox", ["a", "b", "c"], pictures(1), decoded=True)[0]
    for heads in (True, False):
        with lnx.Session(path, device="cpu", uint8_heads=heads, trusted_keys=[keys[1]], events=False) as session:
            session.run(np.zeros((64, 64, 3), np.uint8))
            with pytest.raises(lnx.LnxError) as caught:
                session.run(np.full((64, 64, 3), 255, np.uint8))
            assert caught.value.status == 502


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scale=st.one_of(st.floats(1e-3, 2).map(lambda v: Scale(mul=v)), st.floats(1, 300).map(lambda v: Scale(div=v))),
    mean=st.lists(st.floats(-1, 200), min_size=3, max_size=3),
    std=st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
    half=st.booleans(),
)
def test_the_head_computes_what_the_cpu_computes_bit_for_bit(
    tmp_path: Path, scale: Scale, mean: list[float], std: list[float], half: bool
) -> None:
    graph = read_graph(yolox(tmp_path / "m.onnx", kind=TensorProto.FLOAT16 if half else TensorProto.FLOAT))
    from lnx.manifest import Cast, Color, Layout, ModelInfo, Resize
    from lnx.pack.presets import PRESETS, Draft, PresetOptions

    options = PresetOptions.model_validate({**PLAIN, "decoded": False})
    manifest = PRESETS["yolox"](Draft(graph, ["a", "b", "c"], options, ModelInfo(name="m", version="1")))
    values = [Cast(to="f16" if half else "f32"), scale, Normalize(mean=mean, std=std)]
    manifest.pre = [Color(to="RGB"), Resize(mode="stretch", size=(64, 64), interp="linear"), *values, Layout(to="NCHW")]
    spec = manifest.graphs[0].inputs[0]
    nodes, name = head(manifest, spec, values, 17)
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    piece = helper.make_graph(
        nodes.nodes,
        "head",
        [helper.make_tensor_value_info(name, TensorProto.UINT8, [1, 3, 64, 64])],
        [helper.make_tensor_value_info(spec.name, kind, [1, 3, 64, 64])],
        nodes.weights,
    )
    model = helper.make_model(piece, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    expected, _ = preprocess(manifest, image)
    bytes_in = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)[None])
    found = session.run(None, {name: bytes_in})[0]
    assert found.dtype == expected.dtype and (found == expected).all()


def test_the_core_splices_as_the_plain_twin_does(tmp_path: Path, packed: Packer, testing: ModuleType, keys: tuple[Path, Path]) -> None:
    graph = yolox(tmp_path / "m.onnx")
    path, _ = packed(graph, "yolox", ["a", "b", "c"], pictures(1), decoded=False)
    form = dict(read_container(path, trusted=[load_public_key(keys[1])]).entries)["gpu_form.onnx"]
    status, made = testing.splice_form(graph.read_bytes(), form)
    assert status == 0
    core, twin = onnx.load_model_from_string(made), onnx.load_model_from_string(forms.splice(graph.read_bytes(), form))
    for field in ("input", "output", "initializer"):
        assert list(getattr(core.graph, field)) == list(getattr(twin.graph, field)), field
    assert sorted(n.SerializeToString() for n in core.graph.node) == sorted(n.SerializeToString() for n in twin.graph.node)
    onnx.checker.check_model(twin)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), cut=st.integers(0, 4000), flip=st.integers(0, 2000))
def test_spoilt_models_and_forms_are_refused_or_spliced_never_read_beyond(
    tmp_path: Path, testing: ModuleType, data: bytes, cut: int, flip: int
) -> None:
    graph = brightness_classifier(tmp_path / "m.onnx").read_bytes()
    form = onnx.GraphProto(input=[onnx.ValueInfoProto(name="a")], output=[onnx.ValueInfoProto(name="b")]).SerializeToString()
    spoilt = bytearray(graph)
    spoilt[flip % len(spoilt)] ^= 0x55
    for model, piece in ((graph[:cut], form), (bytes(spoilt), form), (data, form), (graph, data), (graph, form[: cut % (len(form) + 1)])):
        status, _ = testing.splice_form(model, piece)
        assert status in (0, 226)
