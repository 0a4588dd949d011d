"""RT-DETR and its kin: queries with class scores and boxes, no suppression."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest, RtdetrDecode
from lnx.reference.decode.boxes import add_objects, chosen
from lnx.reference.decode.common import Array, lowest_threshold, sigmoid
from lnx.reference.preprocess import Geometry


def rtdetr(manifest: Manifest, options: RtdetrDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    scores, boxes = named["scores"][0][0].astype(np.float64), named["boxes"][0][0].astype(np.float64)
    most = min(options.top_k, manifest.nms.max)
    if options.form == "decoded":
        classes = named["labels"][0][0].astype(np.int64)
        limit = max(options.score_floor, lowest_threshold(manifest))
        order = sorted((int(i) for i in np.flatnonzero(scores >= limit)), key=lambda i: (-scores[i], i))[:most]
        return {"objects": add_objects(manifest, boxes[order], scores[order], classes[order], g, options.boxes_in)}
    if not options.activation_in_graph:
        scores = sigmoid(scores)
    width, height = g.input
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    corners *= np.array([width, height, width, height])
    pairs = sorted(chosen(manifest, scores, options.per_anchor, options.score_floor), key=lambda p: (-scores[p], p))[:most]
    queries, classes_of = [q for q, _ in pairs], [c for _, c in pairs]
    return {"objects": add_objects(manifest, corners[queries].reshape(-1, 4), scores[queries, classes_of], classes_of, g)}
