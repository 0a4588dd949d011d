"""The same models and references as in test_corpus.py, through Python, C (one program per picture) and C++ (a folder through the
queue), compared by what each prints: scores within 1e-4, boxes within 0.5 px and 1e-3, masks by their polygons, IoU at least 0.999.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import ROOT
from lnx import runtime_path
from lnx.container import load_signing_key
from lnx.pack import pack
from test_corpus import CORPUS, IMAGENET, RGB, item

PROGRAMS = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build/release")) / "examples"
pytestmark = pytest.mark.skipif(not os.environ.get("LNX_CORPUS"), reason="LNX_CORPUS names no folder")
Results = list[dict[str, Any]]


def packed(entry: dict[str, Any], preset: str, tmp_path: Path, key: Path, **options: Any) -> Path:
    output = tmp_path / f"{entry['id']}.lnx"
    pack(
        CORPUS / entry["model"],
        output,
        preset=preset,
        labels=entry["labels"],
        images=[CORPUS / path for path in entry["images"][:2]],
        options={**RGB, **options},
        signing_key=load_signing_key(key),
    )
    return output


def bitmaps(entry: dict[str, Any], folder: Path) -> list[Path]:
    """The pictures as 24-bit BMP, which a C program reads without a library; numbered in their order."""
    folder.mkdir()
    paths = [folder / f"{i:03}.bmp" for i in range(len(entry["images"]))]
    for path, image in zip(paths, entry["images"], strict=True):
        lnx.write_image(path, lnx.read_image(CORPUS / image))
    return paths


def lines(program: str, *arguments: Path) -> Results:
    path = PROGRAMS / program
    if not path.exists():
        pytest.skip(f"{program} is not built here")
    env = {**os.environ}
    env.setdefault("LNX_RUNTIME_DIR", runtime_path.package_folder() or "")
    done = subprocess.run([str(path), *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", env=env, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def through_python(model: Path, key: Path, entry: dict[str, Any], folder: Path) -> Results:
    with lnx.Session(model, device="cpu", trusted_keys=[key], events=False) as session:
        assert session.self_test()["passed"]
        return [session.run(CORPUS / path).to_dict() for path in entry["images"]]


def through_c(model: Path, key: Path, entry: dict[str, Any], folder: Path) -> Results:
    return [lines("inspect_c", model, path, key)[0] for path in bitmaps(entry, folder)]


def through_cpp(model: Path, key: Path, entry: dict[str, Any], folder: Path) -> Results:
    bitmaps(entry, folder)
    return lines("inspect_folder_cpp", model, folder, key)


LANGUAGES = pytest.mark.parametrize("through", [through_python, through_c, through_cpp])
Through = Callable[[Path, Path, dict[str, Any], Path], Results]


@LANGUAGES
def test_class_scores(through: Through, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("cls_texture")
    logits = np.load(CORPUS / entry["reference"])["logits"].astype(np.float64)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    model = packed(entry, "classification", tmp_path, keys[0], resize="stretch", **IMAGENET)
    for row, result in zip(expected, through(model, keys[1], entry, tmp_path / "bmp"), strict=True):
        scores = {c["class_id"]: c["score"] for c in result["classes"]}
        assert len(scores) == len(row)
        assert max(abs(scores[k] - row[k]) for k in scores) <= 1e-4


@LANGUAGES
def test_boxes(through: Through, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("det_digits_yolox")
    options = {"resize": "none", "iou": entry["nms_iou"], "threshold": entry["score_threshold"]}
    model = packed(entry, "yolox", tmp_path, keys[0], **options)
    for boxes, result in zip(entry["reference_boxes"], through(model, keys[1], entry, tmp_path / "bmp"), strict=True):
        assert len(result["objects"]) == len(boxes)
        for box, found in zip(sorted(boxes, key=lambda b: -b[4]), result["objects"], strict=True):
            assert found["class_id"] == box[5]
            assert max(abs(a - b) for a, b in zip(found["box"], box[:4], strict=True)) <= 0.5
            assert abs(found["score"] - box[4]) <= 1e-3


def filled(result: dict[str, Any]) -> Any:
    """The regions' polygons as a mask: they run along pixel edges, so each vertical edge turns the pixels to its right over."""
    mask = np.zeros((result["image"]["height"], result["image"]["width"]), bool)
    for region in result["regions"]:
        for polygon in region["polygons"]:
            points = [(int(x), int(y)) for x, y in polygon["points"]]
            for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
                if x1 == x2:
                    mask[min(y1, y2) : max(y1, y2), x1:] ^= True
    return mask


def overlap(found: Any, expected: Any) -> float:
    either = (found | expected).sum()
    return 1.0 if either == 0 else float((found & expected).sum() / either)


@LANGUAGES
def test_masks(through: Through, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("seg_defect_unet")
    masks = np.load(CORPUS / entry["reference"])["mask"] >= 0.5
    model = packed(entry, "segmentation", tmp_path, keys[0], resize="none", **IMAGENET)
    for mask, result in zip(masks, through(model, keys[1], entry, tmp_path / "bmp"), strict=True):
        assert overlap(filled(result), mask.reshape(result["image"]["height"], -1)) >= 0.999
