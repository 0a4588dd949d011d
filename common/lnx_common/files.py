"""What a service does with files so that a power cut leaves the old or the new content, never a half: the only place that asks
which system this is.

Invariants: a file written here is flushed to the disk before its name changes, and the folder is flushed after it; a lock dies
with its process.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from lnx_common.errors import PlantError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ALREADY_RUNNING = 622
SHARING_RETRIES = 50  # a virus scanner may hold a new file for seconds
SHARING_PAUSE_S = 0.1


def sync_folder(folder: Path) -> None:
    """Flushes a folder's list of names; Windows does that with the rename."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Makes a folder with those above it; their names are flushed too, so that no power cut takes them from under their files."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


def publish(temporary: Path, final: Path) -> None:
    """Gives a finished, flushed file its final name, replacing an older one. Waits up to 5 s while a scanner holds it."""
    for attempt in range(SHARING_RETRIES):
        try:
            temporary.replace(final)
            break
        except PermissionError:
            if sys.platform != "win32" or attempt == SHARING_RETRIES - 1:
                raise
            time.sleep(SHARING_PAUSE_S)
    sync_folder(final.parent)


def write_durably(path: Path, data: bytes, *, private: bool = False) -> None:
    """Writes a whole file: temporary name, flush, rename. ``private``: readable by this account alone (POSIX mode 0600)."""
    make_folder(path.parent)
    temporary = path.with_name(path.name + ".new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600 if private else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    publish(temporary, path)


class InstanceLock:
    """Held by the one process that may write a folder. A second one gets PlantError 622 with the number of the first."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._file: IO[bytes] = path.open("a+b")
        try:
            _lock(self._file)
        except OSError as error:
            self._file.seek(1)
            holder = self._file.read(32).decode("ascii", "replace").strip() or "?"
            self._file.close()
            raise PlantError(ALREADY_RUNNING, where=str(path), found=f"process {holder} works in this folder") from error
        self._file.seek(0)
        self._file.truncate()
        self._file.write(b" " + str(os.getpid()).encode())  # byte 0 is the locked one, the number can be read beside it
        self._file.flush()

    def release(self) -> None:
        """Lets another process begin."""
        self._file.close()

    def __enter__(self) -> InstanceLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
