"""Detections with a mask each, covering the box or the whole input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lnx.manifest import InstanceDecode, Manifest
from lnx.reference.decode.boxes import add_objects
from lnx.reference.decode.common import Array, lowest_threshold, sigmoid
from lnx.reference.decode.maps import content
from lnx.reference.preprocess import Geometry


def _sample(mask: Array, u: float, v: float) -> float:
    """Bilinear at continuous cell coordinates; nothing outside."""
    total = 0.0
    x, y = math.floor(u), math.floor(v)
    for dy in (0, 1):
        for dx in (0, 1):
            if 0 <= x + dx < mask.shape[1] and 0 <= y + dy < mask.shape[0]:
                weight = (1 - abs(u - (x + dx))) * (1 - abs(v - (y + dy)))
                total += weight * float(mask[y + dy, x + dx])
    return total


def paste(mask: Array, raw: list[float], box: list[float], image: tuple[int, int]) -> Array:
    """A mask over its box ``raw`` (uncut corners), sampled at pixel centres, as float64 ``[H, W]`` of the image."""
    full = np.zeros((image[1], image[0]))
    for y in range(math.floor(box[1]), math.ceil(box[3])):
        for x in range(math.floor(box[0]), math.ceil(box[2])):
            u = (x + 0.5 - raw[0]) / (raw[2] - raw[0]) * mask.shape[1] - 0.5
            v = (y + 0.5 - raw[1]) / (raw[3] - raw[1]) * mask.shape[0] - 0.5
            full[y, x] = _sample(mask, u, v)
    return full


def instance(manifest: Manifest, options: InstanceDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    masks = named["masks"][0][0]
    masks = masks[:, 0] if masks.ndim == 4 else masks
    classes = named["labels"][0][0].astype(np.int64)
    if "dets" in named:
        boxes, scores = named["dets"][0][0][:, :4].astype(np.float64), named["dets"][0][0][:, 4].astype(np.float64)
    else:
        boxes, scores = named["boxes"][0][0].astype(np.float64), named["scores"][0][0].astype(np.float64)
    if not options.activation_in_graph:
        scores = sigmoid(scores)
    limit = max(options.score_floor, lowest_threshold(manifest))
    order = sorted((int(i) for i in np.flatnonzero(scores >= limit)), key=lambda i: (-scores[i], i))[: manifest.nms.max]
    objects: list[dict[str, Any]] = []
    regions: list[dict[str, Any]] = []
    pictures: list[Array] = []
    for i in order:
        found = add_objects(manifest, boxes[i : i + 1], scores[i : i + 1], classes[i : i + 1], g, options.boxes_in)
        if not found:
            continue
        if options.masks == "box":
            if options.boxes_in == "input":
                fx, fy, sx, sy = g.factor_x, g.factor_y, g.shift_x, g.shift_y
            else:
                fx, fy, sx, sy = 1.0, 1.0, float(g.part[0]), float(g.part[1])
            raw = [fx * boxes[i][0] + sx, fy * boxes[i][1] + sy, fx * boxes[i][2] + sx, fy * boxes[i][3] + sy]
            picture = paste(masks[i], raw, found[0]["box"], g.image)
        else:
            x, y, width, height = g.part
            picture = np.full((g.image[1], g.image[0]), -np.inf)
            picture[y : y + height, x : x + width] = content(masks[i].astype(np.float32), g, (width, height))
        if not options.activation_in_graph:
            picture = sigmoid(picture)
        mask = picture >= options.mask_threshold
        if options.masks == "box":
            bx1, by1, bx2, by2 = found[0]["box"]
            inside = np.zeros_like(mask)
            inside[math.floor(by1) : math.ceil(by2), math.floor(bx1) : math.ceil(bx2)] = True
            mask &= inside
        if mask.any():
            ys, xs = np.nonzero(mask)
            found[0]["area_px"] = float(mask.sum())
            regions.append(
                {
                    "class_id": int(classes[i]),
                    "area_px": int(mask.sum()),
                    "score_max": float(scores[i]),
                    "score_mean": float(picture[mask].mean()),
                    "box": [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1],
                    "centroid": [float(xs.mean()) + 0.5, float(ys.mean()) + 0.5],
                }
            )
            pictures.append(mask)
        objects += found
    return {"objects": objects, "regions": regions, "masks": pictures}
