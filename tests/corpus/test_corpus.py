"""Models and reference outputs that were not computed with this code, when a folder of them is at hand (LNX_CORPUS).

The folder holds index.json with the items cls_texture, det_digits_yolox, seg_defect_unet, anom_padim_brick and enh_denoise. What is
compared: class scores within 1e-4, boxes within 0.5 px and 1e-3, masks with an IoU of at least 0.999, anomaly maps and scores within 1e-4
of their span, pictures within one grey level.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from lnx.container import load_signing_key
from lnx.pack import pack

CORPUS = Path(os.environ.get("LNX_CORPUS", ""))
pytestmark = pytest.mark.skipif(not os.environ.get("LNX_CORPUS"), reason="LNX_CORPUS names no folder")
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
RGB = {"colour": "RGB", "scale": 1 / 255, "lib": "opencv", "interp": "linear"}


def item(name: str) -> dict[str, Any]:
    items = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))["items"]
    return next(entry for entry in items if entry["id"] == name)


def opened(
    entry: dict[str, Any], preset: str, tmp_path: Path, keys: tuple[Path, Path], want: tuple[str, ...] = (), **options: Any
) -> lnx.Session:
    output = tmp_path / f"{entry['id']}.lnx"
    images = [CORPUS / path for path in entry["images"][:2]]
    signing = load_signing_key(keys[0])
    pack(
        CORPUS / entry["model"],
        output,
        preset=preset,
        labels=entry["labels"],
        images=images,
        options={**RGB, **options},
        signing_key=signing,
    )
    session = lnx.Session(output, device="cpu", trusted_keys=[keys[1]], want=want, events=False)
    assert session.self_test()["passed"]
    return session


def test_class_scores(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("cls_texture")
    logits = np.load(CORPUS / entry["reference"])["logits"].astype(np.float64)
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    with opened(entry, "classification", tmp_path, keys, resize="stretch", **IMAGENET) as session:
        for row, path in zip(expected, entry["images"], strict=True):
            scores = {c.class_id: c.score for c in session.run(CORPUS / path).classes}
            assert max(abs(scores[k] - row[k]) for k in scores) <= 1e-4


def test_boxes(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("det_digits_yolox")
    with opened(entry, "yolox", tmp_path, keys, resize="none", iou=entry["nms_iou"], threshold=entry["score_threshold"]) as session:
        for boxes, path in zip(entry["reference_boxes"], entry["images"], strict=True):
            objects = session.run(CORPUS / path).objects
            assert len(objects) == len(boxes)
            for box, found in zip(sorted(boxes, key=lambda b: -b[4]), objects, strict=True):
                assert found.class_id == box[5]
                assert max(abs(a - b) for a, b in zip(found.box, box[:4], strict=True)) <= 0.5
                assert abs(found.score - box[4]) <= 1e-3


def test_masks(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("seg_defect_unet")
    masks = np.load(CORPUS / entry["reference"])["mask"]
    with opened(entry, "segmentation", tmp_path, keys, want=("label_map",), resize="none", **IMAGENET) as session:
        for mask, path in zip(masks, entry["images"], strict=True):
            found = session.run(CORPUS / path).label_map
            both, either = ((found == 1) & (mask >= 0.5)).sum(), ((found == 1) | (mask >= 0.5)).sum()
            assert either == 0 or both / either >= 0.999


def test_anomaly_maps_and_scores(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("anom_padim_brick")
    reference = np.load(CORPUS / entry["reference"])
    maps, scores = reference["map"], reference["score"]
    options: dict[str, Any] = {"resize": "none", "threshold": entry["threshold"], **IMAGENET}
    with opened(entry, "anomaly", tmp_path, keys, want=("score_map",), **options) as session:
        for truth, expected, score, path in zip(entry["truth"], maps, scores, entry["images"], strict=True):
            result = session.run(CORPUS / path)
            assert result.score_map is not None
            assert np.abs(result.score_map - expected.reshape(result.score_map.shape)).max() <= 1e-4 * maps.max()
            assert abs(result.score - float(score)) <= 1e-4 * maps.max()
            assert result.verdict == ("NG" if float(score) >= entry["threshold"] else "OK")
            assert result.verdict == ("NG" if truth else "OK") or abs(float(score) - entry["threshold"]) < 3


def test_enhanced_pictures(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    entry = item("enh_denoise")
    with opened({**entry, "labels": []}, "enhancement", tmp_path, keys, resize="none", mean=[0.0], std=[1.0]) as session:
        for path, expected in zip(entry["images"], entry["reference_images"], strict=True):
            picture = session.run(CORPUS / path).image
            assert picture is not None
            assert np.abs(picture.astype(int) - lnx.read_image(CORPUS / expected).astype(int)).max() <= 1
