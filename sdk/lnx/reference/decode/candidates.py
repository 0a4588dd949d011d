"""What a form for GPUs leaves to the CPU: the best boxes of a detector, with score and label, best first."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.errors import LnxError
from lnx.manifest import CandidatesDecode, Manifest
from lnx.reference.decode.boxes import add_objects, cut, suppress
from lnx.reference.decode.common import Array, lowest_threshold
from lnx.reference.preprocess import Geometry


def candidates(manifest: Manifest, options: CandidatesDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    boxes, scores = named["boxes"][0][0].astype(np.float64), named["scores"][0][0].astype(np.float64)
    labels, finite = named["labels"][0][0].astype(int), named["finite"][0][0]
    if finite != 0:
        raise LnxError(502, found="NaN or infinity", expected="finite numbers", where="detection")
    keep = np.flatnonzero(scores >= max(options.score_floor, lowest_threshold(manifest)))[: manifest.nms.pre_top_k]
    boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
    if options.cut:
        boxes = cut(manifest, boxes, g)
        inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
        boxes, scores, labels = boxes[inside], scores[inside], labels[inside]
    kept = suppress(boxes, scores, labels, manifest.nms.iou, manifest.nms.kind == "class_aware", manifest.nms.max)
    return {"objects": add_objects(manifest, boxes[kept], scores[kept], labels[kept], g, options.boxes_in)}
