"""A manifest for each family, and random outputs as a graph of that family could give them."""

from __future__ import annotations

from typing import Any

import numpy as np
from lnx.manifest import Manifest
from lnx.reference.decode import decode
from lnx.reference.preprocess import preprocess
from numpy.typing import NDArray

Array = NDArray[Any]
CLASSES = 3
SIDE = 64


def manifest(
    decode_part: dict[str, Any], outputs: list[tuple[str, Array]], *, letterbox: bool = False, back: str = "ratio", **parts: Any
) -> Manifest:
    """A manifest whose outputs have the roles and shapes of ``outputs``."""
    tasks = {"segmentation": "segmentation", "anomaly": "anomaly", "enhancement": "enhancement", "classification": "classification"}
    resize = {"op": "resize", "mode": "letterbox" if letterbox else "stretch", "size": [SIDE, SIDE], "interp": "linear", "back": back}
    names = {"float32": "f32", "int64": "i64", "int32": "i32"}
    specs = [
        {"name": f"o{i}", "dtype": names[str(a.dtype)], "shape": [max(1, s) for s in a.shape] or [1], "role": role}
        for i, (role, a) in enumerate(outputs)
    ]
    return Manifest.model_validate(
        {
            "model": {"name": "m", "version": "1"},
            "task": tasks.get(decode_part["kind"], "detection"),
            "graphs": [
                {"inputs": [{"name": "x", "dtype": "f32", "shape": [1, 3, SIDE, SIDE], "layout": "NCHW"}], "outputs": specs},
            ],
            "pre": [{"op": "color", "to": "RGB"}, resize, {"op": "cast", "to": "f32"}, {"op": "layout", "to": "NCHW"}],
            "decode": decode_part,
            "labels": [{"id": i, "name": f"c{i}"} for i in range(CLASSES)],
            "thresholds": {"score": 0.3},
            "verdict": {"rules": [{"kind": "count", "then": "NG"}], "otherwise": "OK"},
            **parts,
        }
    )


