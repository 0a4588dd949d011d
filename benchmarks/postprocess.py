"""Decoding per family: the core against the plain Python twin, on the same tensors of usual sizes (class-aware suppression included)."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _report import claim, figures, report, testing
from lnx.manifest import Manifest
from lnx.reference.decode import decode
from lnx.reference.preprocess import preprocess

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/decode"))
import cases

RUNS, SIDE, CLASSES = 200, 640, 10
TARGET = 20.0


def tensors(rng: np.random.Generator) -> dict[str, tuple[dict[str, Any], list[tuple[str, Any]]]]:
    """Decode part and outputs of each family at 640 x 640 with 10 classes; about one score in two hundred passes."""

    def f(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Any:
        return rng.normal(mean, spread, shape).astype(np.float32)

    grid = sum((SIDE // s) ** 2 for s in (8, 16, 32))
    levels = [SIDE // s for s in (8, 16, 32)]
    pyramid = [SIDE // s for s in (8, 16, 32, 64, 128)]
    corners = np.sort(rng.uniform(0, SIDE, (1, grid, 2, 2)), axis=2).reshape(1, grid, 4).astype(np.float32)
    table = np.concatenate(
        [rng.uniform(0, SIDE, (1, grid, 4)), rng.uniform(0, 0.6, (1, grid, 1)), rng.uniform(0, 0.6, (1, grid, CLASSES))], 2
    )
    rtmdet = [("scores", f(1, CLASSES, m, m, mean=-6, spread=2)) for m in levels]
    rtmdet += [("distances", np.abs(f(1, 4, m, m, spread=30))) for m in levels]
    effdet = [("scores", f(1, 9 * CLASSES, m, m, mean=-6, spread=2)) for m in pyramid] + [
        ("boxes", f(1, 36, m, m, spread=0.4)) for m in pyramid
    ]

    def defects() -> Any:
        """Background but for eight spots of ten cells across."""
        maps = f(1, CLASSES, 160, 160)
        maps[:, 0] += 12
        for k in range(8):
            y, x = rng.integers(0, 150, 2)
            maps[0, 1 + k % (CLASSES - 1), y : y + 10, x : x + 10] += 24
        return maps

    heat = rng.uniform(0, 1, (1, 1, 80, 80)).astype(np.float32)
    return {
        "yolox": ({"kind": "yolox"}, [("", table.astype(np.float32))]),
        "rtmdet": ({"kind": "rtmdet"}, rtmdet),
        "rtdetr": (
            {"kind": "rtdetr", "form": "raw"},
            [("scores", f(1, 300, CLASSES, mean=-3)), ("boxes", rng.uniform(0.05, 0.9, (1, 300, 4)).astype(np.float32))],
        ),
        "ppyoloe": (
            {"kind": "ppyoloe", "nms_in_graph": False, "boxes_in": "input"},
            [("boxes", corners), ("scores", rng.beta(0.3, 4, (1, CLASSES, grid)).astype(np.float32))],
        ),
        "efficientdet": ({"kind": "efficientdet", "coding": "yxhw"}, effdet),
        "segmentation, no background": (
            {"kind": "segmentation", "mode": "multi_class", "activation": "softmax"},
            [("", np.repeat(np.repeat(f(1, CLASSES, 10, 10, spread=4), 16, 2), 16, 3))],
        ),
        "segmentation, small defects": ({"kind": "segmentation", "mode": "multi_class", "activation": "softmax"}, [("", defects())]),
        "anomaly": (
            {"kind": "anomaly", "score": "max", "space": "raw", "steps": ["upsample", "blur"], "mask_threshold": 0.55},
            [("map", heat)],
        ),
        "enhancement": ({"kind": "enhancement"}, [("image", rng.uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32))]),
    }


def main() -> None:
    core = testing()
    cases.SIDE, cases.CLASSES = SIDE, CLASSES
    image = np.full((1080, 1920, 3), 114, np.uint8)
    rows: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for family, (part, outputs) in tensors(np.random.default_rng(0)).items():
        more: dict[str, Any] = {"labels": [], "verdict": {}} if family == "enhancement" else {}
        made: Manifest = cases.manifest(part, outputs, letterbox=True, **more)
        arrays = [np.ascontiguousarray(array) for _, array in outputs]
        tensor, geometry = preprocess(made, image)
        own = figures(core.time_decode(made.to_json(), image, arrays, RUNS)[20:])
        micros = []
        for _ in range(5):
            begin = time.perf_counter()
            decode(made, arrays, geometry, tensor)
            micros.append((time.perf_counter() - begin) * 1e6)
        twin = figures(micros)
        rows.append(
            {"family": family, "core_median_ms": own["median_ms"], "core_p99_ms": own["p99_ms"], "twin_median_ms": twin["median_ms"]}
        )
        claims.append(
            claim(f"{family}: faster than the Python twin", twin["median_ms"] / max(own["median_ms"], 1e-4), "x", TARGET, at_least=True)
        )
    report(rows, claims)


if __name__ == "__main__":
    main()
