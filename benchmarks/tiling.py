"""What tiles cost beyond the model: a 20-megapixel picture in tiles of 640 x 640 through a detector of about 4 GFLOP, one thread.

The bare model calls are timed inside the same runs (`timings.infer` is the sum over all tiles), so that what remains is cutting,
preprocessing, decoding and merging.
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


def detector(path: Path) -> Path:
    """Strided convolutions down to stride 32, and 8400 rows of which a few pass the threshold."""
    rng = np.random.default_rng(0)
    rows = np.zeros((1, 8400, 5 + CLASSES), np.float32)
    rows[0, :, :2], rows[0, :, 2:4] = rng.uniform(20, 620, (8400, 2)), rng.uniform(10, 60, (8400, 2))
    rows[0, :, 4] = rng.uniform(0, 1, 8400) ** 60 * 0.9
    rows[0, :, 5:] = rng.uniform(0, 1, (8400, CLASSES))
    weights: list[Any] = [numpy_helper.from_array(rows, "rows"), numpy_helper.from_array(np.float32(0), "zero")]
    nodes, name = [], "x"
    for i, (before, after, stride) in enumerate(
        [(3, 24, 2), (24, 48, 2), (48, 48, 1), (48, 96, 2), (96, 96, 1), (96, 192, 2), (192, 192, 1)]
    ):
        kernel = rng.normal(0, (2 / (9 * before)) ** 0.5, (after, before, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{i}"))
        nodes.append(helper.make_node("Conv", [name, f"w{i}"], [f"c{i}"], strides=[stride, stride], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
        name = f"r{i}"
    nodes += [
        helper.make_node("ReduceMean", [name], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["rows", "z"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(rows.shape))
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        options = {"threshold": 0.4, "tile": [SIDE, SIDE], "tile_overlap": 0.2}
        labels = [f"c{i}" for i in range(CLASSES)]
        key = load_signing_key(private)
        pack(detector(place / "d.onnx"), place / "d.lnx", preset="yolox", labels=labels, options=options, signing_key=key)
        image = np.random.default_rng(1).integers(0, 256, (3648, 5472, 3), np.uint8)
        with lnx.Session(place / "d.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
            timings = [session.run(image, max_objects=10000).timings for _ in range(RUNS + 1)][1:]
            objects = len(session.run(image, max_objects=10000).objects)
    rows: list[dict[str, Any]] = [{"stage": stage, **figures([t[stage] for t in timings])} for stage in ("pre", "infer", "post", "total")]
    share = 100 * float(np.median([(t["total"] - t["infer"]) / t["infer"] for t in timings]))
    rows.append({"objects": objects, "image": f"{image.shape[1]} x {image.shape[0]}"})
    report(rows, [claim("beyond the model, share of its time, median", share, "%", 5, at_least=False)])


if __name__ == "__main__":
    main()
