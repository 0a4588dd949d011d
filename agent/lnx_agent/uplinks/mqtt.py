"""The same OTLP request as an MQTT message, for plants where only the broker passes the firewall.

Payload: gzipped ExportLogsServiceRequest; QoS 1; the topic may hold `{stream}`. A message counts as delivered when the broker has
acknowledged it: that proves the broker has it, not the receiver behind; only counter-signatures do, and they come back by hand
(`lnx agent import`). Records may arrive twice, never not at all; `log.record.uid` tells.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from lnx_common.durable_log import Entry
from lnx_common.service import StopSignal
from paho.mqtt.enums import CallbackAPIVersion

from lnx_agent.delivery.backoff import Backoff, Pace
from lnx_agent.delivery.dial import dial
from lnx_agent.delivery.otlp import request_body, resource_bytes
from lnx_agent.delivery.position import Positions
from lnx_agent.uplinks.base import Lent, UplinkStatus, change_state

IDLE_S = 0.5
ACK_S = 15.0


@dataclass(frozen=True)
class Broker:
    """Where and how to connect."""

    host: str
    port: int
    topic: str
    tls: bool = True
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    user: str = ""
    password: str = ""


class _Client(paho.Client):
    """The client, without a wait for a name that has no end: it connects again in its own thread, which `loop_stop` waits for."""

    def _create_socket_connection(self) -> socket.socket:
        return dial(self._host, self._port, self._connect_timeout)


class Mqtt:
    """One broker."""

    def __init__(self, name: str, broker: Broker, lent: Lent, batch: int, pace: Pace, client: Callable[[], Any] | None = None) -> None:
        self._broker, self._lent, self._batch = broker, lent, batch
        self._backoff = Backoff(pace)
        self._positions = Positions(lent.folder / "position")
        self._name = f"lnx-agent-{lent.identity.get('lnx.agent.id', name)}"
        self.status = UplinkStatus(name, "mqtt", delivered=dict(self._positions.next))
        self._connect = client or self._connected

    def run(self, stop: StopSignal) -> None:
        while not stop.is_set():
            try:
                client = self._connect()
            except (OSError, ValueError, RuntimeError) as error:
                self._failed("connect", str(error), stop)
                continue
            try:
                self._deliver_all(client, stop)
            except (OSError, ValueError, RuntimeError) as error:
                self._failed("disconnected", str(error), stop)
            finally:
                client.disconnect()
                client.loop_stop()

    def _connected(self) -> Any:
        client = _Client(CallbackAPIVersion.VERSION2, client_id=self._name, protocol=paho.MQTTv5)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            ca = str(self._broker.ca) if self._broker.ca else None
            context = ssl.create_default_context(cafile=ca)
            if self._broker.client_cert:
                context.load_cert_chain(str(self._broker.client_cert), str(self._broker.client_key) if self._broker.client_key else None)
            client.tls_set_context(context)
        client.connect(self._broker.host, self._broker.port, keepalive=30)
        client.loop_start()
        return client

    def _deliver_all(self, client: Any, stop: StopSignal) -> None:
        while not stop.is_set():
            stream, entries = self._next()
            if not entries:
                stop.wait(IDLE_S)
                continue
            body = request_body(resource_bytes(self._lent.identity), [entry.body for entry in entries], self._lent.version)
            message = client.publish(self._broker.topic.replace("{stream}", stream), body, qos=1)
            message.wait_for_publish(ACK_S)
            if not message.is_published():
                raise OSError("the broker did not acknowledge")
            self.status.requests += 1
            self.status.wire_bytes += len(body)
            self.status.records += len(entries)
            self._positions.next[stream] = entries[-1].seq + 1
            self._positions.save()
            self.status.delivered = dict(self._positions.next)
            self._backoff.reset()
            change_state(self.status, self._lent.tell, "up")

    def _next(self) -> tuple[str, list[Entry]]:
        ledger = self._lent.ledger
        for stream in [entry.id for entry in ledger.streams]:
            first = self._positions.next.get(stream, 0)
            if first < ledger.end_of(stream) and (entries := ledger.read(stream, first, self._batch, 1_000_000)):
                return stream, entries
        return "", []

    def _failed(self, reason: str, detail: str, stop: StopSignal) -> None:
        change_state(self.status, self._lent.tell, "retrying", reason, detail)
        stop.wait(self._backoff.next_wait())
