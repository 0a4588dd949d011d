"""YOLOX heads: [N, anchors, 5 + C] with cx, cy, w, h, objectness, classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest, YoloxDecode
from lnx.reference.decode.boxes import chosen, detect
from lnx.reference.decode.common import Array, sigmoid
from lnx.reference.preprocess import Geometry


def yolox(manifest: Manifest, options: YoloxDecode, outputs: list[Array], g: Geometry) -> dict[str, Any]:
    rows = outputs[0][0].astype(np.float64)
    if not options.activation_in_graph:
        rows[:, 4:] = sigmoid(rows[:, 4:])
    if not options.decoded_in_graph:
        cells = []
        for stride in options.strides:
            ys, xs = np.mgrid[0 : g.input[1] // stride, 0 : g.input[0] // stride]
            cells.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
        grid = np.concatenate(cells)
        rows[:, 0:2] = (rows[:, 0:2] + grid[:, 0:2]) * grid[:, 2:3]
        rows[:, 2:4] = np.exp(rows[:, 2:4]) * grid[:, 2:3]
    boxes = np.concatenate([rows[:, 0:2] - rows[:, 2:4] / 2, rows[:, 0:2] + rows[:, 2:4] / 2], axis=1)
    scores = rows[:, 4:5] * rows[:, 5:]
    return {"objects": detect(manifest, boxes, scores, chosen(manifest, scores, "best", options.score_floor), g)}
