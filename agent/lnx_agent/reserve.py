"""Disk space set aside, so that on a full disk there is room to account for it and to seal what was accepted."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

STEP = 1 << 20


class Reserve:
    """One file of real bytes (not sparse) that is deleted when the disk refuses and made again when there is room."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size
        self.keep()

    def release(self) -> None:
        """Gives the space back to whoever needs it now."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def keep(self) -> None:
        """Makes the file again once the disk has three times its size free. Never fails."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size >= self._size:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self._path.parent).free < 3 * self._size:
                return
            with self._path.open("wb") as file:
                for _ in range(self._size // STEP):
                    file.write(os.urandom(STEP))
