"""The GPU in figures: the core over bare ONNX Runtime, switches one by one, pauses with and without keep-warm, memory, parity with the CPU.

Needs an NVIDIA GPU and a GPU build of ONNX Runtime (`python3 dev.py gpu` brings both together). Without them every row says why it is
"not yet measured", and no claim is made. `LNX_GPU_RUNS` shortens the long rows for a first look.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lnx
import numpy as np
import onnx
from _report import ROOT, claim, figures, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack
from lnx.pack.gpu_form import make_form, splice
from lnx.pack.graph import read_graph
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(ROOT))

SIDE, CHANNELS, LAYERS = 640, 32, 12
NOT_YET = "not yet measured"
TARGETS: list[tuple[str, str, float]] = [
    ("core over bare ONNX Runtime with CUDA graph, p50", "us", 30),
    ("model part over bare ONNX Runtime", "ratio", 1.02),
    ("non-model time, 5 MP mono detection, p50", "ms", 0.7),
    ("p99 / p50, steady", "ratio", 1.3),
    ("first run after Initialize / p50", "ratio", 1.2),
    ("after pauses of 1 s with keep-warm / p50", "ratio", 1.5),
    ("memory of the GPU after alternating runs of two models, drift", "MB", 8),
    ("largest difference to the CPU, scores", "score", 5e-3),
]
SWITCHES: dict[str, dict[str, Any]] = {
    "all": {},
    "without heads": {"uint8_heads": False},
    "without graph": {"gpu_graph": False},
    "without both": {"uint8_heads": False, "gpu_graph": False},
    "without TF32": {"tf32": False},
    "prepared on the GPU": {"gpu_preprocess": True},
    "prepared on the CPU": {"gpu_preprocess": False},
}


def detector(path: Path, seed: int = 0) -> Path:
    """A stack of convolutions and a YOLOX head of 8400 x 85 on 640 x 640, random weights: the weight of an s-sized detector's work."""
    rng = np.random.default_rng(seed)
    weights: list[Any] = []
    nodes: list[Any] = []

    def conv(x: str, channels_in: int, channels_out: int, kernel: int, stride: int) -> str:
        name = f"c{len(nodes)}"
        scale = (2 / (channels_in * kernel * kernel)) ** 0.5
        weights.append(
            numpy_helper.from_array(rng.normal(0, scale, (channels_out, channels_in, kernel, kernel)).astype(np.float32), f"{name}_w")
        )
        pad = kernel // 2
        nodes.append(helper.make_node("Conv", [x, f"{name}_w"], [name], strides=[stride] * 2, pads=[pad] * 4))
        nodes.append(helper.make_node("Relu", [name], [f"{name}_r"]))
        return f"{name}_r"

    x = conv("images", 3, CHANNELS, 3, 2)
    x = conv(x, CHANNELS, 2 * CHANNELS, 3, 2)
    x = conv(x, 2 * CHANNELS, 4 * CHANNELS, 3, 2)
    flat = []
    for level in range(3):
        for _ in range(LAYERS // 3):
            x = conv(x, 4 * CHANNELS, 4 * CHANNELS, 3, 1)
        head = conv(x, 4 * CHANNELS, 85, 1, 1)
        nodes += [
            helper.make_node("Sigmoid", [head], [f"s{level}"]),
            helper.make_node("Reshape", [f"s{level}", "rows"], [f"f{level}"]),
            helper.make_node("Transpose", [f"f{level}"], [f"t{level}"], perm=[0, 2, 1]),
        ]
        flat.append(f"t{level}")
        if level < 2:
            x = conv(x, 4 * CHANNELS, 4 * CHANNELS, 3, 2)
    nodes.append(helper.make_node("Concat", flat, ["output"], axis=1))
    weights.append(numpy_helper.from_array(np.array([1, 85, -1], np.int64), "rows"))
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 8400, 85])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def why_not() -> str:
    """Why nothing can be measured here, "" on a machine with a GPU."""
    told = lnx.doctor()
    if not told["gpus"]:
        return str(told["driver"]["reason"]) or "no GPU"
    if "CUDAExecutionProvider" not in (told["runtime"] or {}).get("providers", []):
        return "ONNX Runtime is the CPU build"
    return ""


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter_ns()
    result = call()
    return (time.perf_counter_ns() - begin) / 1000, result


