"""Later stages, written plainly: each object is cut out, classified alone, and takes the label of its best class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnx.manifest import Manifest
from lnx.reference.preprocess import preprocess

Array = NDArray[Any]
SLACK = 1e-3  # of a pixel; decides nothing, but keeps a box that ends on a pixel border there in every arithmetic


def cut_out(box: list[float], margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The whole pixels ``(x, y, width, height)`` that a box with its margin covers, inside the image; at least one."""
    more_x, more_y = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    x1 = min(max(math.floor(box[0] - more_x + SLACK), 0), width - 1)
    y1 = min(max(math.floor(box[1] - more_y + SLACK), 0), height - 1)
    x2 = min(max(math.ceil(box[2] + more_x - SLACK), x1 + 1), width)
    y2 = min(max(math.ceil(box[3] + more_y - SLACK), y1 + 1), height)
    return x1, y1, x2 - x1, y2 - y1


def activate(values: Array, activation: str) -> Array:
    """Logits to probabilities in float64."""
    scores: Array = values.reshape(-1).astype(np.float64)
    if activation == "softmax":
        scores = np.exp(scores - scores.max())
        return np.asarray(scores / scores.sum())
    return np.asarray(1 / (1 + np.exp(-scores))) if activation == "sigmoid" else scores


def run_stages(manifest: Manifest, image: Array, found: dict[str, Any], run: Mapping[str, Callable[[Array], list[Array]]]) -> None:
    """Changes class and score of ``found["objects"]`` in place, and their order."""
    for stage in manifest.stages:
        own = manifest.model_copy(update={"pre": manifest.graph(stage.graph).pre})
        for item in found["objects"]:
            if stage.on and item["class_id"] not in stage.on:
                continue
            part = cut_out(item["box"], stage.margin, image.shape[1], image.shape[0])
            tensor, _ = preprocess(own, image, part)
            scores = activate(run[stage.graph](tensor)[0], stage.activation)
            best = int(scores.argmax())
            item["class_id"] = stage.label_ids[best]
            item["score"] = float(scores[best]) * (item["score"] if stage.score == "product" else 1.0)
        found["objects"].sort(key=lambda item: -item["score"])
