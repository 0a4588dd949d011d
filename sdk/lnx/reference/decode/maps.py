"""Maps of an output at the resolution of the image, and the connected areas in them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

from lnx.manifest import Manifest
from lnx.reference.decode.common import Array, min_area, threshold
from lnx.reference.preprocess import Geometry


def _positions(begin: float, length: float, size: int, cells: int, out: int) -> tuple[Array, Array]:
    """Cell and share of the next one for each of ``out`` pixels over ``begin .. begin + length`` pixels of an input of ``size``."""
    ratio = cells / size
    at = begin * ratio + (np.arange(out) + 0.5) * (length * ratio / out) - 0.5
    lowest = max(0, math.floor(begin * ratio + 1e-6))
    highest = min(cells, math.ceil((begin + length) * ratio - 1e-6)) - 1
    at = np.clip(at, lowest, max(lowest, highest))
    first = np.minimum(np.floor(at).astype(int), max(0, cells - 2))
    return first, (at - first).astype(np.float32)


def _sampled(image_map: Array, x: tuple[Array, Array], y: tuple[Array, Array]) -> Array:
    if image_map.shape[1] == 1:
        image_map = np.repeat(image_map, 2, axis=1)
    if image_map.shape[0] == 1:
        image_map = np.repeat(image_map, 2, axis=0)
    wide = image_map[:, x[0]] * (1 - x[1]) + image_map[:, x[0] + 1] * x[1]
    return np.asarray(wide[y[0]] * (1 - y[1][:, None]) + wide[y[0] + 1] * y[1][:, None], np.float32)


def stretch(image_map: Array, size: tuple[int, int]) -> Array:
    """Bilinear with half-pixel centres, as ``cv2.INTER_LINEAR``; size is (width, height)."""
    height, width = image_map.shape
    return _sampled(image_map, _positions(0, width, width, width, size[0]), _positions(0, height, height, height, size[1]))


def content(image_map: Array, g: Geometry, size: tuple[int, int]) -> Array:
    """The part of a map over the whole input that shows the image, at ``size``."""
    height, width = image_map.shape
    left, top = round(g.left), round(g.top)
    x = _positions(left, round(g.right) - left, g.input[0], width, size[0])
    y = _positions(top, round(g.bottom) - top, g.input[1], height, size[1])
    return _sampled(image_map, x, y)


def find_regions(
    manifest: Manifest,
    class_id: int,
    mask: Array,
    scores: Array,
    connectivity: int,
    corner: tuple[int, int],
    by_score: bool = True,
    fill_holes: bool = False,
) -> list[dict[str, Any]]:
    """Connected areas of a mask, with box and centroid in pixels of the full image; ``corner`` is the mask's place in it."""
    if fill_holes:
        framed = np.pad(mask.astype(np.uint8), 1)
        cv2.floodFill(framed, np.zeros((framed.shape[0] + 2, framed.shape[1] + 2), np.uint8), (0, 0), 2)
        mask = framed[1:-1, 1:-1] != 2
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    regions = []
    for k in range(1, count):
        pixels = labels == k
        inside = scores[pixels]
        left, top, w, h, area = (int(v) for v in stats[k])
        strong = not by_score or float(inside.max()) >= threshold(manifest, class_id) - manifest.thresholds.guard
        if area < min_area(manifest, class_id) or not strong:
            continue
        regions.append(
            {
                "class_id": int(class_id),
                "area_px": area,
                "score_max": float(inside.max()),
                "score_mean": float(inside.mean()),
                "box": [left + corner[0], top + corner[1], left + w + corner[0], top + h + corner[1]],
                "first": int(np.flatnonzero(pixels)[0]),
                "centroid": [float(centroids[k][0]) + 0.5 + corner[0], float(centroids[k][1]) + 0.5 + corner[1]],
            }
        )
    return regions


def largest_first(regions: list[dict[str, Any]], most: int, by_place: bool = True) -> list[dict[str, Any]]:
    """Equal ones by their first pixel in reading order, or as they stand."""
    regions = sorted(regions, key=lambda r: (-r["area_px"], r["first"] if by_place else 0))[:most]
    return [{key: value for key, value in r.items() if key != "first"} for r in regions]
