"""The contract of an uplink, and what the agent lends it.

An uplink runs in its own thread until the stop signal; it reads records from the ledger in order, moves its position only after its
upstream has confirmed them, and never drops one: what is refused for good becomes a dead letter. Its state is visible in `status`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lnx_common.service import StopSignal

from lnx_agent.ledger import Ledger

Tell = Callable[[str, Mapping[str, Any]], object]
"""Appends an event of the agent itself to the live stream; never raises; False when the disk refused it."""


@dataclass
class UplinkStatus:
    """What people see. ``state``: up, retrying or refused; ``reason``: word for the last failure; times are wall clock seconds."""

    name: str
    kind: str
    state: str = "up"
    reason: str = ""
    detail: str = ""
    delivered: dict[str, int] = field(default_factory=dict)
    confirmed: dict[str, int] = field(default_factory=dict)
    dead_letters: int = 0
    records: int = 0
    requests: int = 0
    wire_bytes: int = 0
    last_success: float = 0.0


@dataclass
class Lent:
    """What an uplink gets: the ledger, a folder for its state, a way to tell, and the newest checkpoint (stream, size, note)."""

    ledger: Ledger
    folder: Path
    tell: Tell
    version: str
    identity: Mapping[str, str]
    checkpoint: Callable[[], tuple[str, int, str] | None]
    wake: threading.Event


class Uplink(Protocol):
    """One way upstream."""

    status: UplinkStatus

    def run(self, stop: StopSignal) -> None:
        """Delivers until asked to stop."""


def change_state(status: UplinkStatus, tell: Tell, state: str, reason: str = "", detail: str = "") -> None:
    """Sets the state, and tells it in the stream when it really changed."""
    changed = (status.state, status.reason) != (state, reason)
    status.state, status.reason, status.detail = state, reason, detail
    if state == "up":
        status.last_success = time.time()
    if changed:
        tell("agent.uplink", {"uplink": status.name, "state": state, "reason": reason})
