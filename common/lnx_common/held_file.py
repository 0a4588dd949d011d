"""A database file that is taken away while it is open: deleted, moved with its folder, or replaced by another.

Where a system lets that happen (POSIX; Windows refuses), SQLite goes on with the file that has no name any more, and everything that it
takes from then on is gone at the next start. So whoever promises durability looks, before and after each commit, whether the file is
still the one at its path; when it is not, the open connection still has every row, and `put_back` writes them to a new file there.

Invariants: nothing that is at the path is destroyed (it moves aside under a name that tells when); the new file is flushed before it
gets its name; when putting back fails, the connection is as it was.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from lnx_common.files import make_folder, publish

SUFFIXES = ("", "-wal", "-shm")


class HeldFile:
    """Remembers which file is open. Used by the thread that writes."""

    def __init__(self, path: Path) -> None:
        """``path`` has been opened just now."""
        self.path = path
        self._identity = _identity(path)

    def in_place(self) -> bool:
        """Whether the open file is still the one at its path. Costs one look at the folder, about two microseconds."""
        return _identity(self.path) == self._identity

    def put_back(self, connection: sqlite3.Connection) -> Path | None:
        """Writes what ``connection`` has to a new file at the path; the caller opens that and closes the old connection.

        Returns where a file of somebody else that was in the way is now. Raises OSError or sqlite3.Error while the disk refuses.
        """
        make_folder(self.path.parent)
        fresh = self.path.with_name(self.path.name + ".restored")
        for suffix in SUFFIXES:
            fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
        target = sqlite3.connect(fresh, isolation_level=None)
        try:
            connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # everything in the one file that gets the name
        finally:
            target.close()
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        aside = self._out_of_the_way()
        publish(fresh, self.path)
        self._identity = _identity(self.path)
        return aside

    def _out_of_the_way(self) -> Path | None:
        if not any(self.path.with_name(self.path.name + suffix).exists() for suffix in SUFFIXES):
            return None
        aside = self.path.with_name(f"{self.path.name}.found-{time.time_ns()}")
        for suffix in SUFFIXES:
            other = self.path.with_name(self.path.name + suffix)
            if other.exists():
                publish(other, aside.with_name(aside.name + suffix))
        return aside


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
