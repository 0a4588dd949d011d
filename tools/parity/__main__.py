"""`python -m tools.parity`: runs the peers and compares; writes docs/parity.md with --write."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np

from tools.parity.compare import LIMITS, compare

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).parent / "peers"
# Script: environment under .cache that has its project.
CASES = {
    "timm_resnet": "parity-venv",
    "transformers_convnext": "parity-venv",
    "timm_multilabel": "parity-venv",
    "yolox_nano": "parity-venv",
    "yolox_raw": "parity-venv",
    "mmdet_rtmdet": "parity-venv",
    "transformers_rtdetr": "parity-venv",
    "transformers_rtdetr_three": "parity-venv",
    "paddle_ppyoloe": "paddle-venv",
    "effdet_d0": "parity-venv",
    "mmdet_masks": "parity-venv",
    "transformers_segformer": "parity-venv",
    "anomalib_padim": "parity-venv",
    "anomalib_raw": "parity-venv",
    "anomalib_engine": "parity-venv",
    "anomalib_patchcore": "parity-venv",
    "paddle_export": "paddle-export-venv",
    "paddle_export_boxes": "paddle-export-venv",
    "transformers_swin2sr": "parity-venv",
}
LIMITATIONS = (
    "- paddledet 2.6.0 does not export with paddlepaddle 3.3.1: its `multiclass_nms3` is no operator of the new programs (`should be",
    "  one of [str, bytes, Variable]`). The export is made with paddlepaddle 2.6.2 and paddle2onnx 1.3.1; the other row uses 3.3.1.",
    "- anomalib 2.7.0 exports PatchCore for exactly two images at a time, and its OpenVINOInferencer cannot name that graph's",
    "  outputs. The container runs one image in it; the TorchInferencer is what the row compares with.",
    "- RTMDet with distances in strides is mmyolo's form; mmyolo is GPL-3.0 and not installed. That form is held against the plain twin",
    "  that was written from its description (`tests/decode/test_twins.py`), as are all others.",
)
WORDS = {"box": "px", "score": "", "map": "of the span", "grey": "grey levels", "mask_iou": "IoU (least)", "unmatched": "unmatched"}


def python_of(name: str) -> Path:
    """The Python of a case's environment, which need not be there."""
    return ROOT / ".cache" / CASES[name] / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def run_case(name: str, folder: Path, images: Path, python: Path | None = None) -> dict[str, Any]:
    """One peer, run by ``python`` or that of its environment, and our comparison with it.

    A peer that is not installed is a row that says so.
    """
    python = python or python_of(name)
    if not python.exists():
        return {"case": name, "skipped": f"no environment .cache/{CASES[name]}"}
    command = [str(python), str(PEERS / f"{name}.py"), str(folder), str(images)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0 or not (folder / "case.json").exists():
        last = (finished.stderr.strip().splitlines() or ["no case was written"])[-1]
        return {"case": name, "skipped": last[:200]}
    return {"case": name, **compare(folder)}


def make_images(folder: Path) -> Path:
    """Photographs of several sizes and shapes, smaller and larger than the inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [(640, 427), (300, 512), (199, 143), (512, 512), (1024, 333), (257, 640)]
    for i, (size, path) in enumerate(zip(sizes, sorted((ROOT / "examples/parts").glob("*.png")), strict=False)):
        part = lnx.read_image(path)
        colour = part if part.ndim == 3 else cv2.cvtColor(part, cv2.COLOR_GRAY2BGR)
        tinted = np.clip(colour * np.array([0.8, 1.0, 1.1]), 0, 255).astype(np.uint8)
        lnx.write_image(folder / f"{i}.png", cv2.resize(tinted, size, interpolation=cv2.INTER_CUBIC))
    return folder


def _told(row: dict[str, Any]) -> str:
    parts = []
    for name, value in row["worst"].items():
        if name == "objects":
            parts.append(f"{int(value)} objects")
        elif name == "unmatched":
            parts.append(f"{int(value)} unmatched")
        elif name == "mask_iou":
            parts.append(f"IoU >= {value:.5f}")
        else:
            parts.append(f"{name} {value:.2g} {WORDS[name]}".strip())
    return ", ".join(parts)


def page(report: dict[str, Any]) -> str:
    """docs/parity.md."""
    own = report["versions"]
    lines = [
        "# Parity with the projects that train the families",
        "",
        "Made by `python3 dev.py parity --write`. For each family a graph of another project's architecture (random weights) is exported,",
        "and that project's own preprocessing and postprocessing are run over photographs, with ONNX Runtime between them.",
        "The answer is compared with what the core gives for the container that `lnx pack --preset` makes, whose goldens must pass the",
        "self-test too. Random scores are spread over a useful range inside the graph.",
        "",
        "Four rows are whole exports: a folder that the project's own exporter wrote (anomalib's engine after fitting and",
        "validating, with its weights beside the graph; PaddleDetection's trainer, then paddle2onnx), packed by",
        "`lnx pack --from-anomalib` or `--from-paddle` with nothing told, and held against the project's own inference:",
        "anomalib's TorchInferencer and OpenVINOInferencer, Paddle itself.",
        "",
        f"Limits: boxes {LIMITS['box']} px, scores {LIMITS['score']}, masks IoU {LIMITS['mask_iou']}, anomaly maps {LIMITS['map']} of",
        "their span, pictures 1 grey level, no object unmatched (one within 0.001 of the threshold may be missing on either side).",
        "",
        f"Ours: LNX Edge {own['lnx-edge']}, ONNX Runtime {own['onnxruntime']}, Python {own['python']}.",
        "",
        "| family | against | images | largest difference | holds |",
        "|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        if "skipped" in row:
            lines.append(f"| {row['case']} | not run: {row['skipped']} | | | |")
            continue
        versions = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
        lines.append(f"| {row['family']} | {versions} | {row['images']} | {_told(row)} | {'yes' if row['holds'] else 'NO'} |")
    lines += ["", "What could not be done, and what stands in:", "", *LIMITATIONS]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.py parity", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="write docs/parity.md")
    parser.add_argument("--only", action="append", choices=list(CASES))
    parser.add_argument("--keep", type=Path, help="folder for graphs and expected results (default: a temporary one)")
    options = parser.parse_args()
    base = options.keep or Path(tempfile.mkdtemp(prefix="lnx-parity-"))
    photographs = make_images(base / "images")
    rows = []
    for name in options.only or CASES:
        rows.append(run_case(name, base / name, photographs))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    if options.keep is None:
        shutil.rmtree(base, ignore_errors=True)
    report = {
        "machine": {"system": platform.platform()},
        "versions": {"python": platform.python_version(), "lnx-edge": version("lnx-edge"), "onnxruntime": version("onnxruntime")},
        "rows": rows,
        "claims": [
            {"name": row["family"], "value": _told(row), "unit": "", "target": "within the limits", "holds": row["holds"]}
            for row in rows
            if "skipped" not in row
        ],
    }
    if options.write:
        (ROOT / "docs/parity.md").write_text(page(report), encoding="utf-8")
    print(json.dumps(report) if options.json else page(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
