"""Folders that anomalib and Paddle's projects export: read, packed, run; what cannot be kept is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np
import onnx
import pytest
from conftest import brightness_classifier, save_model, segmenter
from graphs import fixed
from lnx.cli import app
from lnx.container import load_signing_key
from lnx.pack import pack, read_anomalib, read_paddle
from onnx import TensorProto, helper
from test_presets import anomaly_outputs, named
from typer.testing import CliRunner

yaml = pytest.importorskip("yaml")
IMAGE = np.random.default_rng(3).integers(0, 256, (50, 70, 3), np.uint8)


def packed(arguments: list[str], keys: tuple[Path, Path], output: Path) -> tuple[dict[str, Any], lnx.Result]:
    lnx.write_image(output.with_suffix(".png"), IMAGE)
    done = CliRunner().invoke(app, ["pack", *arguments[:1], str(output), "--key", str(keys[0]), "--json", *arguments[1:]])
    assert done.exit_code == 0, done.output
    with lnx.Session(output, device="cpu", trusted_keys=[keys[1]], events=False, want=["score_map"]) as session:
        return json.loads(done.stdout), session.run(IMAGE)


def test_an_export_of_anomalib_2_needs_nothing_told(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    folder = tmp_path / "weights/onnx"
    folder.mkdir(parents=True)
    fixed(folder / "model.onnx", anomaly_outputs())
    told, result = packed([str(tmp_path), "--from-anomalib"], keys, tmp_path / "a.lnx")
    assert told["task"] == "anomaly"
    assert any("anomalib 2" in line for line in told["assumptions"])
    assert result.score == pytest.approx(0.83)
    assert str(result.verdict) == "NG"


def test_an_export_with_weights_beside_the_graph_is_packed_whole(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = fixed(tmp_path / "model.onnx", anomaly_outputs())
    inside, expected = packed([str(path), "--from-anomalib"], keys, tmp_path / "inside.lnx")
    folder = tmp_path / "apart"
    folder.mkdir()
    onnx.save(onnx.load(path), folder / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    apart, result = packed([str(folder), "--from-anomalib"], keys, tmp_path / "apart.lnx")
    assert result.digest == expected.digest
    assert apart["bytes"] > inside["bytes"] - 4096
    (folder / "model.onnx.data").unlink()
    with pytest.raises(lnx.LnxError, match=r"model\.onnx\.data"):
        read_anomalib(folder)


def raw_map(path: Path) -> Path:
    """The mean of the input as a raw map, ten times as large."""
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Add", ["m", "m"], ["output"]),
    ]
    x = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 32, 32])
    return save_model(path, nodes, [], [x], [y])


METADATA = {"image_threshold": 0.8, "pixel_threshold": 1.0, "min": 0.0, "max": 2.0}


def test_an_export_of_anomalib_0_brings_its_thresholds_spans_and_transform(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    raw_map(tmp_path / "model.onnx")
    steps = [
        {"__class_fullname__": "Resize", "height": 32, "width": 32, "interpolation": 1},
        {"__class_fullname__": "Normalize", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "max_pixel_value": 255.0},
        {"__class_fullname__": "ToTensorV2"},
    ]
    document = {**METADATA, "transform": {"__version__": "1.3", "transform": {"__class_fullname__": "Compose", "transforms": steps}}}
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    export = read_anomalib(tmp_path)
    assert export.options["mean"] == [0.5, 0.5, 0.5]
    assert export.options["image_calibration"] == (0.8, 0.0, 2.0)
    assert export.options["pixel_calibration"] == (1.0, 0.0, 2.0)
    _, result = packed([str(tmp_path), "--from-anomalib", "--set", "lib=opencv"], keys, tmp_path / "a.lnx")
    assert result.score_norm == pytest.approx(min(1, max(0, (result.score - 0.8) / 2 + 0.5)), abs=1e-6)
    tensor = (cv2.resize(IMAGE, (32, 32)).astype(np.float64) / 255 - 0.5) / 0.25
    assert result.score == pytest.approx(2 * tensor.mean(axis=2).max(), abs=1e-3)
    assert result.threshold == 0.5
    document["transform"]["transform"]["transforms"].insert(1, {"__class_fullname__": "CenterCrop", "height": 24, "width": 24})
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    with pytest.raises(lnx.LnxError, match="centre crop"):
        read_anomalib(tmp_path)


def test_an_export_of_anomalib_1_names_its_spans_per_output(tmp_path: Path) -> None:
    raw_map(tmp_path / "model.onnx")
    spans = {"pred_scores.min": 0.1, "pred_scores.max": 1.9, "anomaly_maps.min": 0.0, "anomaly_maps.max": 2.2}
    (tmp_path / "metadata.json").write_text(json.dumps({"image_threshold": 0.8, "pixel_threshold": 1.0, "task": "segmentation", **spans}))
    options = read_anomalib(tmp_path).options
    assert (options["image_calibration"], options["pixel_calibration"]) == ((0.8, 0.1, 1.9), (1.0, 0.0, 2.2))
    assert options["mean"] == [0.0]


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("{", 201),
        ('{"pixel_threshold": 1}', 201),
        (json.dumps({**METADATA, "transform": {"transforms": [{"__class_fullname__": "Blur"}]}}), 220),
    ],
)
def test_metadata_that_cannot_be_read_is_refused(tmp_path: Path, written: str, status: int) -> None:
    raw_map(tmp_path / "model.onnx")
    (tmp_path / "metadata.json").write_text(written)
    with pytest.raises(lnx.LnxError) as caught:
        read_anomalib(tmp_path)
    assert caught.value.status == status


def test_folders_without_what_is_needed_are_refused(tmp_path: Path) -> None:
    for read in (read_anomalib, read_paddle):
        with pytest.raises(lnx.LnxError) as caught:
            read(tmp_path)
        assert caught.value.status == 201
    raw_map(tmp_path / "model.onnx")
    with pytest.raises(lnx.LnxError) as caught:
        read_anomalib(tmp_path)
    assert caught.value.status == 223
    with pytest.raises(lnx.LnxError, match="settings"):
        read_paddle(tmp_path)


DETECTION: dict[str, Any] = {
    "mode": "paddle",
    "draw_threshold": 0.4,
    "arch": "YOLO",
    "Preprocess": [
        {"type": "Resize", "interp": 2, "keep_ratio": False, "target_size": [64, 64]},
        {"type": "NormalizeImage", "is_scale": True, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "norm_type": "none"},
        {"type": "Permute"},
    ],
    "label_list": ["scratch", "dent", "stain"],
}


def test_an_export_of_paddledetection_brings_labels_size_and_threshold(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    fixed(tmp_path / "model.onnx", named("ppyoloe rows", ["multiclass_nms3_0.tmp_0", "multiclass_nms3_0.tmp_2"]))
    (tmp_path / "infer_cfg.yml").write_text(yaml.safe_dump(DETECTION))
    export = read_paddle(tmp_path)
    assert (export.preset, export.labels, export.options["threshold"]) == ("ppyoloe", ["scratch", "dent", "stain"], 0.4)
    assert export.options["interp"] == "cubic"
    told, result = packed([str(tmp_path), "--from-paddle"], keys, tmp_path / "p.lnx")
    assert told["task"] == "detection"
    assert result.threshold == pytest.approx(0.4)
    assert {o.name for o in result.objects} <= {"scratch", "dent", "stain"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arch": "MaskRCNN"}, "MaskRCNN"),
        ({"Preprocess": [{"type": "Resize", "target_size": [64, 64], "keep_ratio": True}]}, "keep_ratio"),
        ({"Preprocess": [{"type": "PadStride", "stride": 32}]}, "PadStride"),
        ({"Preprocess": [{"type": "Resize", "target_size": [96, 96]}]}, "64 x 64"),
        ({"Preprocess": [{"type": "Resize"}]}, "target_size"),
    ],
)
def test_steps_of_paddledetection_that_cannot_be_kept_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    fixed(tmp_path / "model.onnx", named("ppyoloe rows", ["multiclass_nms3_0.tmp_0", "multiclass_nms3_0.tmp_2"]))
    (tmp_path / "infer_cfg.yml").write_text(yaml.safe_dump({**DETECTION, **change}))
    with pytest.raises(lnx.LnxError, match=message):
        read_paddle(tmp_path)


def test_an_export_of_paddleclas_brings_its_transform_and_names(tmp_path: Path) -> None:
    brightness_classifier(tmp_path / "inference.onnx")
    operations = [
        {"ResizeImage": {"resize_short": 36}},
        {"CropImage": {"size": 32}},
        {"NormalizeImage": {"channel_num": 3, "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "order": ""}},
        {"ToCHWImage": None},
    ]
    document = {"PreProcess": {"transform_ops": operations}, "PostProcess": {"Topk": {"topk": 5, "class_id_map_file": "/x/names.txt"}}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(document))
    with pytest.raises(lnx.LnxError, match=r"names\.txt"):
        read_paddle(tmp_path)
    (tmp_path / "names.txt").write_text("0 dark\n1 bright\n")
    export = read_paddle(tmp_path)
    assert (export.preset, export.labels) == ("classification", ["dark", "bright"])
    assert (export.options["resize_short"], export.options["size"]) == (36, (32, 32))
    assert export.options["mean"] == [0.485, 0.456, 0.406]


def pooled(path: Path) -> Path:
    """Sixteen scores of a 32 x 32 input: the mean of each part of 8 x 8."""
    nodes = [
        helper.make_node("AveragePool", ["x"], ["parts"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["parts"], ["grey"], axes=[1], keepdims=0),
        helper.make_node("Flatten", ["grey"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16])
    return save_model(path, nodes, [], [x], [y])


@pytest.mark.parametrize("size", [(50, 71), (45, 33), (91, 40), (36, 37)])
def test_paddleclas_rounds_the_size_and_cuts_the_middle_as_its_predictor_does(
    tmp_path: Path, keys: tuple[Path, Path], size: tuple[int, int]
) -> None:
    pooled(tmp_path / "inference.onnx")
    operations: list[Any] = [
        {"ResizeImage": {"resize_short": 36}},
        {"CropImage": {"size": 32}},
        {"NormalizeImage": {"scale": 1 / 255, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}},
        {"ToCHWImage": None},
    ]
    names = [str(i) for i in range(16)]
    (tmp_path / "inference.yml").write_text(
        yaml.safe_dump({"PreProcess": {"transform_ops": operations}, "PostProcess": {"Topk": {"label_list": names}}})
    )
    image = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    export = read_paddle(tmp_path)
    output = tmp_path / "c.lnx"
    pack(export.model, output, preset=export.preset, labels=export.labels, options=export.options, signing_key=load_signing_key(keys[0]))
    with lnx.Session(output, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        scores = {c.class_id: c.score for c in session.run(image, top_k=16).classes}
    share = 36 / min(size)  # as ResizeImage and CropImage of PaddleClas are documented
    whole = cv2.resize(image, (round(size[0] * share), round(size[1] * share)))
    top, left = (whole.shape[0] - 32) // 2, (whole.shape[1] - 32) // 2
    cut = whole[top : top + 32, left : left + 32].astype(np.float64) / 255
    expected = cut.reshape(4, 8, 4, 8, 3).mean((1, 3, 4)).ravel()
    assert max(abs(scores[i] - expected[i]) for i in range(16)) < 1e-5


def test_an_export_of_paddleseg_must_keep_its_scores(tmp_path: Path) -> None:
    segmenter(tmp_path / "model.onnx")
    deploy = {"transforms": [{"type": "Resize", "target_size": [64, 64]}, {"type": "Normalize"}], "output_op": "softmax"}
    (tmp_path / "deploy.yaml").write_text(yaml.safe_dump({"Deploy": deploy}))
    export = read_paddle(tmp_path)
    assert (export.preset, export.options["activation"], export.options["size"]) == ("segmentation", "none", (64, 64))
    (tmp_path / "deploy.yaml").write_text(yaml.safe_dump({"Deploy": {**deploy, "output_op": "argmax"}}))
    with pytest.raises(lnx.LnxError, match="argmax"):
        read_paddle(tmp_path)
