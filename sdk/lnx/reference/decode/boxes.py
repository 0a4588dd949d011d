"""What the twins of detectors share: suppression, and the way of a box back to the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest
from lnx.reference.decode.common import Array, lowest_threshold, min_area, threshold
from lnx.reference.preprocess import Geometry

Found = dict[str, Any]


def iou(a: Array, b: Array) -> float:
    """Overlap of two boxes x1, y1, x2, y2."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return float(both / union) if union > 0 else 0.0


def suppress(boxes: Array, scores: Array, classes: Any, limit: float, class_aware: bool, most: int) -> list[int]:
    """Indices that survive suppression, best first; equal scores by index."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda k: (-scores[k], k)):
        rivals = [k for k in kept if not class_aware or classes[k] == classes[i]]
        if all(iou(boxes[k], boxes[i]) <= limit for k in rivals):
            kept.append(i)
        if len(kept) == most:
            break
    return kept


def to_image(box: Array, g: Geometry, space: str = "input") -> list[float]:
    """A box of the graph in pixels of the full image, cut at its borders."""
    if space == "input":
        corners = [g.factor_x * box[0] + g.shift_x, g.factor_y * box[1] + g.shift_y]
        corners += [g.factor_x * box[2] + g.shift_x, g.factor_y * box[3] + g.shift_y]
    else:
        corners = [box[0] + g.part[0], box[1] + g.part[1], box[2] + g.part[0], box[3] + g.part[1]]
    return [float(min(max(v, 0), g.image[i % 2])) for i, v in enumerate(corners)]


def add_objects(manifest: Manifest, boxes: Array, scores: Array, classes: Any, g: Geometry, space: str = "input") -> list[Found]:
    """Boxes that lie in the image and reach their class's threshold and smallest area."""
    objects = []
    for corners, score, class_id in zip(boxes, scores, classes, strict=True):
        box = to_image(corners, g, space)
        area = (box[2] - box[0]) * (box[3] - box[1])
        if area <= 0:
            continue
        if score >= threshold(manifest, int(class_id)) - manifest.thresholds.guard and area >= min_area(manifest, int(class_id)):
            objects.append({"class_id": int(class_id), "score": float(score), "box": box, "area_px": float(area)})
    return objects


def chosen(manifest: Manifest, scores: Array, per_anchor: str, floor: float) -> list[tuple[int, int]]:
    """(anchor, class) of each score of ``[A, C]`` that may count."""
    limit = max(floor, lowest_threshold(manifest))
    if per_anchor == "best":
        best = scores.argmax(axis=1)
        return [(a, int(c)) for a, c in enumerate(best) if scores[a, c] >= limit]
    return [(int(a), int(c)) for a, c in zip(*(scores >= limit).nonzero(), strict=True)]


def cut(manifest: Manifest, boxes: Array, g: Geometry) -> Array:
    """Boxes ``[A, 4]`` cut where the image ends in the input, or at the input's borders, when ``nms.clip`` says so."""
    if not manifest.nms.clip:
        return boxes
    low = [(g.part[0] - g.shift_x) / g.factor_x, (g.part[1] - g.shift_y) / g.factor_y] * 2
    high = [(g.part[0] + g.part[2] - g.shift_x) / g.factor_x, (g.part[1] + g.part[3] - g.shift_y) / g.factor_y] * 2
    if manifest.nms.clip_to == "input":
        low, high = [0.0] * 4, [float(side) for side in g.input] * 2
    return np.clip(boxes, low, high)


def detect(
    manifest: Manifest,
    boxes: Array,
    scores: Array,
    pairs: list[tuple[int, int]],
    g: Geometry,
    space: str = "input",
    clip: bool = False,
) -> list[Found]:
    """Suppression of ``pairs`` (anchor, class) over ``boxes`` ``[A, 4]`` and ``scores`` ``[A, C]``; ``clip``: boxes are cut first."""
    if clip and manifest.nms.clip:
        boxes = cut(manifest, boxes, g)
        pairs = [(a, c) for a, c in pairs if boxes[a][2] > boxes[a][0] and boxes[a][3] > boxes[a][1]]
    pairs = sorted(pairs, key=lambda p: (-scores[p], p))[: manifest.nms.pre_top_k]
    anchors, classes = [a for a, _ in pairs], [c for _, c in pairs]
    corners, values = boxes[anchors].reshape(-1, 4), scores[anchors, classes]
    kept = suppress(corners, values, classes, manifest.nms.iou, manifest.nms.kind == "class_aware", manifest.nms.max)
    return add_objects(manifest, corners[kept], values[kept], [classes[k] for k in kept], g, space)
