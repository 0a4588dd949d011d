"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from lnx_common.files import publish

from lnx_collector.historian.part import FOLDER, Part


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


def publish_part(data: Path, write: Callable[[Path], Part]) -> Part:
    """``write`` makes a synced file with the name it is given; it then gets its own: after a crash there is the whole file or none.

    The temporary name is used once, so that a process that a crash left behind cannot write into a file of its successor.
    """
    temporary = data / FOLDER / f"{uuid.uuid4().hex}.partial"
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        part = write(temporary)
        path = data / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        publish(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # Windows: whoever writes it is just being ended; `Roller.tidy` finds it
            temporary.unlink(missing_ok=True)
        raise
    return part


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
