"""What LnxRun adds to the bare ONNX Runtime call: 2-megapixel BGR picture, YOLOX-like head of 8400 x 85, one thread.

Twice: with a model that costs next to nothing, so that nothing hides behind it, and with one of 6.5 GFLOP as YOLOX-Tiny has, for what it
means in percent.

The bare call is OrtApi::RunWithBinding on the prepared tensor; it is timed inside the same run, around the call. Heap allocations
are counted in a program of its own (native/bench/count_allocations.cpp), over the whole of each call and its result's views.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import onnx
from _report import ROOT, claim, figures, report
from lnx import runtime_path
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack
from onnx import TensorProto, helper, numpy_helper

RUNS, REAL_RUNS = 300, 150
WIDTH, LAYERS = 72, 12  # channels and number of the convolutions of the model that costs something


def detector(path: Path, layers: int = 0) -> Path:
    """A strided convolution, `layers` of 0.6 GFLOP each, and 8400 rows of which about 40 pass the threshold."""
    rng = np.random.default_rng(0)
    rows = np.zeros((1, 8400, 85), np.float32)
    rows[0, :, :4] = rng.uniform(20, 600, (8400, 4))
    rows[0, :, 4] = rng.uniform(0, 1, 8400) ** 60 * 0.9
    rows[0, :, 5:] = rng.uniform(0, 1, (8400, 80))
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.1, (8, 3, 8, 8)).astype(np.float32), "w"),
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    for i in range(layers):
        shape = (WIDTH, 8 if i == 0 else WIDTH, 3, 3)
        weights.append(numpy_helper.from_array(rng.normal(0, 0.01, shape).astype(np.float32), f"w{i}"))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c0"], strides=[8, 8]),
        *(helper.make_node("Conv", [f"c{i}", f"w{i}"], [f"c{i + 1}"], pads=[1, 1, 1, 1]) for i in range(layers)),
        helper.make_node("ReduceMean", [f"c{layers}"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["rows", "z"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 640, 640])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8400, 85])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def allocations(model: Path, key: Path, image: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Heap allocations of the core per call: rows for every way of calling, and the claims."""
    program = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build/release")) / "native/count_allocations"
    pixels = model.with_suffix(".raw")
    pixels.write_bytes(image.tobytes())
    env = {**os.environ, "LNX_EVENT_DIR": str(model.parent / "events")}
    env.setdefault("LNX_RUNTIME_DIR", runtime_path.package_folder() or "")
    command = [str(program), str(model), str(key), str(pixels), str(image.shape[1]), str(image.shape[0]), "BGR8"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout)
    runs = told["runs"]
    rows = [
        {"call": call, "allocations_of_core_per_call": counts["core"] / runs, "of_onnx_runtime_per_call": counts["runtime"] / runs}
        for call, counts in told["calls"].items()
    ]
    run, submit = (max(row["allocations_of_core_per_call"] for row in rows if row["call"].startswith(kind)) for kind in ("run", "submit"))
    name = "heap allocations of our own code per steady-state"
    return rows, [
        claim(f"{name} LnxRun", run, "allocations", 0, at_least=False),
        claim(f"{name} LnxSubmit + LnxWait", submit, "allocations", 0, at_least=False),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        labels = [f"c{i}" for i in range(80)]
        options = {"colour": "RGB", "scale": 1 / 255, "threshold": 0.4}
        pack(
            detector(place / "d.onnx"),
            place / "d.lnx",
            preset="yolox",
            labels=labels,
            options=options,
            signing_key=load_signing_key(private),
        )
        pack(
            detector(place / "real.onnx", LAYERS),
            place / "real.lnx",
            preset="yolox",
            labels=labels,
            options=options,
            signing_key=load_signing_key(private),
        )
        image = np.random.default_rng(1).integers(0, 256, (1080, 1920, 3), np.uint8)
        with lnx.Session(place / "real.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
            real = [session.run(image).timings for _ in range(REAL_RUNS)][10:]
        with lnx.Session(place / "d.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
            timings = [session.run(image).timings for _ in range(RUNS)][20:]
            objects = len(session.run(image).objects)
        allocation_rows, allocation_claims = allocations(place / "d.lnx", public, image)
    total, infer = ([t[key] for t in timings] for key in ("total", "infer"))
    added = [a - b for a, b in zip(total, infer, strict=True)]
    rows = [{"stage": stage, **figures([t[stage] for t in timings])} for stage in ("pre", "infer", "post", "total")]
    rows += [{"stage": "total - infer", **figures(added)}, {"objects": objects}]
    whole, bare = (figures([t[key] for t in real]) for key in ("total", "infer"))
    rows += [{"stage": "model of 6.5 GFLOP: infer", **bare}, {"stage": "model of 6.5 GFLOP: total", **whole}]
    percent = {p: 100 * (whole[p] - bare[p]) / bare[p] for p in ("median_ms", "p99_ms")}
    claims = [claim("LnxRun minus the bare call, 2 MP detection, median", figures(added)["median_ms"], "ms", 0.5, at_least=False)]
    claims.append(claim("LnxRun over the bare call of a 6.5 GFLOP model, median", percent["median_ms"], "%", 5, at_least=False))
    claims.append(claim("LnxRun over the bare call of a 6.5 GFLOP model, p99", percent["p99_ms"], "%", 5, at_least=False))
    report(rows + allocation_rows, claims + allocation_claims)


if __name__ == "__main__":
    main()
