"""Results as COCO annotations, read back by pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer, threshold_segmenter
from lnx.coco import compress

mask_tools = pytest.importorskip("pycocotools.mask")
COCO = pytest.importorskip("pycocotools.coco").COCO


def picture() -> Any:
    """A ring, a bar that touches the border, and a dot."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[10:30, 10:30] = 255
    image[16:22, 14:24] = 0
    image[40:46, 30:] = 220
    image[55, 5] = 255
    return image


def test_masks_boxes_and_areas_are_those_that_pycocotools_reads(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = threshold_segmenter(tmp_path / "s.onnx")
    path, _ = packed(model, "segmentation", ["background", "defect"], [picture()], activation="none", threshold=0.5)
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        result = session.run(picture(), want=["rle", "label_map"])
        bare = session.run(picture())
    found = result.to_coco(image_id=7, first_id=100)
    assert [item["id"] for item in found] == [100, 101, 102]
    whole = np.zeros((64, 64), np.uint8)
    for item in found:
        mask = mask_tools.decode(item["segmentation"])
        assert mask.sum() == item["area"] == mask_tools.area(item["segmentation"])
        assert mask_tools.toBbox(item["segmentation"]).tolist() == pytest.approx(item["bbox"])
        whole |= mask
    assert result.label_map is not None and (whole == (result.label_map == 1)).all()
    document = {
        "images": [{"id": 7, "width": 64, "height": 64}],
        "categories": [{"id": 0, "name": "background"}, {"id": 1, "name": "defect"}],
        "annotations": found,
    }
    target = tmp_path / "coco.json"
    target.write_text(json.dumps(document), encoding="utf-8")
    loaded = COCO(str(target))
    assert sum(int(loaded.annToMask(item).sum()) for item in loaded.loadAnns(loaded.getAnnIds(imgIds=[7]))) == int(whole.sum())
    polygons = [item for item in bare.to_coco() if "segmentation" in item]
    assert len(polygons) == 2, "the ring has a hole, which COCO polygons cannot tell"


def test_run_lengths_are_compressed_as_coco_does() -> None:
    rng = np.random.default_rng(0)
    for density in (0.02, 0.5, 0.98):
        for shape in ((1, 1), (37, 1), (5, 400), (300, 200)):
            mask = np.asfortranarray(rng.random(shape) < density, np.uint8)
            flat = mask.reshape(-1, order="F")
            edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
            counts = np.diff(np.concatenate([[0], edges])).tolist()
            assert compress(counts) == mask_tools.encode(mask)["counts"].decode()
