"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from lnx_common.files import publish


def write_whole(path: Path, fill: Callable[[Path], None]) -> None:
    """``fill`` writes a temporary file beside ``path``, which is synced and then renamed: after a crash there is the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        fill(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        publish(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
