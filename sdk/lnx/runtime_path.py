"""Finds the ONNX Runtime of this Python environment without importing it.

Importing ``onnxruntime`` would bring a second copy of the library into the process; the core loads the one it is told to, once.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path


def package_folder() -> str | None:
    """Folder of the ``onnxruntime`` package's native library, or None when the package is not installed."""
    spec = importlib.util.find_spec("onnxruntime")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "capi"
        if folder.is_dir():
            return str(folder)
    return None


def choose(runtime_dir: str | os.PathLike[str] | None) -> str | None:
    """What to give the core: the option, else nothing when ``LNX_RUNTIME_DIR`` is set, else the package's folder."""
    if runtime_dir is not None:
        return os.fspath(runtime_dir)
    if os.environ.get("LNX_RUNTIME_DIR"):
        return None
    return package_folder()
