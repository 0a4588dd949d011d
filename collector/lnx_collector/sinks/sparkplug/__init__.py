"""type = "sparkplug": samples as metrics of a Sparkplug B edge node (specification 3.0), in which each source is a device.

Metric: the name of the tag with dots as slashes; the property `seq` is the sample's number in the stream that the metric
`Node Info/Stream` of the birth names, and the same when a sample comes twice. Samples older than `historical_after` are marked historical.
Bad is null with Quality 0; the full StatusCode goes along.

Sparkplug sends values with QoS 0. A batch counts as delivered when the broker has answered a subscription that followed it: brokers read
the packets of a connection in order. With `host_id` nothing is sent while that primary host is offline; the historian keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from lnx_common.files import write_durably
from paho.mqtt.client import MQTTMessage
from pydantic import Field

from lnx_collector.contract import Row, SinkContext, SinkKind, SinkSettings
from lnx_collector.mqtt_link import BrokerSettings, MqttLink, Will
from lnx_collector.sinks.sparkplug.edge import CYCLE, EdgeNode, asks_for_birth
from lnx_collector.sparkplug import topics
from lnx_collector.sparkplug.topics import ID, HostState, Topic

HOST_WITHIN = 1.0


class SparkplugSinkSettings(SinkSettings, BrokerSettings):
    """type = "sparkplug"."""

    type: Literal["sparkplug"]
    group: str = Field(pattern=ID)
    """Group of this edge node."""
    edge_node: str = Field(pattern=ID)
    """Name of this edge node; no other one in the group may have it."""
    devices: bool = True
    """true: each source is a device; false: all metrics belong to the node itself."""
    host_id: str = Field("", pattern=ID.replace("+$", "*$"))
    """Primary host that must be online; empty = send in any case."""
    historical_after: Seconds = Field(60.0, gt=0)
    """Samples older than this are marked as historical: they do not change what a host shows as the present value."""
    confirm_within: Seconds = Field(30.0, gt=0)
    """Time for the broker to confirm a batch."""


class SparkplugSink:
    """One connection at a time; each has the next number between birth and death (bdSeq), also over restarts."""

    def __init__(self, settings: SparkplugSinkSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._edge = EdgeNode(
            settings.group,
            settings.edge_node,
            context.stream,
            devices=settings.devices,
            historical_after=settings.historical_after,
        )
        self._commands = str(Topic(settings.group, "NCMD", settings.edge_node))
        self._number_file = context.data / f"sparkplug-{context.name}.bdseq"
        self._bd_seq = 0
        self._link: MqttLink | None = None
        self._host: HostState | None = None
        self._told = asyncio.Event()
        self._born = False

    async def deliver(self, rows: Sequence[Row]) -> None:
        link = self._link
        if link is None or link.lost.is_set():
            link = await self._connect()
        await self._primary_host()
        try:
            if self._edge.learn(rows) or not self._born:
                self._bear(link)
            for topic, payload in self._edge.data(rows, self._context.now()):
                link.client.publish(topic, payload, qos=0)
            await link.subscribe(self._commands, 1, self._settings.confirm_within)
            if self._link is not link:
                raise PlantError(701, where=link.where, found="the primary host went offline")
        except PlantError as error:
            await self.close()
            raise PlantError(706, where=error.where, found=error.found) from error
        except BaseException:
            await self.close()
            raise

    async def _primary_host(self) -> None:
        """Raises PlantError 706 unless the primary host says that it is online; what it said is retained and comes at once."""
        if not self._settings.host_id:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), HOST_WITHIN)
        if self._host is None or not self._host.online:
            raise PlantError(706, where=self._settings.host, found=f'the primary host "{self._settings.host_id}" is not online')

    async def _connect(self) -> MqttLink:
        await self.close()
        self._bd_seq = await asyncio.to_thread(self._next_bd_seq)
        will = Will(*self._edge.death(self._bd_seq, self._context.now()))
        name = f"{self._context.name}-{self._context.stream[:8]}"
        link = MqttLink(name, self._settings, self._arrived, fresh=True, will=will)
        wanted = [(self._commands, 1)]
        if host := self._settings.host_id:
            wanted += [(topics.state(host), 1), (topics.old_state(host), 1)]
        self._link = link
        try:
            await link.open(wanted)
        except PlantError as error:
            await self.close()
            raise PlantError(706, where=error.where, found=error.found) from error
        return link

    def _next_bd_seq(self) -> int:
        try:
            number = (int(self._number_file.read_text(encoding="ascii")) + 1) % CYCLE
        except (OSError, ValueError):
            number = 0
        write_durably(self._number_file, str(number).encode())
        return number

    def _bear(self, link: MqttLink) -> None:
        for topic, payload in self._edge.birth(self._bd_seq, self._context.now()):
            link.client.publish(topic, payload, qos=0)
        self._born = True

    def _arrived(self, message: MQTTMessage) -> None:
        """On the event loop: a command of a host, or what the primary host says of itself."""
        link = self._link
        if message.topic == self._commands:
            if link is not None and self._born and asks_for_birth(bytes(message.payload)):
                self._bear(link)
        else:
            self._heard(topics.host_state(bytes(message.payload)))
        if link is not None and message.qos:
            link.client.ack(message.mid, message.qos)

    def _heard(self, state: HostState | None) -> None:
        if state is None or (self._host is not None and state.timestamp < self._host.timestamp):
            return  # the death of a connection that the host has replaced since
        self._host = state
        self._told.set()
        if not state.online and self._link is not None and self._born:
            self._end()

    async def close(self) -> None:
        self._end()

    def _end(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link, self._born, self._host = None, False, None
        self._told.clear()


KIND = SinkKind(SparkplugSinkSettings, SparkplugSink, Path(__file__).with_name("sample.toml"))
