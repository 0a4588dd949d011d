"""Tries a graph on other versions of ONNX Runtime, each in a process of its own, and says which of them cannot run it, and why.

A version is a folder as `pip install --target` makes it (or its `onnxruntime/capi`). Two copies of ONNX Runtime in one process are asking
for trouble, so every trial is a new process that imports the folder's package.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ("1.31.1", "1.26.0")  # versions that the product is tested with
VARIABLE = "LNX_PACK_RUNTIMES"  # folders of further versions, separated as PATH is

TRIAL = """
import json, sys
told = {"version": "", "error": ""}
try:
    import numpy, onnxruntime
    told["version"] = onnxruntime.__version__
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8", "tensor(int64)": "int64",
             "tensor(int32)": "int32", "tensor(uint16)": "uint16", "tensor(bool)": "bool"}
    sizes = json.loads(sys.argv[2])
    session.run(None, {i.name: numpy.ones(sizes[i.name], types[i.type]) for i in session.get_inputs()})
except Exception as error:
    told["error"] = str(error).splitlines()[0][:500]
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Trial:
    """One version: ``error`` is empty when the graph ran on a neutral input."""

    folder: str
    version: str
    error: str
    fix: str

    def text(self) -> str:
        return f"ONNX Runtime {self.version or '?'} ({self.folder}) cannot run this graph: {self.error}; {self.fix}"


def folders(given: Sequence[str | Path]) -> list[str | Path]:
    """The given folders and those that LNX_PACK_RUNTIMES names, each once."""
    named = [part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    return list(dict.fromkeys([*given, *named]))


def untried(own: str, trials: Sequence[Trial]) -> list[str]:
    """Supported versions that the graph was run on neither here nor in a trial. ``own``: the version that packing itself runs."""
    tried = {own, *(trial.version for trial in trials)}
    return [version for version in SUPPORTED if version not in tried]


def _package_folder(folder: Path) -> Path:
    """The folder that has the package ``onnxruntime`` in it."""
    return folder.parents[1] if folder.name == "capi" else folder


def explain(error: str) -> str:
    """What to do about a message of ONNX Runtime."""
    missing = re.search(r"Could not find an implementation for (\w+)\((\d+)\)", error)
    if missing:
        return (
            f"operator {missing[1]} has no kernel there for the types of this graph (often float64): export it in float32, fold it into a "
            f"constant (RT-DETR: set anchor_image_size), or use the newer version on the line"
        )
    if "opset" in error.lower() or "IR version" in error:
        return "export with a lower opset or IR version, or use the newer version on the line"
    return "export for that version, or use the one that runs it on the line"


def try_runtimes(onnx: str | Path, sizes: dict[str, list[int]], folders: Sequence[str | Path], timeout: float = 300) -> list[Trial]:
    """Runs the graph once per folder. ``sizes``: a full shape for each input."""
    trials = []
    for folder in folders:
        package = _package_folder(Path(folder))
        told = {"version": "", "error": ""}
        if not (package / "onnxruntime").is_dir():
            told["error"] = "no package onnxruntime there"
        else:
            environment = {**os.environ, "PYTHONPATH": str(package), "ORT_DISABLE_TELEMETRY": "1"}
            command = [sys.executable, "-c", TRIAL, str(onnx), json.dumps(sizes)]
            try:
                done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
                told = (
                    json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {**told, "error": f"ended with {done.returncode}"}
                )
            except subprocess.TimeoutExpired:
                told["error"] = f"no answer within {timeout:.0f} s"
        trials.append(Trial(str(folder), told["version"], told["error"], explain(told["error"]) if told["error"] else ""))
    return trials