class Bench:
    """One packed detector, its plain graph, and pictures of a 5-megapixel mono camera."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        private, self.public = new_container_key(folder / "keys", "bench")
        key = load_signing_key(private)
        labels = [f"c{i}" for i in range(80)]
        self.models, self.graphs = [], []
        for seed in (0, 1):
            graph = detector(folder / f"d{seed}.onnx", seed)
            model = folder / f"d{seed}.lnx"
            made = pack(graph, model, signing_key=key, preset="yolox", labels=labels, options={"threshold": 0.6, "decoded": True}).manifest
            self.models.append(model)
            form = make_form(made.model_copy(update={"gpu_form": None}), read_graph(graph))
            headed = folder / f"d{seed}-form.onnx"
            headed.write_bytes(graph.read_bytes() if isinstance(form, str) else splice(graph.read_bytes(), form.content))
            self.graphs.append(headed)
        rng = np.random.default_rng(0)
        self.image = rng.integers(0, 256, (2048, 2448), np.uint8)
        self.runs = int(os.environ.get("LNX_GPU_RUNS", "2000"))

    def open(self, model: int = 0, device: str = "cuda:0", **more: Any) -> lnx.Session:
        return lnx.Session(self.models[model], device=device, trusted_keys=[self.public], events=False, **more)

    def bare(self) -> list[float]:
        command = [sys.executable, str(ROOT / "benchmarks/_gpu_peer.py"), str(self.graphs[0]), str(self.runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        times: list[float] = json.loads(done.stdout.splitlines()[-1])
        return times


def memory_used() -> float:
    """Megabytes of the first GPU that are in use."""
    command = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def steady(bench: Bench, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Each switch; the first row is what a user gets."""
    told: dict[str, float] = {}
    bare = bench.bare()
    rows.append({"case": "bare ONNX Runtime, bound, CUDA graph, form for GPUs", **figures(bare)})
    for name, more in SWITCHES.items():
        with bench.open(**more) as session:
            first, _ = timed(lambda session=session: session.run(bench.image))
            runs = [timed(lambda session=session: session.run(bench.image)) for _ in range(bench.runs)]
            used, described = sorted(runs[0][1].used), session.describe()["gpu"]
        totals = [micros for micros, _ in runs]
        stages = {stage: round(float(np.median([r.timings[stage] for _, r in runs])) / 1000, 4) for stage in runs[0][1].timings}
        rows.append({"case": name, **figures(totals), "first_ms": round(first / 1000, 4), **stages, "used": used, **described})
        if name != "all":
            continue
        p50, p99 = np.percentile(totals, [50, 99])
        model = float(np.median([r.timings["host_to_device"] + r.timings["infer"] + r.timings["device_to_host"] for _, r in runs]))
        told[TARGETS[0][0]] = float(np.median([t - r.timings["pre"] - r.timings["post"] for t, r in runs]) - np.median(bare))
        told[TARGETS[1][0]] = model / float(np.median(bare))
        told[TARGETS[2][0]] = float(np.median([t - r.timings["infer"] for t, r in runs])) / 1000
        told[TARGETS[3][0]] = float(p99 / p50)
        told[TARGETS[4][0]] = first / float(p50)
    return told


def gaps(bench: Bench, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Pauses between runs, with and without keep-warm."""
    told: dict[str, float] = {}
    for keep_warm in (0, 10):
        with bench.open(keep_warm=keep_warm / 1000 or None) as session:
            base = float(np.median([timed(lambda session=session: session.run(bench.image))[0] for _ in range(200)]))
            for gap in (0.01, 0.1, 1, 5):
                times = []
                for _ in range(20 if gap < 5 else 5):
                    time.sleep(gap)
                    times.append(timed(lambda session=session: session.run(bench.image))[0])
                ratio = round(float(np.median(times)) / base, 3)
                rows.append({"case": f"pause {gap} s, keep-warm {keep_warm} ms", **figures(times), "over_p50": ratio})
                if gap == 1 and keep_warm:
                    told[TARGETS[5][0]] = ratio
    return told


def memory(bench: Bench, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Two models in turns."""
    rounds = int(os.environ.get("LNX_GPU_RUNS", "50000"))
    with bench.open(0) as one, bench.open(1) as two:
        for _ in range(100):
            one.run(bench.image), two.run(bench.image)
        before = memory_used()
        for _ in range(rounds):
            one.run(bench.image), two.run(bench.image)
        drift = memory_used() - before
    rows.append(
        {"case": f"{2 * rounds} alternating runs of two models", "before_mb": before, "drift_mb": drift, "after_close_mb": memory_used()}
    )
    return {TARGETS[6][0]: drift}


def parity(bench: Bench, rows: list[dict[str, Any]]) -> dict[str, float]:
    """The same pictures on GPU and CPU: as many objects, and the largest difference of their scores."""
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (600, 800, 3), np.uint8) for _ in range(5)]
    worst = 0.0
    with bench.open(tf32=False) as gpu, bench.open(device="cpu") as cpu:
        for picture in pictures:
            one, other = gpu.run(picture).objects, cpu.run(picture).objects
            same = len(one) == len(other)
            worst = max([worst, 0.0 if same else 1.0, *(abs(a.score - b.score) for a, b in zip(one, other, strict=False))])
    rows.append({"case": "CUDA without TF32 against CPU", "largest_score_difference": round(worst, 6)})
    return {TARGETS[7][0]: worst}


def main() -> None:
    rows: list[dict[str, Any]] = []
    reason = why_not()
    if reason:
        rows += [{"case": name, "value": NOT_YET, "target": f"<= {target} {unit}", "reason": reason} for name, unit, target in TARGETS]
        report(rows, [])
        return
    machine = lnx.doctor()
    rows.append({"case": "machine", **machine["gpus"][0], "driver": machine["driver"]})
    told: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for part in (steady, gaps, memory, parity):
            told |= part(bench, rows)
    report(rows, [claim(name, told[name], unit, target, at_least=False) for name, unit, target in TARGETS if name in told])


if __name__ == "__main__":
    main()
