"""Tiles of a large image, and one answer from theirs: the plain twin of native/src/session/tiling.cpp and decode/mosaic.cpp."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rect = tuple[int, int, int, int]  # x, y, width, height
CUT_COVERED, BORDER_SHARE = 0.7, 64


def _begins(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    step = max(1, side - math.ceil(side * overlap))
    count = -(-(length - side) // step) + 1
    return [i * (length - side) // (count - 1) for i in range(count)]


def place_tiles(part: Rect, size: tuple[int, int], overlap: float) -> list[Rect]:
    """Tiles of ``part``, row by row: inside it, of one size, neighbours overlapping by at least ``overlap`` of a tile."""
    width, height = min(part[2], size[0]), min(part[3], size[1])
    rows, columns = _begins(part[3], height, overlap), _begins(part[2], width, overlap)
    return [(part[0] + x, part[1] + y, width, height) for y in rows for x in columns]


def tile_weights(begins: list[int], side: int, length: int, scale: int = 1) -> list[NDArray[np.float32]]:
    """What each tile along one axis has to say about each of ``length * scale`` values; they add up to one everywhere.

    Of the zone that two neighbours share, each leaves the outer quarter to the other, and over the half between they fade linearly.
    """
    p = (np.arange(length * scale) + 0.5) / scale
    fades = []
    for before, after in pairwise(begins):
        middle, half = (before + side + after) / 2, (before + side - after) / 4
        fades.append(np.clip((p - (middle - half)) / (2 * half), 0, 1) if half > 0 else (p >= middle).astype(float))
    rising = [np.ones_like(p), *fades, np.zeros_like(p)]
    return [(rising[i] - rising[i + 1]).astype(np.float32) for i in range(len(begins))]


def blend(part: Rect, tiles: list[Rect], values: Callable[[Rect], NDArray[Any]], scale: int = 1) -> NDArray[np.float32]:
    """One ``[C, H, W]`` picture of ``part`` from what ``values`` gives for each tile, both at ``scale`` times the image's resolution."""
    xs, ys = sorted({t[0] for t in tiles}), sorted({t[1] for t in tiles})
    across = tile_weights([x - part[0] for x in xs], tiles[0][2], part[2], scale)
    down = tile_weights([y - part[1] for y in ys], tiles[0][3], part[3], scale)
    whole: NDArray[np.float32] | None = None
    for tile in tiles:
        given = np.asarray(values(tile), np.float32)
        if whole is None:
            whole = np.zeros((len(given), part[3] * scale, part[2] * scale), np.float32)
        x, y = (tile[0] - part[0]) * scale, (tile[1] - part[1]) * scale
        place = np.s_[:, y : y + tile[3] * scale, x : x + tile[2] * scale]
        weight = down[ys.index(tile[1])][:, None] * across[xs.index(tile[0])][None, :]
        whole[place] += weight[place[1:]] * given
    assert whole is not None
    return whole


def is_cut(box: Any, tile: Rect, part: Rect) -> bool:
    """Whether a border of the tile that is none of the part runs through the object."""
    mx, my = max(1.0, tile[2] / BORDER_SHARE), max(1.0, tile[3] / BORDER_SHARE)
    right, bottom = tile[0] + tile[2], tile[1] + tile[3]
    return bool(
        (tile[0] > part[0] and box[0] <= tile[0] + mx)
        or (tile[1] > part[1] and box[1] <= tile[1] + my)
        or (right < part[0] + part[2] and box[2] >= right - mx)
        or (bottom < part[1] + part[3] and box[3] >= bottom - my)
    )


def _area(box: Any) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _common(a: Any, b: Any) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return float(width * height) if width > 0 and height > 0 else 0.0


def merge_tiles(objects: list[dict[str, Any]], tile_of: list[int], tiles: list[Rect], part: Rect, iou: float, aware: bool) -> list[int]:
    """Indices of the objects (``box``, ``score``, ``class_id``) that count, best first."""
    cut = [is_cut(o["box"], tiles[t], part) for o, t in zip(objects, tile_of, strict=True)]
    kept: list[int] = []
    for i in sorted(range(len(objects)), key=lambda k: (cut[k], -objects[k]["score"], k)):
        own = objects[i]
        rivals = [k for k in kept if tile_of[k] != tile_of[i] and (not aware or objects[k]["class_id"] == own["class_id"])]
        both = [_common(own["box"], objects[k]["box"]) for k in rivals]
        union = [_area(own["box"]) + _area(objects[k]["box"]) - b for k, b in zip(rivals, both, strict=True)]
        if any(b > iou * u or (cut[i] and b > CUT_COVERED * _area(own["box"])) for b, u in zip(both, union, strict=True) if b > 0):
            continue
        kept.append(i)
    return sorted(kept, key=lambda k: (-objects[k]["score"], k))
