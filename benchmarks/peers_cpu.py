"""End to end on the CPU beside what people use instead: OpenVINO, OpenCV DNN, onnxruntime with cv2 and numpy, per family.

The same graph, the same picture of 1920 x 1200 in memory, the same number of threads; from the picture to class scores, boxes after
suppression, or the outlines of every defect in picture coordinates. All take turns, 20 runs each, so that what else the machine does hits
all alike. OpenVINO runs its own kernels, the others ONNX Runtime's or OpenCV's: what is beside the model is shown apart for ours. Each
peer has a process of its own, and an environment under .cache that is made once.

Segmentation runs the demo's model. The other families run models from a folder that LNX_CORPUS names (as tests/corpus does), and are left
out without it. OpenVINO means its Model API where that has a wrapper for the graph (classification, segmentation), else its core with
numpy. When LNX_ANOMALIB_PYTHON names a Python with anomalib (`dev.py parity` makes one, .cache/parity-venv), the anomaly rows run a PaDiM
that anomalib has fitted and exported, and its inferencer takes part.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import lnx
import numpy as np
from _report import ROOT, claim, figures, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack

sys.path.insert(0, str(ROOT))
from tools.demo import MODEL, PARTS, pack_demo
from tools.dev import machine

PACKAGES = (
    ("openvino==2026.4.1", "openvino-model-api==0.4.7", "opencv-python-headless==4.14.0.94", "onnxruntime==1.31.1", "onnx==1.23.2"),
)
PEERS = {"openvino": "OpenVINO", "opencv": "OpenCV DNN", "onnxruntime": "onnxruntime + cv2", "anomalib": "anomalib inferencer"}
CORPUS = {"classification": "cls_texture", "detection": "det_digits_yolox", "anomaly": "anom_padim_brick"}
PRESETS = {"classification": "classification", "detection": "yolox", "anomaly": "anomaly"}
ROUNDS, RUNS, THREADS = 15, 20, 1
Job = dict[str, Any]


class Peer:
    """One peer process; `measure` runs it and gives microseconds."""

    def __init__(self, kind: str, job: Path, python: Path) -> None:
        command = [python, Path(__file__).with_name("_peer.py"), kind, job]
        self.process = subprocess.Popen(
            [str(word) for word in command], cwd=job.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.told: dict[str, Any] = json.loads(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(("[", "{")):
                return line
        raise SystemExit(f"a peer ended with status {self.process.wait()}")

    def measure(self, runs: int) -> list[float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        times: list[float] = json.loads(self._line())
        return times

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def demo(place: Path) -> tuple[Job, Path, Path]:
    """The demo's model: job for the peers, container, key."""
    model, _, public, _ = pack_demo(place)
    job = {"family": "segmentation", "model": str(MODEL), "size": [256, 256], "mean": [0, 0, 0], "std": [1, 1, 1], "output": 0}
    return {**job, "classes": [1, 2, 3], "labels": ["scratch", "dent", "stain"]}, model, public


def of_corpus(family: str, folder: Path, place: Path) -> tuple[Job, Path, Path]:
    items = json.loads((folder / "index.json").read_text(encoding="utf-8"))["items"]
    item = next(entry for entry in items if entry["id"] == CORPUS[family])
    threshold = item.get("score_threshold", item.get("threshold", 0.5))
    private, public = new_container_key(place, family)
    options = {"colour": "RGB", "scale": 1 / 255, "lib": "opencv", "interp": "linear", "resize": "stretch", "threshold": threshold}
    options |= {key: item["input"][key] for key in ("mean", "std")}
    if family == "detection":
        options["iou"] = item["nms_iou"]
    model = place / f"{family}.lnx"
    labels, images = item["labels"], [folder / path for path in item["images"][:2]]
    signing = load_signing_key(private)
    pack(folder / item["model"], model, preset=PRESETS[family], labels=labels, images=images, options=options, signing_key=signing)
    with lnx.Session(model, device="cpu", trusted_keys=[public], events=False) as session:
        names = [output["name"] for output in session.describe()["outputs"]]
    job = {"family": family, "model": str(folder / item["model"]), "size": item["input"]["size"], "labels": labels, "threshold": threshold}
    job |= {"mean": item["input"]["mean"], "std": item["input"]["std"], "iou": item.get("nms_iou", 0.5), "classes": [1]}
    job["output"] = next((i for i, name in enumerate(names) if "map" in name), 0)
    job["image"] = str(folder / item["images"][-1])
    return job, model, public


