"""Packing refuses what it cannot explain and writes down everything it assumed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import lnx
import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import PLAIN, TEXTURE_LABELS, Packer, brightness_classifier, fixed_detector, threshold_segmenter
from lnx import attribution
from lnx.container import load_public_key, load_signing_key, read_container
from lnx.manifest import Manifest
from lnx.pack import describe_presets, pack
from onnx import numpy_helper

GREY = np.full((40, 40, 3), 130, np.uint8)


def test_goldens_are_what_onnx_runtime_says(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = brightness_classifier(tmp_path / "m.onnx")
    path, report = packed(model, "classification", TEXTURE_LABELS, [GREY], activation="softmax")
    container = read_container(path, trusted=[load_public_key(keys[1])])
    tensor = np.frombuffer(container.read("golden/0.tensor"), np.float32).reshape(1, 3, 32, 32)
    expected = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, {"x": tensor})[0]
    np.testing.assert_array_equal(np.frombuffer(container.read("golden/0.output0"), np.float32), expected.ravel())
    assert report.goldens == 1
    assert Manifest.model_validate_json(container.read("manifest.json")) == report.manifest
    assert report.manifest.model.attribution == attribution.KOREAN, "the programme that supported the development is named"


def test_everything_assumed_is_told(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    report = pack(
        brightness_classifier(tmp_path / "m.onnx"),
        tmp_path / "m.lnx",
        preset="classification",
        labels=TEXTURE_LABELS,
        signing_key=load_signing_key(keys[0]),
        dry_run=True,
    )
    told = " ".join(report.assumptions)
    for word in ("channel order: RGB", "resize: imagenet", "pil", "softmax", "verdict: UNDEFINED"):
        assert word in told
    assert not (tmp_path / "m.lnx").exists()
    assert any("no sample images" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("make", "preset", "labels", "found"),
    [
        (brightness_classifier, "classification", ["a", "b", "c"], "2 classes"),
        (brightness_classifier, "yolox", ["a"], "shape"),
        (threshold_segmenter, "classification", ["a"], "shape"),
        (threshold_segmenter, "segmentation", ["a"], "one output channel"),
        (lambda p: fixed_detector(p, [[1, 1, 1, 1, 0.5, 0.5]]), "yolox", ["a", "b"], "1 classes"),
        (brightness_classifier, "resnet", ["a"], "resnet"),
    ],
)
def test_a_preset_refuses_a_graph_it_cannot_explain(
    make: Any, preset: str, labels: list[str], found: str, tmp_path: Path, packed: Packer
) -> None:
    with pytest.raises(lnx.LnxError) as caught:
        packed(make(tmp_path / "m.onnx"), preset, labels)
    assert found in caught.value.found
    assert caught.value.status in (103, 223)


def test_wrong_files_and_options_are_told(tmp_path: Path, packed: Packer) -> None:
    (tmp_path / "text.onnx").write_text("no model", encoding="utf-8")
    for model, status in ((tmp_path / "text.onnx", 226), (tmp_path / "none.onnx", 201)):
        with pytest.raises(lnx.LnxError) as caught:
            packed(model, "classification", TEXTURE_LABELS)
        assert caught.value.status == status
    with pytest.raises(lnx.LnxError) as caught:
        packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, colour="CMYK")
    assert caught.value.where == "preset option colour"
    with pytest.raises(lnx.LnxError) as caught:
        packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, [GREY], activation="none")
    assert "activation" in caught.value.fix


def test_models_under_agpl_are_refused_unless_allowed(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = brightness_classifier(tmp_path / "m.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"license": "AGPL-3.0 License (https://ultralytics.com/license)"})
    onnx.save(model, path)
    common: dict[str, Any] = {
        "preset": "classification",
        "labels": TEXTURE_LABELS,
        "options": PLAIN,
        "signing_key": load_signing_key(keys[0]),
    }
    with pytest.raises(lnx.LnxError, match="AGPL"):
        pack(path, tmp_path / "m.lnx", **common)
    assert any("AGPL" in warning for warning in pack(path, tmp_path / "m.lnx", allow_agpl=True, **common).warnings)


def test_external_weights_are_packed_whole_and_run(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path = brightness_classifier(tmp_path / "m.onnx")
    inside, _ = packed(path, "classification", TEXTURE_LABELS, [GREY])
    with lnx.Session(inside, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        expected = session.run(GREY).score
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(4096, np.float32), "ballast"))
    onnx.save_model(model, tmp_path / "ext.onnx", save_as_external_data=True, location="ext.data", size_threshold=1024)
    outside, report = packed(tmp_path / "ext.onnx", "classification", TEXTURE_LABELS, [GREY])
    assert report.manifest.graphs[0].weights == "weights.bin"
    with lnx.Session(outside, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        assert session.run(GREY).score == expected
    (tmp_path / "ext.data").unlink()
    with pytest.raises(lnx.LnxError, match="external weights"):
        packed(tmp_path / "ext.onnx", "classification", TEXTURE_LABELS)


def test_a_manifest_that_disagrees_with_the_graph_is_refused_by_the_core(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    from lnx.container import OpenRecipient, PublicInfo, write_container

    path, _ = packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS)
    entries = dict(read_container(path, trusted=[load_public_key(keys[1])]).entries)
    changes = {b'"name":"x"': b'"name":"z"', b'"dtype":"f32","shape":["N",2]': b'"dtype":"f32","shape":["N",7]'}
    for before, after in changes.items():
        assert before in entries["manifest.json"]
        changed = entries | {"manifest.json": entries["manifest.json"].replace(before, after, 1)}
        write_container(
            path, entries=changed, public=PublicInfo("m", "1"), signing_key=load_signing_key(keys[0]), recipients=[OpenRecipient()]
        )
        with pytest.raises(lnx.LnxError) as caught:
            lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False)
        assert caught.value.status == 223 and "of the graph" in caught.value.where


def test_every_preset_is_described_and_its_manifest_parses_in_the_core(tmp_path: Path, packed: Packer, testing: ModuleType) -> None:
    assert {"classification", "yolox", "segmentation"} < set(describe_presets()) and all(describe_presets().values())
    models = [
        packed(brightness_classifier(tmp_path / "a.onnx"), "classification", TEXTURE_LABELS),
        packed(fixed_detector(tmp_path / "b.onnx", [[1, 1, 1, 1, 0.5, 0.5]]), "yolox", ["a"]),
        packed(threshold_segmenter(tmp_path / "c.onnx"), "segmentation", ["ok", "flaw"]),
    ]
    for _, report in models:
        assert testing.parse_manifest(report.manifest.to_json()) == (0, "")
