"""What tiles cost beyond the model: a 20-megapixel picture in tiles of 640 x 640, one thread, for a detector, a segmenter and an enhancer.

Each has the same convolutions of about 4 GFLOP. The bare model calls are timed inside the same runs (`timings.infer` is the sum over all
tiles), so that what remains is cutting, preprocessing, decoding, and merging or blending.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import onnx
from _report import claim, figures, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack
from onnx import TensorProto, helper, numpy_helper

RUNS, SIDE, CLASSES = 5, 640, 10
FAMILIES: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "detector": ("yolox", [f"c{i}" for i in range(CLASSES)], {"threshold": 0.4}),
    "segmenter": ("segmentation", ["background", "scratch", "dent"], {}),
    "enhancer": ("enhancement", [], {}),
}


def backbone() -> tuple[list[Any], list[Any], str]:
    """Strided convolutions down to stride 16: nodes, weights, name of the last value (192 channels)."""
    rng = np.random.default_rng(0)
    weights: list[Any] = []
    nodes: list[Any] = []
    name = "x"
    for i, (before, after, stride) in enumerate(
        [(3, 24, 2), (24, 48, 2), (48, 48, 1), (48, 96, 2), (96, 96, 1), (96, 192, 2), (192, 192, 1)]
    ):
        kernel = rng.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{i}"))
        nodes.append(helper.make_node("Conv", [name, f"w{i}"], [f"c{i}"], strides=[stride, stride], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        name = f"r{i}"
    return nodes, weights, name


def graph(path: Path, family: str) -> Path:
    """8400 rows of which a few pass the threshold; or 3 maps at the size of the input; or a picture."""
    rng = np.random.default_rng(0)
    nodes, weights, name = backbone()
    if family == "detector":
        rows = np.zeros((1, 8400, 5 + CLASSES), np.float32)
        rows[0, :, :2], rows[0, :, 2:4] = rng.uniform(20, 620, (8400, 2)), rng.uniform(10, 60, (8400, 2))
        rows[0, :, 4] = rng.uniform(0, 1, 8400) ** 60 * 0.9
        rows[0, :, 5:] = rng.uniform(0, 1, (8400, CLASSES))
        shape = list(rows.shape)
        weights += [numpy_helper.from_array(rows, "rows"), numpy_helper.from_array(np.float32(0), "zero")]
        nodes += [
            helper.make_node("ReduceMean", [name], ["m"], keepdims=0),
            helper.make_node("Mul", ["m", "zero"], ["z"]),
            helper.make_node("Add", ["rows", "z"], ["y"]),
        ]
    else:
        shape = [1, 3, SIDE, SIDE]
        kernel = rng.normal(0, 0.02, (3, 192, 1, 1)).astype(np.float32)
        bias = np.array([3, 0, 0] if family == "segmenter" else [0.5] * 3, np.float32)
        weights += [numpy_helper.from_array(kernel, "head"), numpy_helper.from_array(bias, "bias")]
        weights.append(numpy_helper.from_array(np.array([1, 1, 16, 16], np.float32), "scales"))
        nodes += [
            helper.make_node("Conv", [name, "head", "bias"], ["low"]),
            helper.make_node("Resize", ["low", "", "scales"], ["y"], mode="linear"),
        ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def main() -> None:
    rows: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    image = np.random.default_rng(1).integers(0, 256, (3648, 5472, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        for family, (preset, labels, options) in FAMILIES.items():
            pack(
                graph(place / f"{family}.onnx", family),
                place / f"{family}.lnx",
                preset=preset,
                labels=labels,
                options={**options, "tile": [SIDE, SIDE], "tile_overlap": 0.2},
                signing_key=load_signing_key(private),
            )
            with lnx.Session(place / f"{family}.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
                timings = [session.run(image, max_objects=10000).timings for _ in range(RUNS + 1)][1:]
            rows += [
                {"family": family, "stage": stage, **figures([t[stage] for t in timings])} for stage in ("pre", "infer", "post", "total")
            ]
            share = 100 * float(np.median([(t["total"] - t["infer"]) / t["infer"] for t in timings]))
            claims.append(claim(f"{family}: beyond the model, share of its time, median", share, "%", 5, at_least=False))
    rows.append({"image": f"{image.shape[1]} x {image.shape[0]}"})
    report(rows, claims)


if __name__ == "__main__":
    main()
