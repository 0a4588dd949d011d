"""RTMDet heads: class scores, and distances from each point (x * stride, y * stride) to the four sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest, RtmdetDecode
from lnx.reference.decode.boxes import chosen, detect
from lnx.reference.decode.common import Array, sigmoid
from lnx.reference.preprocess import Geometry


def rtmdet(manifest: Manifest, options: RtmdetDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    def flat(arrays: list[Array]) -> Array:
        rows = [a[0] if a.ndim == 3 else a[0].reshape(a.shape[1], -1).T for a in arrays]
        return np.concatenate(rows).astype(np.float64)

    points = []
    for stride in options.strides:
        ys, xs = np.mgrid[0 : g.input[1] // stride, 0 : g.input[0] // stride] * stride
        points.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
    x, y, stride_of = np.concatenate(points).T
    unit = np.ones_like(stride_of) if options.distances == "pixels" else stride_of
    left, top, right, bottom = flat(named["distances"]).T * unit
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=1)
    scores = flat(named["scores"])
    if not options.activation_in_graph:
        scores = sigmoid(scores)
    pairs = chosen(manifest, scores, options.per_anchor, options.score_floor)
    return {"objects": detect(manifest, boxes, scores, pairs, g, clip=True)}
