"""A machine with a GPU that is none: the doubles of native/tests/gpu_double, and programs that run with them in processes of their own.

ONNX Runtime is the real one for the CPU behind a CUDA provider that only says so; device memory is memory of this PC, and the kernels run
as the C++ that they also are. Numbers are therefore real, times are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("LNX_GPU_DOUBLE_DIR", ROOT / "build/release/native/tests/gpu_double"))
DRIVER = FOLDER / "libcuda_double.so"
RUNTIME = FOLDER / "libonnxruntime.so"

PRELUDE = """
import ctypes, json, os, sys, threading, time
import cv2
import numpy as np
import lnx
driver = ctypes.CDLL(os.environ["LNX_CUDA_DRIVER"])
driver.double_number.restype = ctypes.c_int64
runtime = ctypes.CDLL(os.path.join(os.environ["LNX_RUNTIME_DIR"], "libonnxruntime.so"))
runtime.double_ort_number.restype = ctypes.c_int64
runtime.double_ort_options.restype = ctypes.c_char_p
def number(name): return int(driver.double_number(name.encode()))
def ort(name): return int(runtime.double_ort_number(name.encode()))
def options(): return dict(pair.split("=") for pair in runtime.double_ort_options().decode().split(";") if pair)
told = {}
arguments = json.loads(sys.argv[1])
def session(path=None, device="cuda:0", **more):
    return lnx.Session(path or arguments["model"], device=device, trusted_keys=[arguments["key"]], events=False, **more)
def plain(result):
    document = result.to_dict()
    for key in ("timings_us", "sequence", "provider", "used", "reason"): document.pop(key, None)
    return document
def error(call):
    try: call()
    except lnx.LnxError as caught: return [caught.status, caught.found, caught.expected]
    return None
def finish(): print(json.dumps(told))
"""


def on_gpu(program: str, model: Path, key: Path, _environment: dict[str, str] | None = None, **arguments: Any) -> dict[str, Any]:
    """Runs a program after PRELUDE; gives what it put into ``told``. ``_environment`` sets the doubles up."""
    if not DRIVER.exists():
        pytest.skip("the doubles are not built: cmake --preset release && cmake --build build/release")
    from lnx import runtime_path

    folder = os.environ.get("LNX_RUNTIME_DIR") or runtime_path.package_folder()
    assert folder, "neither LNX_RUNTIME_DIR nor the package onnxruntime"
    real = next(path for path in sorted(Path(folder).glob("libonnxruntime.so*")) if path.is_file())
    environment = {
        **os.environ,
        "LNX_CUDA_DRIVER": str(DRIVER),
        "LNX_RUNTIME_DIR": str(FOLDER),
        "LNX_DOUBLE_REAL_ORT": str(real),
        **(_environment or {}),
    }
    given = json.dumps({"model": str(model), "key": str(key), **arguments})
    command = [sys.executable, "-c", PRELUDE + program + "\nfinish()\n", given]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
