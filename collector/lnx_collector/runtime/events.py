"""The collector's own events, one JSON line each, in the folder and the form of the core's event log (docs/reference/events.md).

Writing never fails or delays what it tells about: without a folder, or on a disk that refuses, events are counted and the count is
written as `lnx.loss` when writing works again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

ROTATE = 16 * 2**20


def default_folder() -> Path | None:
    """``LNX_EVENT_DIR``, else the system's folder when it exists."""
    chosen = os.environ.get("LNX_EVENT_DIR")
    if chosen:
        return Path(chosen)
    system = (
        Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "LNX" / "events"
        if sys.platform == "win32"
        else Path("/var/lib/lnx/events")
    )
    return system if system.is_dir() else None


class EventLog:
    """One file per start of the process, rotated by size."""

    def __init__(self, folder: Path | None, program: str = "lnx-collect") -> None:
        self._folder = folder
        self._program = program
        self._file: IO[str] | None = None
        self._seq = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def write(self, event: str, **attributes: Any) -> None:
        """``event`` is a name of docs/reference/events.md; attributes are JSON values without personal data."""
        if self._folder is None:
            return
        with self._lock:  # the historian tells from its own thread
            self._write(event, attributes)

    def _write(self, event: str, attributes: dict[str, Any]) -> None:
        try:
            file = self._open()
            if self._dropped:
                self._line(file, "lnx.loss", {"count": self._dropped})
                self._dropped = 0
            self._line(file, event, attributes)
            file.flush()
        except OSError:
            self._dropped += 1
            self._file = None

    def _open(self) -> IO[str]:
        if self._file is not None and self._file.tell() >= ROTATE:
            self.close()
        if self._file is None and self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._program}-{time.time_ns()}-{os.getpid()}.jsonl"
            self._file = path.open("a", encoding="utf-8", newline="\n")
        if self._file is None:
            raise OSError("no folder")
        return self._file

    def _line(self, file: IO[str], event: str, attributes: dict[str, Any]) -> None:
        self._seq += 1
        line = {"seq": self._seq, "time_unix_nano": time.time_ns(), "event": event, "attributes": attributes}
        file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
