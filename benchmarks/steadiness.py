"""The first run and the slowest run: after Initialize, back to back, and after pauses, also kept warm; beside ONNX Runtime and OpenCV.

The model is the demo's, on a picture of 1920 x 1200. The peer prepares the picture with cv2 and numpy and runs the same graph, both with
one thread (OpenCV's too) and then both with as many as they choose themselves; it answers what ours answers, the outlines of every class
in pixels of the picture, in the quickest way that people use: labels decided at the size of the model's map and stretched to the
picture's. (Ours stretches the maps and then decides, which keeps edges smooth and costs more.) What a peer takes that leaves its outlines
at the size of the map is told beside it, and is not compared: it is another answer. Both are asked in turns, so that what else the
machine does hits both alike; with several threads in blocks and a breath between them, since the threads of a peer's pool go on spinning
for some milliseconds after its run and would take the cores of whoever comes next.

The first run is that of a process of its own, ten times: what has been touched by another session would count as warm. Runs that are kept
warm stand beside runs that are not, pause by pause.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import lnx
import numpy as np
import onnxruntime
from _report import ROOT, claim, figures, report

sys.path.insert(0, str(ROOT))
from tools.demo import MODEL, PARTS, pack_demo

RUNS, BLOCKS, BLOCK_RUNS, BREATH, STARTS, AFTER_START, GAP_RUNS = 1000, 10, 20, 0.05, 10, 30, 20
SIZE = (1920, 1200)
GAPS_MS = (0, 10, 100, 1000)
Call = Callable[[], object]


def timed(call: Call) -> float:
    """Microseconds."""
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1000


def picture() -> np.ndarray:
    return cv2.resize(lnx.read_image(PARTS / "06.png"), SIZE, interpolation=cv2.INTER_LINEAR)


def opened(model: Path, public: Path, *, threads: int = 1, keep_warm: float | None = None) -> lnx.Session:
    options = {"device": "cpu", "cpu_threads": threads, "keep_warm": keep_warm, "warm_up_size": SIZE, "events": False}
    return lnx.Session(model, trusted_keys=[public], **options)


def peer(image: np.ndarray, *, threads: int = 1, in_picture: bool = True) -> Call:
    """The same graph as people run it by hand: resize, colour, scale, layout, run, arg max, contours of each class.

    threads: 0 = what ONNX Runtime and OpenCV choose. in_picture: contours in pixels of the picture; False: of the model's map.
    """
    cv2.setNumThreads(threads if threads > 0 else -1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    name, (_, _, height, width) = session.get_inputs()[0].name, session.get_inputs()[0].shape
    place = (image.shape[1], image.shape[0])

    def run() -> object:
        small = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
        tensor = np.ascontiguousarray((small.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        labels = session.run(None, {name: tensor})[0][0].argmax(0).astype(np.uint8)
        if in_picture:
            labels = cv2.resize(labels, place, interpolation=cv2.INTER_NEAREST)
        return [cv2.findContours((labels == k).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0] for k in (1, 2, 3)]

    return run


def in_turns(calls: dict[str, Call], runs: int) -> dict[str, list[float]]:
    """Microseconds of each, after two that do not count."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for done in range(runs + 2):
        for name, call in calls.items():
            took = timed(call)
            if done >= 2:
                times[name].append(took)
    return times


def in_blocks(calls: dict[str, Call]) -> dict[str, list[float]]:
    """Microseconds of each, BLOCK_RUNS at a time; the first two of a block do not count."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(BLOCKS):
        for name, call in calls.items():
            time.sleep(BREATH)
            times[name] += [timed(call) for _ in range(BLOCK_RUNS + 2)][2:]
    return times


def first_runs(model: Path, public: Path) -> dict[str, list[float]]:
    """First run over the median of the following ones, in new processes: ours and the peer's."""
    ratios: dict[str, list[float]] = {"ours": [], "cv2 + onnxruntime": []}
    for _ in range(STARTS):
        for name, told in ratios.items():
            command = [sys.executable, __file__, "start", name, str(model), str(public)]
            micros = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            told.append(micros[0] / float(np.median(micros[1:])))
    return ratios


