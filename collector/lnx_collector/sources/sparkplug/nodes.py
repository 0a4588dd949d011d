"""What is known of an edge node: its metrics as its birth announced them, and how its messages follow each other.

Invariant: an alias, a data type and a unit come from the last birth only; a birth of the node forgets everything before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lnx_collector.sample import Tag
from lnx_collector.sparkplug import values
from lnx_collector.sparkplug.topics import Topic

CYCLE = 256
OWN = ("bdSeq", "Node Control/", "Device Control/", "Node Info/")
"""Metrics that steer the protocol and are no values of the plant."""


class Metric(NamedTuple):
    """A metric as it was born."""

    tag: Tag
    datatype: int


@dataclass
class Node:
    """One edge node with its devices."""

    born: bool = False
    bd_seq: int | None = None
    expected: int = 0
    metrics: dict[tuple[str, str], Metric] = field(default_factory=dict)
    aliases: dict[int, tuple[str, str]] = field(default_factory=dict)

    def begin(self, payload: Any) -> None:
        """The node's own birth: everything before is forgotten, and the count of messages begins."""
        self.born = True
        self.bd_seq = bd_seq_of(payload)
        self.metrics.clear()
        self.aliases.clear()
        self.expected = (int(payload.seq) + 1) % CYCLE

    def missing(self, payload: Any) -> int:
        """How many messages of this node are missing before this one; afterwards the count goes on from it."""
        found = int(payload.seq) % CYCLE
        missing = (found - self.expected) % CYCLE
        self.expected = (found + 1) % CYCLE
        return missing

    def name(self, device: str, metric: Any) -> str:
        """The name that a data message means by name or alias; "" when no birth told of it."""
        if metric.name or not metric.HasField("alias"):
            return str(metric.name)
        owner, name = self.aliases.get(metric.alias, ("", ""))
        return name if owner == device else ""

    def tags(self, device: str | None = None) -> list[str]:
        """Names of the tags of a device; None = of all, and of the node itself."""
        return [known.tag.name for (owner, _), known in self.metrics.items() if device is None or owner == device]


def bd_seq_of(payload: Any) -> int | None:
    """The number that ties a death to its birth."""
    for metric in payload.metrics:
        if metric.name == "bdSeq":
            return int(metric.long_value or metric.int_value)
    return None


def flattened(metrics: Any, name_of: Callable[[Any], str], prefix: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """(name, metric) of each metric, "" where ``name_of`` knows none; those inside a template come as TEMPLATE/METRIC."""
    found: list[tuple[str, Any]] = []
    for metric in metrics:
        name = name_of(metric)
        full = f"{prefix}{name}" if name else ""
        template = metric.template_value if metric.WhichOneof("value") == "template_value" else None
        if template is None or template.is_definition or not full or depth >= values.DEEPEST:
            found.append((full, metric))
        else:
            found += flattened(template.metrics, lambda inner: str(inner.name), f"{full}/", depth + 1)
    return found


def is_own(name: str) -> bool:
    """True for metrics of the protocol itself."""
    return name.startswith(OWN)


def tag_of(pattern: str, source: str, topic: Topic, name: str, metric: Any, datatype: int) -> Tag:
    """The tag for a metric of a birth."""
    parts = {key: _safe(text) for key, text in (("group", topic.group), ("node", topic.node), ("device", topic.device), ("metric", name))}
    named = re.sub(r"\.{2,}", ".", pattern.format(**parts)).strip(".")
    unit, description = (values.property_of(metric, key) for key in (values.UNIT, values.DESCRIPTION))
    return Tag(named, source, values.kind_of(datatype), str(unit or ""), str(description or ""))


def _safe(text: str) -> str:
    return re.sub(r"[\s\\*?\[\]]", "_", text.replace("/", "."))
