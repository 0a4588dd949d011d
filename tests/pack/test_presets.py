"""Each preset packs a graph as its project exports it, and the core agrees with the goldens; what it cannot explain it refuses."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer
from graphs import Array, fixed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "decode"))
from cases import CLASSES, heads

LABELS = ["scratch", "dent", "stain"]
PLAIN_COLOUR: dict[str, Any] = {"colour": None, "scale": None, "mean": None, "std": None, "resize": None, "lib": None, "interp": None}


def image(seed: int = 3) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (50, 70, 3), np.uint8)


def named(kind: str, names: list[str], seed: int = 1) -> dict[str, Array]:
    _, outputs = heads(np.random.default_rng(seed), kind)
    return dict(zip(names, (array for _, array in outputs), strict=True))


def anomaly_outputs() -> dict[str, Array]:
    rng = np.random.default_rng(2)
    heat = rng.uniform(0, 0.4, (1, 1, 64, 64)).astype(np.float32)
    heat[0, 0, 10:30, 5:20] = 0.9
    return {"pred_score": np.array([0.83], np.float32), "pred_label": np.array([True]), "anomaly_map": heat, "pred_mask": heat > 0.5}


def instance_outputs(covers: str) -> dict[str, Array]:
    rng = np.random.default_rng(4)
    dets = np.array([[[4, 6, 40, 50, 0.9], [20, 10, 60, 30, 0.7]]], np.float32)
    side = 14 if covers == "box" else 64
    return {"dets": dets, "labels": np.array([[0, 2]]), "masks": rng.uniform(0, 1, (1, 2, side, side)).astype(np.float32)}


CASES: dict[str, tuple[str, dict[str, Array], dict[str, Any], list[str]]] = {
    "rtmdet as mmdetection exports it": (
        "rtmdet",
        named("rtmdet maps", [f"cls_{i}" for i in range(3)] + [f"bbox_{i}" for i in range(3)]),
        {},
        LABELS,
    ),
    "rtmdet flat": ("rtmdet", named("rtmdet flat", ["scores", "distances"]), {"distances": "strides"}, LABELS),
    "rtdetr logits and boxes": ("rtdetr", named("rtdetr raw", ["logits", "pred_boxes"]), {}, LABELS),
    "rtdetr with target sizes": ("rtdetr", named("rtdetr decoded", ["labels", "boxes", "scores"]), {}, LABELS),
    "rtdetr of Paddle": ("rtdetr", named("ppyoloe rows", ["tile_3.tmp_0", "reshape_0"]), {}, LABELS),
    "ppyoloe rows": ("ppyoloe", named("ppyoloe rows", ["multiclass_nms3_0.tmp_0", "multiclass_nms3_0.tmp_2"]), {}, LABELS),
    "ppyoloe without suppression": ("ppyoloe", named("ppyoloe anchors", ["concat_14.tmp_0", "concat_15.tmp_0"]), {}, LABELS),
    "efficientdet levels": (
        "efficientdet",
        named("efficientdet maps", [f"class_{i}" for i in range(5)] + [f"box_{i}" for i in range(5)]),
        {},
        LABELS,
    ),
    "efficientdet flat": ("efficientdet", named("efficientdet flat", ["scores", "regression"]), {"coding": "xywh"}, LABELS),
    "instance masks over boxes": ("instance", instance_outputs("box"), {}, LABELS),
    "instance masks over the input": ("instance", instance_outputs("input"), {}, LABELS),
    "anomalib": ("anomaly", anomaly_outputs(), {}, []),
    "anomalib with raw thresholds": (
        "anomaly",
        anomaly_outputs(),
        {"space": "raw", "image_calibration": [1.7, 0.1, 3.9], "pixel_calibration": [2.0, 0.0, 5.2]},
        [],
    ),
    "a score map alone": (
        "anomaly",
        {"map": np.abs(np.random.default_rng(6).normal(0, 3, (1, 1, 16, 16))).astype(np.float32)},
        {"steps": ["upsample", "blur"], "threshold": 4.0},
        [],
    ),
    "enhancement": ("enhancement", {"y": np.random.default_rng(7).uniform(0, 1, (1, 3, 64, 64)).astype(np.float32)}, {}, []),
    "twice as large": ("enhancement", {"y": np.random.default_rng(8).uniform(0, 1, (1, 3, 128, 128)).astype(np.float32)}, {}, []),
    "yolox decoded": ("yolox", named("yolox decoded", ["output"]), {}, LABELS),
    "yolox raw": ("yolox", named("yolox raw", ["output"]), {"decoded": False, "activation": "sigmoid"}, LABELS),
}
EXTRA = {
    "rtdetr with target sizes": {"orig_target_sizes": np.int64},
    "rtdetr of Paddle": {"im_shape": np.float32, "scale_factor": np.float32},
    "ppyoloe rows": {"scale_factor": np.float32},
}


@pytest.mark.parametrize("name", CASES)
def test_a_preset_packs_what_its_project_exports(
    name: str, tmp_path: Path, packed: Packer, keys: tuple[Path, Path], testing: ModuleType
) -> None:
    preset, outputs, options, labels = CASES[name]
    model = fixed(tmp_path / "m.onnx", outputs, extra=EXTRA.get(name))
    path, report = packed(model, preset, labels, [image(), image(4)[:, :, 0]], **{**PLAIN_COLOUR, **options})
    assert testing.parse_manifest(report.manifest.to_json()) == (0, "")
    assert report.assumptions
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False, want=["score_map"]) as session:
        tested = session.self_test()
        assert tested["passed"] and tested["golden_count"] == 2, tested
        result = session.run(image())
        assert result.verdict in (("UNDEFINED",) if preset == "enhancement" else ("OK", "NG"))
        if preset == "anomaly":
            assert result.score_map is not None and result.score_map.shape == (50, 70)


def test_labels_fewer_than_classes_and_outputs_that_fit_nothing_are_refused(tmp_path: Path, packed: Packer) -> None:
    refused = {
        "rtmdet": named("rtdetr raw", ["logits", "pred_boxes"]),
        "rtdetr": named("yolox raw", ["output"]),
        "ppyoloe": named("rtmdet maps", [f"o{i}" for i in range(6)]),
        "efficientdet": named("rtmdet maps", [f"o{i}" for i in range(6)]),
        "instance": named("yolox raw", ["output"]),
        "anomaly": named("yolox raw", ["output"]),
        "enhancement": named("yolox raw", ["output"]),
    }
    for preset, outputs in refused.items():
        with pytest.raises(lnx.LnxError) as caught:
            packed(fixed(tmp_path / f"{preset}.onnx", outputs), preset, LABELS[: 2 if preset == "anomaly" else 3], **PLAIN_COLOUR)
        assert caught.value.status == 223 and caught.value.expected, preset
    for name in ("rtmdet as mmdetection exports it", "rtdetr logits and boxes", "ppyoloe without suppression", "efficientdet flat"):
        preset, outputs, options, labels = CASES[name]
        with pytest.raises(lnx.LnxError, match=r"labels|classes"):
            packed(fixed(tmp_path / "few.onnx", outputs), preset, labels[:2], **{**PLAIN_COLOUR, **options})
    assert CLASSES == 3


def test_the_cut_of_an_imagenet_recipe_fits_every_picture(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    wide = fixed(tmp_path / "wide.onnx", {"y": np.float32([[0.2, 0.8]])}, size=(32, 64))
    recipe = {"resize": "imagenet", "activation": "none", "lib": "pil"}
    with pytest.raises(lnx.LnxError, match="at least 64"):
        packed(wide, "classification", LABELS[:2], **recipe, resize_short=40)
    path, _ = packed(wide, "classification", LABELS[:2], [image()], **recipe)
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        for shape in ((90, 90, 3), (200, 40, 3), (40, 200, 3)):
            assert session.run(np.zeros(shape, np.uint8)).classes[0].name == LABELS[1]


def test_anomaly_thresholds_need_a_scale(tmp_path: Path, packed: Packer) -> None:
    model = fixed(tmp_path / "map.onnx", {"map": np.ones((1, 1, 8, 8), np.float32)})
    with pytest.raises(lnx.LnxError, match="no threshold"):
        packed(model, "anomaly", [], **PLAIN_COLOUR)
    with pytest.raises(lnx.LnxError, match="calibration"):
        packed(model, "anomaly", [], **{**PLAIN_COLOUR, "space": "norm"})


def test_roles_can_be_told(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    outputs = named("rtdetr decoded", ["a", "b", "c"])
    model = fixed(tmp_path / "m.onnx", outputs, extra={"size": np.int64})
    roles = {"a": "labels", "b": "boxes", "c": "scores", "size": "image_wh"}
    path, report = packed(model, "rtdetr", LABELS, [image()], **{**PLAIN_COLOUR, "roles": roles})
    assert [spec.role for spec in report.manifest.graphs[0].inputs] == ["image", "image_wh"]
    assert report.manifest.decode.boxes_in == "image"  # type: ignore[union-attr]
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        assert session.self_test()["passed"]