def start(name: str, model: Path, public: Path) -> None:
    """In a process of its own: microseconds of the first runs, as JSON."""
    image = picture()
    if name == "ours":
        with opened(model, public) as session:
            told = [timed(lambda: session.run(image)) for _ in range(1 + AFTER_START)]
    else:
        by_hand = peer(image)
        told = [timed(by_hand) for _ in range(1 + AFTER_START)]
    print(json.dumps(told))


def after_pauses(model: Path, public: Path, image: np.ndarray, gap: int) -> dict[str, list[float]]:
    """Microseconds of runs that each follow a pause of `gap` milliseconds."""
    told: dict[str, list[float]] = {"ours": [], "cv2 + onnxruntime": [], "ours, kept warm": []}
    by_hand = peer(image)
    for ours, keep_warm in (("ours", None), ("ours, kept warm", 0.005)):
        with opened(model, public, keep_warm=keep_warm) as session:
            for _ in range(GAP_RUNS):
                for name, call in ((ours, lambda: session.run(image)), ("cv2 + onnxruntime", by_hand)):
                    time.sleep(gap / 1000)
                    told[name].append(timed(call))
    return told


def spread(what: str, micros: list[float]) -> dict[str, Any]:
    told = figures(micros)
    return {"what": what, **told, "p99_over_median": round(told["p99_ms"] / told["median_ms"], 3)}


def main() -> None:
    image = picture()
    with TemporaryDirectory() as folder:
        model, _, public, _ = pack_demo(Path(folder))
        starts = first_runs(model, public)
        with opened(model, public) as session:
            by_hand, coarse = peer(image), peer(image, in_picture=False)
            one = in_turns({"ours": lambda: session.run(image), "peer": by_hand, "coarse": coarse}, RUNS)
        with opened(model, public, threads=0) as session:
            by_hand = peer(image, threads=0)
            free = in_blocks({"ours": lambda: session.run(image), "peer": by_hand})
        gaps = {gap: after_pauses(model, public, image, gap) for gap in GAPS_MS}
    rows = [
        spread("ours, back to back", one["ours"]),
        spread("cv2 + onnxruntime, back to back", one["peer"]),
        spread("cv2 + onnxruntime, outlines left at the size of the map", one["coarse"]),
        spread("ours, threads by default", free["ours"]),
        spread("cv2 + onnxruntime, threads by default", free["peer"]),
        *({"what": f"{name}, first run / median, {STARTS} starts", "x": sorted(round(v, 3) for v in v_)} for name, v_ in starts.items()),
    ]
    rows += [{"what": f"{name}, after {gap} ms", **figures(values)} for gap, told in gaps.items() for name, values in told.items()]
    ours, theirs, long = figures(one["ours"]), figures(one["peer"]), gaps[GAPS_MS[-1]]
    cold, warm = (float(np.median(long[name])) for name in ("ours", "ours, kept warm"))
    claims = [
        claim(f"first run after Initialize / median run, worst of {STARTS} starts", max(starts["ours"]), "x", 1.2, at_least=False),
        claim("median of ours / median of cv2 + onnxruntime", ours["median_ms"] / theirs["median_ms"], "x", 1.0, at_least=False),
        claim("p99 of ours / p99 of cv2 + onnxruntime", ours["p99_ms"] / theirs["p99_ms"], "x", 1.0, at_least=False),
        claim("the median with threads by default", np.median(free["ours"]) / np.median(free["peer"]), "x", 1.0, at_least=False),
        claim(f"after {GAPS_MS[-1]} ms: kept warm / not", warm / cold, "x", 1.0, at_least=False),
    ]
    for gap in GAPS_MS[:2]:
        told = gaps[gap]
        ratio = float(np.median(told["ours, kept warm"]) / np.median(told["ours"]))
        claims.append(claim(f"after {gap} ms: kept warm / not", ratio, "x", 1.1, at_least=False))
    report(rows, claims)


if __name__ == "__main__":
    if sys.argv[1:2] == ["start"]:
        start(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
