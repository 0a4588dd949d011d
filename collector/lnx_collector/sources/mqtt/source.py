"""Subscribes to topics and hands in what is published.

With QoS 1 and 2 the broker keeps each message until we acknowledge it, and we do so when its samples are on disk: neither a crash here nor
a restart of the broker (with persistence) loses one. A message that comes twice (DUP) is recognised and stored once, as long as the
process lives; after a crash it may be stored twice.

Times: source_time from the payload when `time` is set; receive_time is ours. Quality: GOOD; a retained message, whose value may be old,
is UNCERTAIN_LAST_USABLE; JSON null is BAD. What cannot be read is counted as lost ("unreadable", "too_large").
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence

from lnx_common.errors import PlantError
from paho.mqtt.client import MQTTMessage, topic_matches_sub

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext
from lnx_collector.mqtt_inbox import Inbox
from lnx_collector.mqtt_link import MqttLink
from lnx_collector.sample import Sample, Tag, checked
from lnx_collector.sources.mqtt.payload import PayloadError, as_number, as_time, as_value, at_path, parse_json
from lnx_collector.sources.mqtt.settings import MqttSettings, MqttTag

REMEMBERED = 5000
_NUMBER = re.compile(r"\{(\d+)\}")


class MqttSource:
    """One broker."""

    def __init__(self, settings: MqttSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._stored: OrderedDict[tuple[int, str, bytes], None] = OrderedDict()
        self._described: set[str] = set()
        self._matching: dict[str, list[tuple[MqttTag, str]]] = {}

    def tags(self) -> list[Tag]:
        return [Tag(tag.name, self._settings.name, tag.kind, tag.unit, tag.description) for tag in self._settings.tag if not tag.is_pattern]

    async def run(self, intake: Intake) -> None:
        inbox = Inbox(self._now)
        link = MqttLink(self._settings.name, self._settings, inbox.put)
        try:
            await link.open([(topic, self._settings.qos) for topic in sorted({tag.topic for tag in self._settings.tag})])
            intake.well()
            while batch := await inbox.take(link.lost):
                await self._store(batch, link, intake)
                if dropped := inbox.overflowed():
                    intake.lost(dropped, "queue_overflow")
            raise PlantError(701, where=link.where, found=link.reason or "the connection was lost")
        finally:
            link.close()

    async def _store(self, batch: Sequence[tuple[MQTTMessage, int]], link: MqttLink, intake: Intake) -> None:
        """Makes the samples durable, and only then acknowledges their messages."""
        samples: list[Sample] = []
        fresh = []
        for message, received in batch:
            key = (message.mid, message.topic, hashlib.sha256(message.payload).digest())
            if message.dup and key in self._stored:
                continue
            fresh.append(key)
            samples += self._samples(message, received, intake)
        if samples:
            self._describe(samples, intake)
            await intake.accept(samples)
        for message, _ in batch:
            if message.qos:
                link.client.ack(message.mid, message.qos)
        for key in fresh:
            self._stored[key] = None
        while len(self._stored) > REMEMBERED:
            self._stored.popitem(last=False)

    def _samples(self, message: MQTTMessage, received: int, intake: Intake) -> list[Sample]:
        tags = self._tags_of(message.topic)
        if len(message.payload) > self._settings.max_payload:
            intake.lost(1, "too_large", tags[0][1] if tags else "")
            return []
        samples = []
        for tag, name in tags:
            try:
                samples.append(self._sample(tag, name, message, received))
            except PayloadError as error:
                intake.lost(1, "unreadable", name)
                intake.trouble(name, PlantError(702, where=message.topic, found=str(error)))
            else:
                intake.well(name)
        return samples

    def _sample(self, tag: MqttTag, name: str, message: MQTTMessage, received: int) -> Sample:
        code = q.UNCERTAIN_LAST_USABLE if message.retain else q.GOOD
        if tag.format == "number":
            return Sample(name, as_number(bytes(message.payload)), code, None, None, received)
        if tag.format == "text":
            return Sample(name, message.payload.decode("utf-8", "replace"), code, None, None, received)
        document = parse_json(bytes(message.payload))
        value = as_value(at_path(document, tag.path), tag.kind)
        time = as_time(at_path(document, tag.time), tag.time_unit) if tag.time else None
        return checked(Sample(name, value, code, time, None, received))

    def _tags_of(self, topic: str) -> list[tuple[MqttTag, str]]:
        """The tags that a topic feeds, with their names."""
        if topic not in self._matching:
            if len(self._matching) > 100_000:
                self._matching.clear()
            self._matching[topic] = [(tag, _name(tag, topic)) for tag in self._settings.tag if topic_matches_sub(tag.topic, topic)]
        return self._matching[topic]

    def _describe(self, samples: Sequence[Sample], intake: Intake) -> None:
        """Tells of tags that a pattern has just made."""
        fresh = {sample.tag for sample in samples} - self._described
        if not fresh:
            return
        self._described |= fresh
        made = {name: tag for listed in self._matching.values() for tag, name in listed if tag.is_pattern and name in fresh}
        intake.describe([Tag(name, self._settings.name, tag.kind, tag.unit, tag.description) for name, tag in made.items()])


def _name(tag: MqttTag, topic: str) -> str:
    """The tag's name with {n} replaced by what the n-th wildcard stood for."""
    stood: list[str] = []
    levels = topic.split("/")
    for i, level in enumerate(tag.topic.split("/")):
        if level == "+":
            stood.append(levels[i])
        elif level == "#":
            stood.append(".".join(levels[i:]))
    safe = [re.sub(r"[\s/\\*?\[\]]", "_", text) for text in stood]
    return _NUMBER.sub(lambda match: safe[int(match[1]) - 1] if 1 <= int(match[1]) <= len(safe) else match[0], tag.name)
