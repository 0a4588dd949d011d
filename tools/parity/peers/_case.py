"""What a peer script leaves behind: model.onnx, and one case.json with the images' expected results. Runs in the peer's environment."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

FOLDER = Path(sys.argv[1])
IMAGES = sorted(Path(sys.argv[2]).glob("*.png"))
FOLDER.mkdir(parents=True, exist_ok=True)
MODEL = FOLDER / "model.onnx"


def session(graph: Path = MODEL) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # as on the other side: sums in another order would not be ours to explain
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def save_array(name: str, array: Any) -> str:
    np.save(FOLDER / name, np.asarray(array))
    return name


def write(
    family: str,
    preset: str,
    labels: list[str],
    options: dict[str, Any],
    expected: list[dict[str, Any]],
    packages: list[str],
    source: list[str] | None = None,
) -> None:
    """expected: one per image, with objects, classes, label_map, score, score_map, or image; arrays by file name.

    source: how an export is packed that says everything itself, e.g. ["--from-anomalib", "export"]: the flag, and the folder beside the case.
    """
    case = {
        "family": family,
        "preset": preset,
        "labels": labels,
        "options": options,
        "images": [str(path) for path in IMAGES],
        "expected": expected,
        "versions": {name: version(name) for name in packages},
        "source": source,
    }
    (FOLDER / "case.json").write_text(json.dumps(case), encoding="utf-8")
