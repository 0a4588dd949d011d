"""Topics: ``spBv1.0/GROUP/VERB/NODE[/DEVICE]`` and ``spBv1.0/STATE/HOST``."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

NAMESPACE = "spBv1.0"
OLD_STATE = "STATE"
VERBS = ("NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD")
ID = r"^[^/+#\s]+$"
ID_OR_ALL = r"^([^/+#\s]+|\+)$"


class Topic(NamedTuple):
    """Whose message it is, and what it is. ``device`` is "" for the node's own."""

    group: str
    verb: str
    node: str
    device: str = ""

    def __str__(self) -> str:
        levels = (NAMESPACE, self.group, self.verb, self.node, *((self.device,) if self.device else ()))
        return "/".join(levels)


def parse(topic: str) -> Topic | None:
    """None for what is no message of a node or device."""
    levels = topic.split("/")
    if levels[0] != NAMESPACE or len(levels) not in (4, 5) or levels[2] not in VERBS or not all(levels):
        return None
    if (len(levels) == 5) != levels[2].startswith("D"):
        return None
    return Topic(levels[1], levels[2], levels[3], levels[4] if len(levels) == 5 else "")


def state(host: str) -> str:
    """Where a host application says whether it is online."""
    return f"{NAMESPACE}/STATE/{host}"


def old_state(host: str) -> str:
    """The same before version 3.0, with the words ONLINE and OFFLINE as payload."""
    return f"{OLD_STATE}/{host}"


class HostState(NamedTuple):
    """What a host says of itself; ``timestamp`` in ms since 1970, 0 in the old form."""

    online: bool
    timestamp: int = 0

    def payload(self) -> bytes:
        return json.dumps({"online": self.online, "timestamp": self.timestamp}).encode()


def host_state(payload: bytes) -> HostState | None:
    """Reads a STATE message of either form; None for anything else."""
    text = payload.decode("utf-8", "replace").strip()
    if text in ("ONLINE", "OFFLINE"):
        return HostState(text == "ONLINE")
    try:
        told = json.loads(text)
        return HostState(told["online"] is True, int(told["timestamp"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def as_id(name: str) -> str:
    """A name of ours as one level of a topic."""
    return re.sub(r"[/+#\s]", "_", name)
