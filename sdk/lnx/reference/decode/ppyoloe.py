"""PP-YOLOE, and whatever Paddle exports in the same form: rows (class, score, corners) with counts, or boxes and scores per anchor."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest, PpyoloeDecode
from lnx.reference.decode.boxes import add_objects, chosen, detect
from lnx.reference.decode.common import Array, lowest_threshold, sigmoid
from lnx.reference.preprocess import Geometry


def ppyoloe(manifest: Manifest, options: PpyoloeDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    if options.nms_in_graph:
        count = int(np.asarray(named["counts"][0]).reshape(-1)[0])
        rows = named["rows"][0][: max(0, count)].astype(np.float64)
        limit = max(options.score_floor, lowest_threshold(manifest))
        rows = rows[(rows[:, 0] >= 0) & (rows[:, 1] >= limit)]
        rows = rows[np.argsort(-rows[:, 1], kind="stable")][: manifest.nms.max]
        return {"objects": add_objects(manifest, rows[:, 2:], rows[:, 1], np.rint(rows[:, 0]), g, options.boxes_in)}
    boxes, scores = named["boxes"][0][0].astype(np.float64), named["scores"][0][0].astype(np.float64).T
    if not options.activation_in_graph:
        scores = sigmoid(scores)
    pairs = chosen(manifest, scores, options.per_anchor, options.score_floor)
    return {"objects": detect(manifest, boxes, scores, pairs, g, options.boxes_in)}
