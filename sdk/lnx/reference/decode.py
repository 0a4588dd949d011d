"""Output tensors -> classes, objects, regions, written as plainly as numpy and OpenCV allow."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lnx.manifest import ClassificationDecode, Manifest, SegmentationDecode, YoloxDecode
from lnx.reference.preprocess import Geometry

Array = NDArray[Any]


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x.astype(np.float64))))


def _threshold(manifest: Manifest, class_id: int) -> float:
    label = next((label for label in manifest.labels if label.id == class_id), None)
    return manifest.thresholds.score if label is None or label.threshold is None else label.threshold


def _min_area(manifest: Manifest, class_id: int) -> float:
    return next((label.min_area_px for label in manifest.labels if label.id == class_id), 0.0)


def _classification(options: ClassificationDecode, outputs: list[Array]) -> dict[str, Any]:
    scores = outputs[0].reshape(-1).astype(np.float64)
    if options.activation == "softmax":
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    elif options.activation == "sigmoid":
        scores = _sigmoid(scores)
    order = np.argsort(-scores, kind="stable")
    return {"classes": [{"class_id": int(i), "score": float(scores[i])} for i in order]}


def iou(a: Array, b: Array) -> float:
    """Overlap of two boxes x1, y1, x2, y2."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return float(both / union) if union > 0 else 0.0


