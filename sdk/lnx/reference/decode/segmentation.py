"""[N, C, H, W] maps -> label map, score map, regions. Values reach the resolution of the image before anything is decided."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import Manifest, SegmentationDecode
from lnx.reference.decode.common import Array, sigmoid
from lnx.reference.decode.maps import content, find_regions, largest_first
from lnx.reference.preprocess import Geometry


def segmentation(manifest: Manifest, options: SegmentationDecode, outputs: list[Array], g: Geometry) -> dict[str, Any]:
    maps = outputs[0][0].astype(np.float32)
    if options.layout == "NHWC":
        maps = maps.transpose(2, 0, 1)
    x, y, width, height = g.part
    full = np.stack([content(m, g, (width, height)) for m in maps])
    if options.mode == "multi_class":
        label_map = full.argmax(axis=0)
        if options.activation == "softmax":
            full = np.exp(full - full.max(axis=0))
            full /= full.sum(axis=0)
        elif options.activation == "sigmoid":
            full = sigmoid(full)
        best = full.max(axis=0)
        masks = [(c, label_map == c, best) for c in range(len(full)) if c != options.background]
    else:
        if options.activation == "sigmoid":
            full = sigmoid(full)
        ids = [1] if options.mode == "binary" else list(range(len(full)))
        masks = [(c, full[i] >= options.mask_threshold, full[i]) for i, c in enumerate(ids)]
        best = full.max(axis=0)
        label_map = np.zeros((height, width), np.int64)
        if options.mode == "binary":
            label_map[masks[0][1]] = 1
        else:
            winner = full.argmax(axis=0)
            label_map = np.where(full.max(axis=0) >= options.mask_threshold, winner, 0)
    regions = [r for class_id, mask, scores in masks for r in find_regions(manifest, class_id, mask, scores, options.connectivity, (x, y))]
    regions = largest_first(regions, manifest.nms.max, options.mode != "multi_label")
    everywhere = np.zeros((g.image[1], g.image[0]), np.uint8)
    everywhere[y : y + height, x : x + width] = label_map
    score_map = np.zeros((g.image[1], g.image[0]), np.float32)
    score_map[y : y + height, x : x + width] = best
    return {"regions": regions, "label_map": everywhere, "score_map": score_map}
