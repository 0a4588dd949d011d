"""A disk that fails on demand for one process: errors, a disk that is full or slow, and power cuts that take what was not flushed.

The C part (disk/faults.c) is built here with the system's compiler and preloaded into the agent. It keeps beside the folder what an
honest disk would have at any instant; `cut_power` makes the folder into that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("disk") / "faults.c"
AVAILABLE = sys.platform == "linux" and shutil.which("cc") is not None
needs_disk_faults = pytest.mark.skipif(not AVAILABLE, reason="the failing disk is preloaded, which needs Linux and a C compiler")


class FailingDisk:
    """The folder ``root``, which must exist, behind a disk that can be told to fail."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self._shadow, self._control = root.resolve(), scratch / "shadow", scratch / "control"
        self._library = scratch / "faults.so"
        scratch.mkdir(parents=True, exist_ok=True)
        strict = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["cc", *strict, "-o", str(self._library), str(SOURCE), "-ldl"], check=True)
        self._remember()

    def environment(self) -> dict[str, str]:
        """For the process whose disk this is."""
        settings = {"LNX_DISK_ROOT": self.root, "LNX_DISK_SHADOW": self._shadow, "LNX_DISK_CONTROL": self._control}
        return {**os.environ, **{name: str(path) for name, path in settings.items()}, "LD_PRELOAD": str(self._library)}

    @contextmanager
    def failing(self, *words: str) -> Iterator[None]:
        """While this lasts, things go wrong as the head of faults.c says."""
        self._control.write_text(" ".join(words), encoding="ascii")
        try:
            yield
        finally:
            self._control.unlink()

    def cut_power(self) -> None:
        """The folder becomes what was flushed; the process must be dead."""
        rebuilt = self.root.with_name(self.root.name + ".rebuilt")
        self._rebuild(rebuilt, self.root.stat().st_ino)
        shutil.rmtree(self.root)
        rebuilt.rename(self.root)
        self._remember()

    def _rebuild(self, target: Path, inode: int) -> None:
        target.mkdir()
        names = self._shadow / f"d{inode}"
        for line in names.read_bytes().split(b"\0")[:-1] if names.exists() else []:
            about, _, name = line.decode().partition(" ")
            kind, number = about[0], int(about[1:])
            if kind == "d":
                self._rebuild(target / name, number)
                continue
            content = self._shadow / f"f{number}"
            if content.exists():
                shutil.copy(content, target / name)
            else:
                (target / name).touch()

    def _remember(self) -> None:
        """Everything that is there when the machine starts is on the disk."""
        shutil.rmtree(self._shadow, ignore_errors=True)
        (self._shadow / "kept").mkdir(parents=True)
        for folder in [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]:
            lines = b""
            for path in folder.iterdir():
                inode = path.stat().st_ino
                lines += f"{'d' if path.is_dir() else 'f'}{inode} {path.name}".encode() + b"\0"
                if path.is_file():
                    shutil.copy(path, self._shadow / f"f{inode}")
            (self._shadow / f"d{folder.stat().st_ino}").write_bytes(lines)
