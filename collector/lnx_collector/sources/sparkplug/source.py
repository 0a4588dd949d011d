"""Listens to edge nodes as a Sparkplug host application.

A node announces its metrics (birth), sends values by name or alias (data) and is announced dead by itself or by the broker (death). What
cannot be understood because its birth was missed is counted as lost ("no_birth"), and the node is asked for a birth; a gap in its numbers
is counted ("sequence_gap") and leads to the same request, while values go on. Death makes each tag Bad, once.

Nodes send values with QoS 0: what they send while nobody listens is gone, unless `host_id` is set and they know it as their primary host.

Times: source_time is the metric's, in ms; a metric that is historical has an old one. Quality: the property Quality (192 good, 500
uncertain, 0 bad), or the StatusCode that another collector sent; null is BAD.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from lnx_common.errors import PlantError
from paho.mqtt.client import MQTTMessage

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext
from lnx_collector.mqtt_inbox import Inbox
from lnx_collector.mqtt_link import MqttLink, Will
from lnx_collector.sample import Sample, Tag, bad, checked
from lnx_collector.sources.sparkplug import nodes
from lnx_collector.sources.sparkplug.nodes import Metric, Node
from lnx_collector.sources.sparkplug.settings import SparkplugSettings
from lnx_collector.sparkplug import topics, values
from lnx_collector.sparkplug.schema import Payload
from lnx_collector.sparkplug.topics import HostState, Topic


class SparkplugSource:
    """One broker."""

    def __init__(self, settings: SparkplugSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._nodes: dict[tuple[str, str], Node] = {}
        self._asked: dict[tuple[str, str], float] = {}
        self._wanted: dict[str, bool] = {}

    def tags(self) -> list[Tag]:
        return []

    async def run(self, intake: Intake) -> None:
        inbox = Inbox(self._now)
        host = self._settings.host_id
        online = HostState(True, self._now() // 1_000_000)
        will = Will(topics.state(host), HostState(False, online.timestamp).payload(), retain=True) if host else None
        link = MqttLink(self._settings.name, self._settings, inbox.put, fresh=True, will=will)
        try:
            await link.open(self._subscriptions())
            if host:
                self._say(link, online)
            if "+" not in (self._settings.group, self._settings.edge_node):
                self._ask(link, (self._settings.group, self._settings.edge_node))
            intake.well()
            while batch := await inbox.take(link.lost):
                await self._store(batch, link, intake, online)
                if dropped := inbox.overflowed():
                    intake.lost(dropped, "queue_overflow")
            raise PlantError(701, where=link.where, found=link.reason or "the connection was lost")
        finally:
            if host and not link.lost.is_set():
                self._say(link, HostState(False, self._now() // 1_000_000))
            link.close()

    def _subscriptions(self) -> list[tuple[str, int]]:
        group, node = self._settings.group, self._settings.edge_node
        listed = [(f"{topics.NAMESPACE}/{group}/+/{node}/{rest}".rstrip("/"), 1) for rest in ("", "+")]
        return listed + ([(topics.state(self._settings.host_id), 1)] if self._settings.host_id else [])

    def _say(self, link: MqttLink, state: HostState) -> None:
        link.client.publish(topics.state(self._settings.host_id), state.payload(), qos=1, retain=True)

    async def _store(self, batch: Sequence[tuple[MQTTMessage, int]], link: MqttLink, intake: Intake, online: HostState) -> None:
        """Makes the samples durable, and only then acknowledges what needs it (deaths)."""
        samples: list[Sample] = []
        for message, received in batch:
            if self._settings.host_id and message.topic == topics.state(self._settings.host_id):
                told = topics.host_state(bytes(message.payload))
                if told is not None and not told.online:  # the death of our connection before this one came late
                    self._say(link, online)
                continue
            topic = topics.parse(message.topic)
            if topic is not None and not topic.verb.endswith("CMD"):
                samples += self._samples(topic, message, received, link, intake)
        if samples:
            await intake.accept(samples)
        for message, _ in batch:
            if message.qos:
                link.client.ack(message.mid, message.qos)

    def _samples(self, topic: Topic, message: MQTTMessage, received: int, link: MqttLink, intake: Intake) -> list[Sample]:
        part = "/".join((topic.group, topic.node, topic.device)).rstrip("/")
        try:
            if len(message.payload) > self._settings.max_payload:
                raise values.PayloadError(f"{len(message.payload)} bytes, more than max_payload")
            payload = values.parse(bytes(message.payload), self._settings.max_payload)
        except values.PayloadError as error:
            intake.lost(1, "unreadable")
            intake.trouble(part, PlantError(702, where=message.topic, found=str(error)))
            return []
        node = self._nodes.setdefault((topic.group, topic.node), Node())
        if topic.verb == "NDEATH":
            return self._died(node, payload, part, received, intake)
        if topic.verb == "NBIRTH":
            node.begin(payload)
        elif missing := self._gap(node, topic, payload, link):
            intake.lost(missing, "sequence_gap")
            intake.trouble(part, PlantError(702, where=message.topic, found=f"{missing} messages are missing before number {payload.seq}"))
        else:
            intake.well(part)
        if topic.verb == "DDEATH":
            return [bad(tag, q.BAD_NO_COMMUNICATION, received, _when(payload)) for tag in node.tags(topic.device)]
        if topic.verb in ("NBIRTH", "DBIRTH"):
            self._announce(node, topic, payload, intake)
        return self._values(node, topic, payload, received, link, intake)

    def _gap(self, node: Node, topic: Topic, payload: Any, link: MqttLink) -> int:
        """Messages that are missing before this one, where that can be known; asks for a birth when there are any."""
        if not node.born:
            return 0
        missing = node.missing(payload)
        if missing:
            self._ask(link, (topic.group, topic.node))
        return missing

    def _died(self, node: Node, payload: Any, part: str, received: int, intake: Intake) -> list[Sample]:
        """The node is gone, unless this is the death of a connection that it has replaced since."""
        if not node.born or nodes.bd_seq_of(payload) != node.bd_seq:
            return []
        node.born = False
        intake.trouble(part, PlantError(701, where=part, found="the edge node is offline (NDEATH)"))
        return [bad(tag, q.BAD_NO_COMMUNICATION, received) for tag in node.tags()]

    def _announce(self, node: Node, topic: Topic, payload: Any, intake: Intake) -> None:
        fresh = []
        for metric in payload.metrics:
            if metric.HasField("alias"):
                node.aliases[metric.alias] = (topic.device, metric.name)
        for name, metric in nodes.flattened(payload.metrics, lambda metric: str(metric.name)):
            if name and self._wants(topic, name):
                tag = nodes.tag_of(self._settings.tag_name, self._settings.name, topic, name, metric, metric.datatype)
                node.metrics[topic.device, name] = Metric(tag, metric.datatype)
                fresh.append(tag)
        intake.describe(fresh)
        intake.well("/".join((topic.group, topic.node, topic.device)).rstrip("/"))

    def _values(self, node: Node, topic: Topic, payload: Any, received: int, link: MqttLink, intake: Intake) -> list[Sample]:
        samples: list[Sample] = []
        unknown = unsupported = 0
        for name, metric in nodes.flattened(payload.metrics, lambda metric: node.name(topic.device, metric)):
            if name and not self._wants(topic, name):
                continue
            known = node.metrics.get((topic.device, name))
            if known is None:
                unknown += 1
                continue
            value, quality, source_time = values.reading_of(metric, known.datatype, payload.timestamp)
            unsupported += quality == q.BAD_NOT_SUPPORTED
            samples.append(checked(Sample(known.tag.name, value, quality, source_time, None, received)))
        if unknown:
            intake.lost(unknown, "no_birth")
        if unknown or not node.born:
            self._ask(link, (topic.group, topic.node))
        if unsupported:
            intake.lost(unsupported, "unsupported")
        return samples

    def _wants(self, topic: Topic, name: str) -> bool:
        path = f"{topic.device}/{name}" if topic.device else name
        if path not in self._wanted:
            self._wanted[path] = not nodes.is_own(name) and any(fnmatchcase(path, pattern) for pattern in self._settings.metrics)
        return self._wanted[path]

    def _ask(self, link: MqttLink, node: tuple[str, str]) -> None:
        """Asks a node to announce everything again, not too often."""
        now = time.monotonic()
        if now - self._asked.get(node, float("-inf")) < self._settings.rebirth_pause:
            return
        self._asked[node] = now
        command = Payload(timestamp=self._now() // 1_000_000)
        command.metrics.add(name="Node Control/Rebirth", datatype=values.BOOLEAN, boolean_value=True)
        link.client.publish(str(Topic(node[0], "NCMD", node[1])), command.SerializeToString(), qos=0)


def _when(payload: Any) -> int | None:
    milliseconds = int(payload.timestamp)
    return milliseconds * 1_000_000 if 0 < milliseconds < 2**42 else None