def both(
    testing: Any, made: Manifest, image: Array, outputs: list[tuple[str, Array]], want: int = 7
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the core decodes, and what the plain twin does."""
    arrays = [np.ascontiguousarray(a) for _, a in outputs]
    status, native = testing.decode(made.to_json(), image, arrays, want)
    assert status == 0, native
    tensor, geometry = preprocess(made, image)
    return native, decode(made, arrays, geometry, tensor)


def same_objects(native: dict[str, Any], twin: dict[str, Any]) -> None:
    """Objects pair off: class, box within 0.01 px, score within 1e-5. Equal scores may stand in either order."""
    assert len(native["objects"]) == len(twin["objects"])
    left = list(twin["objects"])
    for own in native["objects"]:
        match = next(
            (
                o
                for o in left
                if o["class_id"] == own["class_id"]
                and abs(o["score"] - own["score"]) <= 1e-5
                and max(abs(a - b) for a, b in zip(o["box"], own["box"], strict=True)) <= 0.01
            ),
            None,
        )
        assert match is not None, own
        left.remove(match)
    scores = [o["score"] for o in native["objects"]]
    assert scores == sorted(scores, reverse=True)


def same_regions(native: dict[str, Any], twin: dict[str, Any], slack: int = 0) -> None:
    """Regions pair off: class, area, box, centroid. ``slack``: pixels on an edge that rounding may move."""
    assert len(native["regions"]) == len(twin["regions"])
    left = list(twin["regions"])
    for own in native["regions"]:
        match = next(
            (
                r
                for r in left
                if r["class_id"] == own["class_id"]
                and abs(r["area_px"] - own["area_px"]) <= slack
                and max(abs(a - b) for a, b in zip(r["box"], own["box"], strict=True)) <= (1 if slack else 0)
                and abs(r["score_max"] - own["score_max"]) <= 1e-4
            ),
            None,
        )
        assert match is not None, own
        left.remove(match)


def heads(rng: np.random.Generator, kind: str) -> tuple[dict[str, Any], list[tuple[str, Array]]]:
    """A decode part and random outputs, many candidates among them."""
    n = rng.normal

    def f(*shape: int, mean: float = 0.0, spread: float = 1.0) -> Array:
        return n(mean, spread, shape).astype(np.float32)

    cells = [(SIDE // s) ** 2 for s in (8, 16, 32)]
    if kind == "rtmdet maps":
        maps = [SIDE // s for s in (8, 16, 32)]
        outputs = [("scores", f(1, CLASSES, m, m, mean=-2, spread=2)) for m in maps]
        return {"kind": "rtmdet"}, outputs + [("distances", np.abs(f(1, 4, m, m, spread=12))) for m in maps]
    if kind == "rtmdet flat":
        a = sum(cells)
        outputs = [("scores", f(1, a, CLASSES, mean=-2, spread=2)), ("distances", np.abs(f(1, a, 4, spread=1.5)))]
        return {"kind": "rtmdet", "distances": "strides"}, outputs
    if kind == "rtdetr raw":
        boxes = rng.uniform(0.05, 0.9, (1, 50, 4)).astype(np.float32)
        return {"kind": "rtdetr", "form": "raw", "top_k": 30}, [("scores", f(1, 50, CLASSES, spread=2)), ("boxes", boxes)]
    if kind == "rtdetr decoded":
        corners = np.sort(rng.uniform(0, SIDE, (1, 40, 2, 2)), axis=2).reshape(1, 40, 4).astype(np.float32)
        labels = rng.integers(0, CLASSES, (1, 40))
        outputs = [("labels", labels), ("boxes", corners), ("scores", rng.uniform(0, 1, (1, 40)).astype(np.float32))]
        return {"kind": "rtdetr", "form": "decoded", "activation_in_graph": True}, outputs
    if kind == "ppyoloe rows":
        corners = np.sort(rng.uniform(0, 90, (20, 2, 2)), axis=1).reshape(20, 4)
        rows = np.column_stack([rng.integers(0, CLASSES, 20), rng.uniform(0, 1, 20), corners]).astype(np.float32)
        return {"kind": "ppyoloe", "nms_in_graph": True}, [("rows", rows), ("counts", np.array([17], np.int32))]
    if kind == "ppyoloe anchors":
        corners = np.sort(rng.uniform(0, SIDE, (1, 84, 2, 2)), axis=2).reshape(1, 84, 4).astype(np.float32)
        scores = rng.uniform(0, 1, (1, CLASSES, 84)).astype(np.float32)
        return {"kind": "ppyoloe", "nms_in_graph": False, "boxes_in": "input"}, [("boxes", corners), ("scores", scores)]
    if kind == "efficientdet maps":
        maps = [SIDE // s for s in (8, 16, 32)] + [1, 1]
        outputs = [("scores", f(1, 9 * CLASSES, m, m, mean=-3, spread=1.5)) for m in maps]
        return {"kind": "efficientdet", "coding": "yxhw"}, outputs + [("boxes", f(1, 36, m, m, spread=0.4)) for m in maps]
    if kind == "efficientdet flat":
        a = 9 * (sum(cells) + 2)
        part = {"kind": "efficientdet", "coding": "xywh", "variances": [0.1, 0.1, 0.2, 0.2], "per_anchor": "best"}
        return part, [("scores", f(1, a, CLASSES, mean=-3, spread=1.5)), ("boxes", f(1, a, 4, spread=1.5))]
    if kind == "yolox raw":
        table = f(1, sum(cells), 5 + CLASSES)
        return {"kind": "yolox", "decoded_in_graph": False, "activation_in_graph": False}, [("", table)]
    if kind == "yolox decoded":
        table = rng.uniform(0, 1, (1, 84, 5 + CLASSES)).astype(np.float32)
        table[:, :, :4] *= SIDE / 2
        return {"kind": "yolox"}, [("", table)]
    if kind == "candidates":
        corners = np.sort(rng.uniform(0, SIDE, (1, 60, 2, 2)), axis=2).reshape(1, 60, 4).astype(np.float32)
        scores = -np.sort(-rng.uniform(0, 1, (1, 60)).astype(np.float32))
        labels = rng.integers(0, CLASSES, (1, 60)).astype(np.int32)
        return {"kind": "candidates"}, [("boxes", corners), ("scores", scores), ("labels", labels), ("finite", np.zeros(1, np.float32))]
    raise KeyError(kind)


DETECTORS = (
    "rtmdet maps",
    "rtmdet flat",
    "rtdetr raw",
    "rtdetr decoded",
    "ppyoloe rows",
    "ppyoloe anchors",
    "efficientdet maps",
    "efficientdet flat",
    "yolox raw",
    "yolox decoded",
    "candidates",
)
