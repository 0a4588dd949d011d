"""A folder of files that stays within a size: the oldest go first."""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path


class BoundedFolder:
    """Knows what lies in ``folder`` from the first `add` on; nobody else writes there."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._files: deque[tuple[Path, int]] | None = None
        self._total = 0

    def add(self, path: Path) -> int:
        """Takes a file that was just written into account; returns how many older ones had to be deleted for it."""
        if self._files is None:
            found = sorted((stat.st_mtime_ns, other, stat.st_size) for other in self._folder.rglob("*.*") if (stat := other.stat()))
            self._files = deque((other, size) for _, other, size in found if other != path)
            self._total = sum(size for _, size in self._files)
        size = path.stat().st_size
        self._files.append((path, size))
        self._total += size
        deleted = 0
        while self._total > self._most and len(self._files) > 1:
            oldest, freed = self._files.popleft()
            oldest.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                oldest.parent.rmdir()  # only when it was the last one of its day
            self._total -= freed
            deleted += 1
        return deleted