def of_anomalib(python: Path, place: Path) -> tuple[Job, Path, Path]:
    """A PaDiM fitted on the demo's parts and exported by anomalib, as `dev.py parity` does it."""
    folder, images = place / "padim", place / "padim-images"
    images.mkdir()
    for path in sorted(PARTS.glob("*.png"))[:6]:
        picture = lnx.read_image(path)
        lnx.write_image(images / path.name, picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    script = ROOT / "tools/parity/peers/anomalib_padim.py"
    subprocess.run([str(python), str(script), str(folder), str(images)], check=True, capture_output=True)
    private, public = new_container_key(place, "anomaly")
    model, graph = place / "anomaly.lnx", folder / "model.onnx"
    pack(
        graph,
        model,
        preset="anomaly",
        labels=[],
        images=sorted(images.glob("*.png"))[:2],
        options={},
        signing_key=load_signing_key(private),
    )
    with lnx.Session(model, device="cpu", trusted_keys=[public], events=False) as session:
        told = session.describe()
    side = told["inputs"][0]["shape"][-1]
    names = [output["name"] for output in told["outputs"]]
    job = {"family": "anomaly", "model": str(graph), "anomalib": str(graph), "size": [side, side], "mean": [0, 0, 0], "std": [1, 1, 1]}
    return {**job, "threshold": 0.5, "output": names.index("anomaly_map"), "classes": [1], "labels": []}, model, public


def cases(place: Path) -> Iterator[tuple[Job, Path, Path]]:
    yield demo(place)
    folder, anomalib = os.environ.get("LNX_CORPUS"), os.environ.get("LNX_ANOMALIB_PYTHON")
    for family in CORPUS if folder else ():
        if family != "anomaly" or not anomalib:
            yield of_corpus(family, Path(folder or ""), place)
    if anomalib:
        yield of_anomalib(Path(anomalib), place)


def measured(job: Job, model: Path, public: Path, place: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and claims of one family."""
    family = job["family"]
    image = cv2.resize(lnx.read_image(Path(job.get("image", PARTS / "06.png"))), (1920, 1200), interpolation=cv2.INTER_LINEAR)
    np.save(place / f"{family}.npy", image)
    file = place / f"{family}.json"
    file.write_text(json.dumps({**job, "picture": str(place / f"{family}.npy"), "threads": THREADS}), encoding="utf-8")
    own = machine.CACHE / "peers-cpu" / machine.PYTHON.relative_to(machine.VENV)
    pythons = dict.fromkeys(("openvino", "opencv", "onnxruntime"), own)
    if "anomalib" in job:
        pythons["anomalib"] = Path(os.environ["LNX_ANOMALIB_PYTHON"])
    started = {kind: Peer(kind, file, python) for kind, python in pythons.items()}
    peers = {kind: peer for kind, peer in started.items() if "cannot" not in peer.told}
    times: dict[str, list[float]] = {kind: [] for kind in peers}
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
    for peer in started.values():
        peer.end()
    beside = np.array(ours["total"]) - np.array(ours["infer"])
    mine = figures(ours["total"])
    rows = [
        {"family": family, "what": "LNX Edge", **mine},
        {"family": family, "what": "LNX Edge, beside the model", **figures(beside)},
        *({"family": family, "what": PEERS[kind], **figures(values)} for kind, values in times.items()),
        *({"family": family, "what": PEERS[kind], "cannot": peer.told["cannot"]} for kind, peer in started.items() if kind not in peers),
    ]
    claims = [
        claim(f"{family}: {PEERS[kind]} / LNX Edge, median", figures(values)["median_ms"] / mine["median_ms"], "x", 1.0, at_least=True)
        for kind, values in times.items()
    ]
    return rows, claims


def main() -> None:
    machine.side_environment("peers-cpu", PACKAGES)
    rows, claims = [], []
    with TemporaryDirectory() as folder:
        for job, model, public in cases(Path(folder)):
            more_rows, more_claims = measured(job, model, public, Path(folder))
            rows += more_rows
            claims += more_claims
    report(rows, claims)


if __name__ == "__main__":
    main()
