"""What a Sparkplug edge node says: births with every metric it has, then data by alias, numbered. No I/O.

Invariants
  - the first message is the node's birth with number 0; each further one has the next number, 255 is followed by 0
  - data is only sent of metrics that the last birth announced, with a data type that can carry the value; `data` says when it cannot
  - an alias means the same metric for the life of this object
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lnx_collector.contract import Row
from lnx_collector.sample import Sample, Tag
from lnx_collector.sparkplug import values
from lnx_collector.sparkplug.schema import Payload
from lnx_collector.sparkplug.topics import Topic, as_id

CYCLE = 256
MS = 1_000_000
Message = tuple[str, bytes]


@dataclass
class _Metric:
    """One metric; ``last`` is what was sent of it last."""

    name: str
    alias: int
    datatype: int
    tag: Tag
    born: bool = False
    last: Sample | None = None


class EdgeNode:
    """The metrics of one edge node, and the number of its next message."""

    def __init__(self, group: str, node: str, stream: str, *, devices: bool, historical_after: float) -> None:
        self._group = group
        self._node = node
        self._stream = stream
        self._devices = devices
        self._historical_after = int(historical_after * 1e9)
        self._metrics: dict[str, dict[str, _Metric]] = {"": {}}
        self._aliases = 0
        self._number = 0

    def death(self, bd_seq: int, now: int) -> Message:
        """The will of a connection: the node is gone."""
        payload = Payload(timestamp=now // MS)
        payload.metrics.add(name="bdSeq", datatype=values.INT64, timestamp=now // MS, long_value=bd_seq)
        return str(Topic(self._group, "NDEATH", self._node)), payload.SerializeToString()

    def learn(self, rows: Iterable[Row]) -> bool:
        """Makes room for the tags and values of ``rows``; True when a birth must announce something first."""
        changed = False
        for row in rows:
            metrics = self._metrics.setdefault(self._device(row.tag), {})
            metric = metrics.get(row.tag.name)
            if metric is None:
                self._aliases += 1
                name = row.tag.name.replace(".", "/")
                metric = metrics[row.tag.name] = _Metric(name, self._aliases, values.TYPE_OF_KIND[row.tag.kind], row.tag)
            datatype = values.fitting(metric.datatype, row.sample.value)
            if datatype != metric.datatype or row.tag != metric.tag or not metric.born:
                metric.datatype, metric.tag, metric.born, changed = datatype, row.tag, False, True
        return changed

    def birth(self, bd_seq: int, now: int) -> list[Message]:
        """The birth of the node and of each device, with the value that was sent last of each metric."""
        self._number = 0
        return [self._born(device, bd_seq, now) for device in self._metrics]

    def _born(self, device: str, bd_seq: int, now: int) -> Message:
        payload = Payload(timestamp=now // MS, seq=self._next())
        if not device:
            payload.metrics.add(name="bdSeq", datatype=values.INT64, timestamp=now // MS, long_value=bd_seq)
            payload.metrics.add(name="Node Control/Rebirth", datatype=values.BOOLEAN, timestamp=now // MS, boolean_value=False)
            payload.metrics.add(name="Node Info/Stream", datatype=values.STRING, timestamp=now // MS, string_value=self._stream)
        for metric in self._metrics[device].values():
            last = metric.last
            time = now if last is None else last.time
            added = payload.metrics.add(name=metric.name, alias=metric.alias, datatype=metric.datatype, timestamp=time // MS)
            values.put(added, metric.datatype, None if last is None else last.value, 0 if last is None else last.quality)
            for key, text in ((values.UNIT, metric.tag.unit), (values.DESCRIPTION, metric.tag.description)):
                if text:
                    values.put_property(added, key, values.STRING, text)
            metric.born = True
        return self._topic("BIRTH", device), payload.SerializeToString()

    def data(self, rows: Sequence[Row], now: int) -> list[Message]:
        """One message per device, each sample in its order with the property `seq`. `learn` and `birth` come first."""
        payloads: dict[str, Any] = {}
        for row in rows:
            device = self._device(row.tag)
            metric = self._metrics[device][row.tag.name]
            payload = payloads.setdefault(device, Payload(timestamp=now // MS))
            added = payload.metrics.add(alias=metric.alias, timestamp=row.sample.time // MS, datatype=metric.datatype)
            if now - row.sample.receive_time > self._historical_after:
                added.is_historical = True
            values.put(added, metric.datatype, row.sample.value, row.sample.quality)
            values.put_property(added, values.SEQ, values.UINT64, row.seq)
            metric.last = row.sample
        for payload in payloads.values():
            payload.seq = self._next()
        return [(self._topic("DATA", device), payload.SerializeToString()) for device, payload in payloads.items()]

    def _next(self) -> int:
        number, self._number = self._number, (self._number + 1) % CYCLE
        return number

    def _device(self, tag: Tag) -> str:
        return as_id(tag.source) if self._devices else ""

    def _topic(self, what: str, device: str) -> str:
        return str(Topic(self._group, f"{'D' if device else 'N'}{what}", self._node, device))


def asks_for_birth(raw: bytes) -> bool:
    """True for a command that asks the node to announce everything again."""
    try:
        payload = values.parse(raw, 2**16)
    except values.PayloadError:
        return False
    return any(metric.name == "Node Control/Rebirth" and metric.boolean_value for metric in payload.metrics)
