"""The common form of all benchmarks: rows of figures, claims with their targets, machine and versions."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for scripts that import onnxruntime themselves


def testing() -> ModuleType:
    """lnx_testing of the release preset."""
    sys.path.insert(0, os.environ.get("LNX_TESTING_DIR", str(ROOT / "build/release/native/python")))
    return importlib.import_module("lnx_testing")


def figures(micros: Any) -> dict[str, float]:
    """Median and 99th percentile in milliseconds."""
    p50, p99 = np.percentile(np.asarray(micros, np.float64), [50, 99]) / 1000
    return {"median_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}


def claim(name: str, value: float, unit: str, target: float, *, at_least: bool) -> dict[str, Any]:
    sign = ">=" if at_least else "<="
    return {
        "name": name,
        "value": round(float(value), 4),
        "unit": unit,
        "target": f"{sign} {target}",
        "holds": bool(value >= target if at_least else value <= target),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def report(rows: list[dict[str, Any]], claims: list[dict[str, Any]]) -> None:
    """Prints JSON with --json, a table otherwise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    packages = ("lnx-edge", "onnxruntime", "numpy", "opencv-python-headless")
    told = {
        "machine": {"processor": processor(), "cpus": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "rows": rows,
        "claims": claims,
    }
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    for entry in claims:
        print(f"{'holds' if entry['holds'] else 'MISSED':7} {entry['name']}: {entry['value']} {entry['unit']} (target {entry['target']})")
