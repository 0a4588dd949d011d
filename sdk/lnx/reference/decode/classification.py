"""[N, C] scores -> classes, best first."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.manifest import ClassificationDecode, Manifest
from lnx.reference.decode.common import Array, sigmoid, threshold


def classification(manifest: Manifest, options: ClassificationDecode, outputs: list[Array]) -> dict[str, Any]:
    scores = outputs[0].reshape(-1).astype(np.float64)
    if options.activation == "softmax":
        scores = np.exp(scores - scores.max())
        scores /= scores.sum()
    elif options.activation == "sigmoid":
        scores = sigmoid(scores)
    order = np.argsort(-scores, kind="stable")
    if options.multi_label:
        order = np.array([i for i in order if scores[i] >= threshold(manifest, int(i)) - manifest.thresholds.guard], np.int64)
    return {"classes": [{"class_id": int(i), "score": float(scores[i])} for i in order]}
