"""Windows and Linux give the same results to the last character, at the same version of ONNX Runtime."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lnx.container import load_signing_key
from lnx.pack import pack

from tools.dev import machine
from tools.dev.wine import Wine

from .conftest import Model, bitmaps, on_linux, results, settings

CORPUS = Path(os.environ.get("LNX_CORPUS", ""))
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
ITEMS: dict[str, tuple[str, dict[str, Any]]] = {  # item of the corpus -> preset and options
    "cls_texture": ("classification", {**IMAGENET, "resize": "stretch"}),
    "det_digits_yolox": ("yolox", {"resize": "none"}),
    "seg_defect_unet": ("segmentation", {**IMAGENET, "resize": "none"}),
}


def compare(locale: Wine, installed: Path, model: Model, pictures: Path, version: str) -> list[dict[str, Any]]:
    words = (model.path, pictures, model.key)
    done = locale.run(installed / "inspect_folder_cpp.exe", *words, env=settings(version), cwd=pictures)
    assert done.returncode == 0, done.stderr
    found = results(done.stdout)
    assert found == results(on_linux("inspect_folder_cpp", *words, version=version))
    assert len(found) == len(list(pictures.iterdir()))
    return [json.loads(line) for line in found]


@pytest.mark.parametrize("version", machine.RUNTIMES)
def test_the_demo_model(version: str, in_locale: Wine, installed: Path, model: Model, parts: Path) -> None:
    told = compare(in_locale, installed, model, parts, version)
    assert {line["verdict"] for line in told} >= {"OK", "NG"}
    assert any(line["regions"] for line in told)


@pytest.mark.skipif(not os.environ.get("LNX_CORPUS"), reason="LNX_CORPUS names no folder")
@pytest.mark.parametrize("version", machine.RUNTIMES)
@pytest.mark.parametrize("name", list(ITEMS))
def test_the_corpus(name: str, version: str, korean: Wine, installed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    items = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))["items"]
    entry = next(item for item in items if item["id"] == name)
    preset, options = ITEMS[name]
    colours = {"colour": "RGB", "scale": 1 / 255, "lib": "opencv", "interp": "linear"}
    if preset == "yolox":
        options = {**options, "iou": entry["nms_iou"], "threshold": entry["score_threshold"]}
    path = tmp_path / f"{name}.lnx"
    images = [CORPUS / image for image in entry["images"]]
    signing = load_signing_key(keys[0])
    chosen = {**colours, **options}
    pack(CORPUS / entry["model"], path, preset=preset, labels=entry["labels"], images=images[:1], options=chosen, signing_key=signing)
    compare(korean, installed, Model(path, keys[1]), bitmaps(images, tmp_path / "사진"), version)
