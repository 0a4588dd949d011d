"""Records that an upstream refuses for good: kept on the machine, replayable, and declared in the stream with their hash.

One file per record in `deadletter/<uplink>/<stream>-<number>.json`: {"uid", "reason", "time", "record"} with the record in base64.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

from lnx_common.durable_log import Entry
from lnx_common.files import write_durably


class DeadLetters:
    """The store of one uplink."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, stream: str, entry: Entry, reason: str) -> None:
        """Durable when it returns; keeping the same record again changes nothing that matters."""
        value = {"stream": stream, "seq": entry.seq, "time_ns": entry.time_ns, "reason": reason, "kept": int(time.time())}
        text = json.dumps({**value, "record": base64.b64encode(entry.body).decode()}).encode()
        write_durably(self._path(stream, entry.seq), text)

    def letters(self) -> Iterator[tuple[str, Entry]]:
        """Every record that waits here, as (stream, entry)."""
        for path in sorted(self.folder.glob("*.json")):
            value = json.loads(path.read_bytes())
            yield value["stream"], Entry(value["seq"], value["time_ns"], base64.b64decode(value["record"]))

    def count(self) -> int:
        return sum(1 for _ in self.folder.glob("*.json"))

    def remove(self, stream: str, seq: int) -> None:
        """After the upstream has taken it."""
        self._path(stream, seq).unlink(missing_ok=True)

    def _path(self, stream: str, seq: int) -> Path:
        return self.folder / f"{stream}-{seq:012d}.json"
