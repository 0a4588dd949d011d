"""Anomaly maps -> image score, score plane, regions; raw and normalised scores."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from lnx.manifest import AnomalyDecode, Manifest
from lnx.manifest.families import Calibration
from lnx.reference.decode.common import Array
from lnx.reference.decode.maps import content, find_regions, largest_first, stretch
from lnx.reference.preprocess import Geometry

ANOMALOUS = 1


def blur(image_map: Array, sigma: float) -> Array:
    """Gaussian of radius int(4 sigma + 0.5), mirrored at the border without repeating it."""
    side = 2 * int(4.0 * sigma + 0.5) + 1
    radius = side // 2
    padded = np.pad(image_map.astype(np.float32), radius, mode="reflect") if min(image_map.shape) > 1 else np.pad(image_map, radius, "edge")
    kernel = cv2.getGaussianKernel(side, sigma, cv2.CV_32F)
    return np.asarray(cv2.sepFilter2D(padded, cv2.CV_32F, kernel, kernel))[radius:-radius, radius:-radius]


def anomaly(manifest: Manifest, options: AnomalyDecode, named: dict[str, list[Array]], g: Geometry) -> dict[str, Any]:
    def norm(value: Any, c: Calibration | None) -> Any:
        if options.space == "norm" or c is None:
            return value
        scaled = (value - c.thr) / (c.max - c.min) + 0.5
        return np.clip(scaled, 0, 1) if options.clamp else scaled

    def raw(value: Any, c: Calibration | None) -> Any:
        return (value - 0.5) * (c.max - c.min) + c.thr if options.space == "norm" and c is not None else value

    image_map = named["map"][0][0].astype(np.float32).reshape(named["map"][0].shape[-2:])
    for step in options.steps:
        image_map = stretch(image_map, g.input) if step == "upsample" else blur(image_map, options.blur_sigma)
    if options.score == "output":
        score = float(named["score"][0].reshape(-1)[0])
    elif options.score == "max":
        score = float(image_map.max())
    else:
        score = float(np.sort(image_map.ravel().astype(np.float64))[-options.top_k :].mean())
    in_norm = manifest.thresholds.space == "norm"
    x, y, width, height = g.part
    full = content(image_map, g, (width, height)).astype(np.float64)
    plane = np.asarray(norm(full, options.pixel) if in_norm else raw(full, options.pixel), np.float32)
    mask = plane >= options.mask_threshold
    regions = find_regions(manifest, ANOMALOUS, mask, plane, options.connectivity, (x, y), False, options.fill_holes)
    regions = largest_first(regions, manifest.nms.max)
    score_map = np.zeros((g.image[1], g.image[0]), np.float32)
    score_map[y : y + height, x : x + width] = plane
    values = {"raw": float(raw(score, options.image)), "norm": float(norm(score, options.image))}
    return {
        "classes": [{"class_id": ANOMALOUS, "score": values["norm" if in_norm else "raw"]}],
        "regions": regions,
        "score_map": score_map,
        "score_raw": values["raw"],
        "score_norm": values["norm"],
    }
