"""EfficientDet heads: class scores and box codes per anchor, ordered by level, row, column, scale, ratio."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import EfficientDetDecode, Manifest
from lnx.reference.decode.boxes import chosen, detect
from lnx.reference.decode.common import Array, sigmoid
from lnx.reference.preprocess import Geometry


def anchors_of(options: EfficientDetDecode, size: tuple[int, int]) -> Array:
    """Centre x, centre y, width, height of every anchor ``[A, 4]`` for an input of ``size`` (width, height)."""
    rows = []
    for stride in options.strides:
        for y in range(-(-size[1] // stride)):
            for x in range(-(-size[0] // stride)):
                for scale in options.scales:
                    for ratio in options.ratios:
                        side = stride * scale * options.anchor_scale
                        rows.append(((x + 0.5) * stride, (y + 0.5) * stride, side * ratio[0], side * ratio[1]))
    return np.array(rows)


def efficientdet(manifest: Manifest, options: EfficientDetDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    cell = len(options.scales) * len(options.ratios)

    def flat(arrays: list[Array]) -> Array:
        rows = [a[0] if a.ndim == 3 else a[0].transpose(1, 2, 0).reshape(-1, a.shape[1] // cell) for a in arrays]
        return np.concatenate(rows).astype(np.float64)

    codes, scores = flat(named["boxes"]), flat(named["scores"])
    if options.variances:
        codes = codes * np.array(options.variances)
    if options.coding == "yxhw":
        codes = codes[:, [1, 0, 3, 2]]
    anchors = anchors_of(options, g.input)
    centre = anchors[:, :2] + codes[:, :2] * anchors[:, 2:]
    with np.errstate(over="ignore"):
        half = np.exp(codes[:, 2:]) * anchors[:, 2:] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    if not options.activation_in_graph:
        scores = sigmoid(scores)
    pairs = chosen(manifest, scores, options.per_anchor, options.score_floor)
    return {"objects": detect(manifest, boxes, scores, pairs, g, clip=True)}
