"""The first run and the slowest run: after Initialize, back to back, and after pauses, also kept warm; beside ONNX Runtime and OpenCV.

The model is the demo's, on a picture of 1920 x 1200. The peer prepares the picture with cv2 and numpy and runs the same graph with the
same number of threads; both are asked in turns, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import lnx
import numpy as np
import onnxruntime
from _report import ROOT, claim, figures, report

sys.path.insert(0, str(ROOT))
from tools.demo import MODEL, PARTS, pack_demo

RUNS, STARTS, GAP_RUNS = 1000, 15, 20
GAPS_MS = (0, 10, 100, 1000)


def timed(call: Callable[[], object]) -> float:
    """Microseconds."""
    begin = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - begin) / 1000


def peer(image: np.ndarray) -> Callable[[], object]:
    """The same graph as people run it by hand: resize, colour, scale, layout, run, arg max, contours of each class."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    name, (_, _, height, width) = session.get_inputs()[0].name, session.get_inputs()[0].shape

    def run() -> object:
        small = cv2.cvtColor(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
        tensor = np.ascontiguousarray((small.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        labels = session.run(None, {name: tensor})[0][0].argmax(0).astype(np.uint8)
        return [cv2.findContours((labels == k).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0] for k in (1, 2, 3)]

    return run


def main() -> None:
    image = cv2.resize(lnx.read_image(PARTS / "06.png"), (1920, 1200), interpolation=cv2.INTER_LINEAR)
    with TemporaryDirectory() as folder:
        model, _, public, _ = pack_demo(Path(folder))

        def opened(keep_warm: float | None = None) -> lnx.Session:
            return lnx.Session(model, device="cpu", cpu_threads=1, trusted_keys=[public], events=False, keep_warm=keep_warm)

        firsts, medians = [], []
        for _ in range(STARTS):
            with opened() as session:
                firsts.append(timed(lambda: session.run(image)))
                medians.append(float(np.median([timed(lambda: session.run(image)) for _ in range(20)])))
        by_hand = peer(image)
        peer_first = timed(by_hand)
        with opened() as session:
            ours, theirs = [], []
            for _ in range(RUNS):
                ours.append(timed(lambda: session.run(image)))
                theirs.append(timed(by_hand))
            gaps: dict[int, tuple[list[float], list[float], list[float]]] = {}
            for gap in GAPS_MS:
                gaps[gap] = ([], [], [])
                for _ in range(GAP_RUNS):
                    for call, into in zip((lambda: session.run(image), by_hand), gaps[gap], strict=False):
                        time.sleep(gap / 1000)
                        into.append(timed(call))
        with opened(keep_warm=0.005) as session:
            for gap in GAPS_MS:
                for _ in range(GAP_RUNS):
                    time.sleep(gap / 1000)
                    gaps[gap][2].append(timed(lambda: session.run(image)))
    ratios = np.array(firsts) / np.array(medians)
    ours_p, theirs_p = figures(ours), figures(theirs)
    rows = [
        {"what": "ours, back to back", **ours_p, "p99_over_median": round(ours_p["p99_ms"] / ours_p["median_ms"], 3)},
        {"what": "cv2 + onnxruntime, back to back", **theirs_p, "p99_over_median": round(theirs_p["p99_ms"] / theirs_p["median_ms"], 3)},
        {"what": "ours, first run after Initialize", **figures(firsts), "over_median": round(float(np.median(ratios)), 3)},
        {
            "what": "cv2 + onnxruntime, first run",
            "ms": round(peer_first / 1000, 3),
            "over_median": round(peer_first / np.median(theirs), 3),
        },
    ]
    for gap, told in gaps.items():
        for name, values in zip(("ours", "cv2 + onnxruntime", "ours, kept warm"), told, strict=True):
            rows.append({"what": f"{name}, after {gap} ms", **figures(values)})
    cold, warm = (float(np.median(gaps[GAPS_MS[-1]][i])) for i in (0, 2))
    claims = [
        claim("first run after Initialize / median run", float(np.median(ratios)), "x", 1.2, at_least=False),
        claim("median of ours / median of cv2 + onnxruntime", ours_p["median_ms"] / theirs_p["median_ms"], "x", 1.0, at_least=False),
        claim(f"after {GAPS_MS[-1]} ms: kept warm / not", warm / cold, "x", 1.0, at_least=False),
        claim("p99 of ours / p99 of cv2 + onnxruntime", ours_p["p99_ms"] / theirs_p["p99_ms"], "x", 1.0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
