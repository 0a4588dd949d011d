"""The registry of events, and the file in which a Python program writes its own (the native core writes the same form).

Format: docs/reference/events.md. Invariants: only registered names and attributes are written; numbers rise by one; a line is
handed to the system whole.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnx_common._event_table import EVENTS, EventText

__all__ = ["EVENTS", "EventFile", "EventText", "event_folder", "fits"]

ROTATE_BYTES = 16 * 2**20
_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "json": (str, dict)}


def event_folder() -> Path:
    """Where programs of this machine write their events."""
    chosen = os.environ.get("LNX_EVENT_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "LNX" / "events"
    return Path("/var/lib/lnx/events")


def fits(kind: str, value: object) -> bool:
    """Whether a value has the registered type; null always fits (an unknown value)."""
    if value is None:
        return True
    if kind == "integers":
        return isinstance(value, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if kind == "texts":
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


class EventFile:
    """Appends the events of this process. Any thread may write; opened with the first event."""

    def __init__(self, program: str, folder: Path | None = None, *, durable: bool = False) -> None:
        """``durable``: each event is flushed to the disk before write returns."""
        self._folder = folder or event_folder()
        self._stem = f"{program}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
        self._durable = durable
        self._lock = threading.Lock()
        self._seq = 0
        self._part = 0
        self._handle = -1
        self._bytes = 0
        self._torn = False

    def write(self, event: str, attributes: Mapping[str, Any]) -> int:
        """Writes one event and returns its number. ValueError when the registry does not know it; OSError when the disk refuses."""
        known = EVENTS.get(event)
        if known is None:
            raise ValueError(f"{event} is not in common/events.toml")
        for name, value in attributes.items():
            if name not in known.attributes or not fits(known.attributes[name], value):
                raise ValueError(f"{event}.{name} = {value!r} is not what common/events.toml says")
        with self._lock:
            record = {"seq": self._seq + 1, "time_unix_nano": time.time_ns(), "event": event, "attributes": dict(attributes)}
            line = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
            if self._handle < 0 or self._bytes + len(line) > ROTATE_BYTES:
                self._open()
            if self._torn:
                line = b"\n" + line  # the disk took a part of an earlier line; its reader is told by the hole in the numbers
            written = os.write(self._handle, line)
            self._torn = written != len(line)
            if self._torn:
                raise OSError(f"the disk took {written} of {len(line)} bytes of an event")
            if self._durable:
                os.fsync(self._handle)
            self._seq += 1
            self._bytes += len(line)
            return self._seq

    def close(self) -> None:
        """Closes the file; a later event opens the next part."""
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _open(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._folder / (self._stem + (f".{self._part}" if self._part else "") + ".jsonl")
            self._part += 1
            if not path.exists():
                break
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._handle = os.open(path, flags, 0o644)
        self._bytes = 0
