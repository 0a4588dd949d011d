"""A file that only takes room: given up first when the disk is full, so that what matters can still be written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

CHUNK = 2**20


class Reserve:
    """``size`` bytes at ``path``; 0 = none."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def fill(self) -> None:
        """Takes the room when the disk has four times as much to spare; silently does without otherwise."""
        try:
            if not self._size or (self._path.exists() and self._path.stat().st_size >= self._size):
                return
            if shutil.disk_usage(self._path.parent).free < 4 * self._size:
                return
            with self._path.open("wb") as file:
                for begin in range(0, self._size, CHUNK):
                    file.write(os.urandom(min(CHUNK, self._size - begin)))  # random: a compressing file system must keep it
        except OSError:
            self._path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Gives the room back; False when it was given already."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
