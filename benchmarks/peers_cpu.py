"""End to end on the CPU beside what people use instead: OpenVINO Model API, OpenCV DNN, onnxruntime with cv2 and numpy.

The same graph (the demo's segmentation model), the same picture of 1920 x 1200 in memory, the same number of threads; from the picture to
the outlines of every defect in picture coordinates. The four take turns, 20 runs each, so that what else the machine does hits all alike.
OpenVINO runs its own kernels, the others ONNX Runtime's or OpenCV's: what is beside the model is shown apart for ours. Each peer has a
process of its own, and an environment under .cache that is made once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import lnx
import numpy as np
from _report import ROOT, claim, figures, report

sys.path.insert(0, str(ROOT))
from tools.demo import MODEL, PARTS, pack_demo
from tools.dev import machine

PACKAGES = (
    ("openvino==2026.4.1", "openvino-model-api==0.4.7", "opencv-python-headless==4.14.0.94", "onnxruntime==1.31.1", "onnx==1.23.2"),
)
PEERS = {"openvino": "OpenVINO Model API", "opencv": "OpenCV DNN", "onnxruntime": "onnxruntime + cv2"}
ROUNDS, RUNS, THREADS = 15, 20, 1


class Peer:
    """One peer process; `measure` runs it and gives microseconds."""

    def __init__(self, kind: str, picture: Path) -> None:
        python = machine.CACHE / "peers-cpu" / machine.PYTHON.relative_to(machine.VENV)
        command = [python, Path(__file__).with_name("_peer.py"), kind, MODEL, picture, THREADS]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, runs: int) -> list[float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"a peer ended with status {self.process.wait()}")
        times: list[float] = json.loads(answer)
        return times

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def main() -> None:
    machine.side_environment("peers-cpu", PACKAGES)
    image = cv2.resize(lnx.read_image(PARTS / "06.png"), (1920, 1200), interpolation=cv2.INTER_LINEAR)
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.npy"
        np.save(picture, image)
        model, _, public, _ = pack_demo(Path(folder))
        peers = {kind: Peer(kind, picture) for kind in PEERS}
        times: dict[str, list[float]] = {kind: [] for kind in PEERS}
        ours: dict[str, list[int]] = {"total": [], "infer": []}
        with lnx.Session(model, device="cpu", cpu_threads=THREADS, trusted_keys=[public], events=False) as session:
            for peer in peers.values():
                peer.measure(5)
            for _ in range(ROUNDS):
                for _ in range(RUNS):
                    timings = session.run(image).timings
                    for stage, values in ours.items():
                        values.append(timings[stage])
                for kind, peer in peers.items():
                    times[kind] += peer.measure(RUNS)
        for peer in peers.values():
            peer.end()
    beside = np.array(ours["total"]) - np.array(ours["infer"])
    mine = figures(ours["total"])
    rows = [
        {"what": "LNX Edge", **mine},
        {"what": "LNX Edge, beside the model", **figures(beside)},
        *({"what": PEERS[kind], **figures(values)} for kind, values in times.items()),
    ]
    claims = [
        claim(f"{PEERS[kind]} / LNX Edge, median", figures(values)["median_ms"] / mine["median_ms"], "x", 1.0, at_least=True)
        for kind, values in times.items()
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
