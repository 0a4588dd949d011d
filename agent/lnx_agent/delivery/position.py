"""How far an uplink has got in each stream: one small file per uplink, replaced whole after every accepted batch.

A lost or damaged file costs duplicates, never records: the uplink begins again at zero and the receiver knows what it has.
"""

from __future__ import annotations

import json
from pathlib import Path

import crc32c
from lnx_common.files import write_durably


class Positions:
    """``next[stream]``: everything below was accepted upstream. ``confirmed[stream]``: size of the last counter-signed checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.next: dict[str, int] = {}
        self.confirmed: dict[str, int] = {}
        try:
            text = path.read_bytes()
            value = json.loads(text[9:])
            if int(text[:8], 16) == crc32c.crc32c(text[9:]):
                self.next = {str(k): int(v) for k, v in value["next"].items()}
                self.confirmed = {str(k): int(v) for k, v in value["confirmed"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass

    def save(self) -> None:
        """Durable when it returns."""
        text = json.dumps({"next": self.next, "confirmed": self.confirmed}).encode()
        write_durably(self._path, f"{crc32c.crc32c(text):08x}\n".encode() + text)