def suppress(boxes: Array, scores: Array, classes: Array, limit: float, class_aware: bool, most: int) -> list[int]:
    """Indices that survive suppression, best first; equal scores by index."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda k: (-scores[k], k)):
        rivals = [k for k in kept if not class_aware or classes[k] == classes[i]]
        if all(iou(boxes[k], boxes[i]) <= limit for k in rivals):
            kept.append(i)
        if len(kept) == most:
            break
    return kept


def _yolox(manifest: Manifest, options: YoloxDecode, outputs: list[Array], g: Geometry) -> dict[str, Any]:
    rows = outputs[0][0].astype(np.float64)
    if not options.activation_in_graph:
        rows[:, 4:] = _sigmoid(rows[:, 4:])
    if not options.decoded_in_graph:
        cells = []
        for stride in options.strides:
            ys, xs = np.mgrid[0 : g.input[1] // stride, 0 : g.input[0] // stride]
            cells.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
        grid = np.concatenate(cells)
        rows[:, 0:2] = (rows[:, 0:2] + grid[:, 0:2]) * grid[:, 2:3]
        rows[:, 2:4] = np.exp(rows[:, 2:4]) * grid[:, 2:3]
    classes = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + classes]
    lowest = min([manifest.thresholds.score, *(_threshold(manifest, label.id) for label in manifest.labels)]) - manifest.thresholds.guard
    chosen = np.flatnonzero(scores >= max(options.score_floor, lowest))
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")][: manifest.nms.pre_top_k]
    boxes = np.concatenate([rows[:, 0:2] - rows[:, 2:4] / 2, rows[:, 0:2] + rows[:, 2:4] / 2], axis=1)[chosen]
    kept = suppress(boxes, scores[chosen], classes[chosen], manifest.nms.iou, manifest.nms.kind == "class_aware", manifest.nms.max)
    objects = []
    for k in kept:
        x1, y1, x2, y2 = boxes[k]
        box = [
            min(max(g.factor_x * x1 + g.shift_x, 0), g.image[0]),
            min(max(g.factor_y * y1 + g.shift_y, 0), g.image[1]),
            min(max(g.factor_x * x2 + g.shift_x, 0), g.image[0]),
            min(max(g.factor_y * y2 + g.shift_y, 0), g.image[1]),
        ]
        class_id, score = int(classes[chosen][k]), float(scores[chosen][k])
        area = (box[2] - box[0]) * (box[3] - box[1])
        if score >= _threshold(manifest, class_id) - manifest.thresholds.guard and area >= _min_area(manifest, class_id):
            objects.append({"class_id": class_id, "score": score, "box": [float(v) for v in box], "area_px": float(area)})
    return {"objects": objects}


def _segmentation(manifest: Manifest, options: SegmentationDecode, outputs: list[Array], g: Geometry) -> dict[str, Any]:
    maps = outputs[0][0].astype(np.float32)
    if options.layout == "NHWC":
        maps = maps.transpose(2, 0, 1)
    ratio_x, ratio_y = maps.shape[2] / g.input[0], maps.shape[1] / g.input[1]
    x1, y1 = round(round(g.left) * ratio_x), round(round(g.top) * ratio_y)
    x2, y2 = round(round(g.right) * ratio_x), round(round(g.bottom) * ratio_y)
    x, y, width, height = g.part
    full = np.stack(
        [
            cv2.resize(
                np.ascontiguousarray(m[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]),
                (width, height),
                interpolation=cv2.INTER_LINEAR,
            )
            for m in maps
        ]
    )
    if options.mode == "multi_class":
        label_map = full.argmax(axis=0)
        if options.activation == "softmax":
            full = np.exp(full - full.max(axis=0))
            full /= full.sum(axis=0)
        elif options.activation == "sigmoid":
            full = _sigmoid(full)
        best = full.max(axis=0)
        masks = [(c, label_map == c, best) for c in range(len(full)) if c != options.background]
    else:
        if options.activation == "sigmoid":
            full = _sigmoid(full)
        ids = [1] if options.mode == "binary" else list(range(len(full)))
        masks = [(c, full[i] >= options.mask_threshold, full[i]) for i, c in enumerate(ids)]
        best = full.max(axis=0)
        label_map = np.zeros((height, width), np.int64)
        if options.mode == "binary":
            label_map[masks[0][1]] = 1
        else:
            winner = full.argmax(axis=0)
            label_map = np.where(full.max(axis=0) >= options.mask_threshold, winner, 0)
    regions = []
    for class_id, mask, scores in masks:
        count, labels, stats, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=options.connectivity)
        for k in range(1, count):
            inside = scores[labels == k]
            left, top, w, h, area = (int(v) for v in stats[k])
            enough = area >= _min_area(manifest, class_id)
            if enough and float(inside.max()) >= _threshold(manifest, class_id) - manifest.thresholds.guard:
                regions.append(
                    {
                        "class_id": int(class_id),
                        "area_px": area,
                        "score_max": float(inside.max()),
                        "score_mean": float(inside.mean()),
                        "box": [left + x, top + y, left + w + x, top + h + y],
                        "centroid": [float(centroids[k][0]) + 0.5 + x, float(centroids[k][1]) + 0.5 + y],
                    }
                )
    regions.sort(key=lambda r: -float(str(r["area_px"])))
    everywhere = np.zeros((g.image[1], g.image[0]), np.uint8)
    everywhere[y : y + height, x : x + width] = label_map
    score_map = np.zeros((g.image[1], g.image[0]), np.float32)
    score_map[y : y + height, x : x + width] = best
    return {"regions": regions[: manifest.nms.max], "label_map": everywhere, "score_map": score_map}


def decode(manifest: Manifest, outputs: list[Array], geometry: Geometry) -> dict[str, Any]:
    """Decodes the outputs of batch 1 with the thresholds of the manifest.

    Keys: ``classes`` (best first), ``objects`` (best first), ``regions`` (largest first), and for segmentation ``label_map`` (uint8) and
    ``score_map`` (float32) of the full image.
    """
    found: dict[str, Any] = {"classes": [], "objects": [], "regions": []}
    if isinstance(manifest.decode, ClassificationDecode):
        found |= _classification(manifest.decode, outputs)
    elif isinstance(manifest.decode, YoloxDecode):
        found |= _yolox(manifest, manifest.decode, outputs, geometry)
    elif isinstance(manifest.decode, SegmentationDecode):
        found |= _segmentation(manifest, manifest.decode, outputs, geometry)
    return found
