"""Results as COCO annotations: boxes as ``[x, y, width, height]``, masks as compressed run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lnx.result import Region, Result


def compress(counts: Sequence[int]) -> str:
    """Run lengths as COCO's text: each is told by its difference to the last but one, in groups of five bits, lowest first."""
    text = []
    for i, count in enumerate(counts):
        value = int(count) - (int(counts[i - 2]) if i > 2 else 0)
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != (-1 if group & 16 else 0)
            text.append(chr((group | 32 if more else group) + 48))
    return "".join(text)


def _box(box: tuple[float, float, float, float]) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def _mask(region: Region, width: int, height: int) -> dict[str, Any]:
    if region.rle is not None:
        return {"segmentation": {"size": [height, width], "counts": compress(region.rle.tolist())}}
    if region.polygons and not any(polygon.hole for polygon in region.polygons):
        return {"segmentation": [polygon.points.reshape(-1).tolist() for polygon in region.polygons]}
    return {}  # a polygon with holes cannot be told as COCO polygons


def coco_annotations(result: Result, image_id: int = 0, first_id: int = 1) -> list[dict[str, Any]]:
    """One annotation per object and region: ``id``, ``image_id``, ``category_id`` (class id), ``bbox``, ``area``, ``score``,
    ``iscrowd``, and ``segmentation`` where there is a mask.

    Masks are exact when the run wanted ``"rle"``; else they are polygons, and regions with holes have none.
    """
    width, height = result.size
    found: list[dict[str, Any]] = []
    for item in result.objects:
        found.append({"category_id": item.class_id, "bbox": _box(item.box), "area": item.area_px, "score": item.score})
    for region in result.regions:
        shape = {"category_id": region.class_id, "bbox": _box(region.box), "area": region.area_px, "score": region.score_max}
        found.append({**shape, **_mask(region, width, height)})
    return [{"id": first_id + i, "image_id": image_id, "iscrowd": 0, **item} for i, item in enumerate(found)]
