"""One connection to an MQTT broker, shared in kind by the MQTT source, the MQTT sink and Sparkplug.

paho works on a thread of its own; everything that it reports reaches the event loop through `call_soon_threadsafe`. Messages are
acknowledged by hand, so that a broker keeps them until they are durable here. paho's own reconnecting is off: whoever opened the link
decides when to try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import paho.mqtt.client as mqtt
from lnx_common.config import Settings
from lnx_common.errors import PlantError
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import Field

CONNECT_WITHIN = 10.0
SESSION_EXPIRY_S = 7 * 86400


class Tls(Settings):
    """tls = { ... }"""

    ca: Path | None = None
    """Certificate of the authority (PEM); default: those of the system."""
    certificate: Path | None = None
    """Our certificate (PEM), for brokers that ask for one."""
    key: Path | None = None
    """Key of our certificate (PEM)."""


class BrokerSettings(Settings):
    """What source and sink have in common."""

    host: str
    """Name or address of the broker."""
    port: int = Field(1883, ge=1, le=65535)
    """1883; with TLS usually 8883."""
    version: Literal["3.1.1", "5"] = "5"
    """Version of the protocol."""
    client_id: str = ""
    """Identity at the broker; must be unique there. Default: lnx-NAME."""
    user: str = ""
    password_file: Path | None = None
    """File with the password: passwords do not belong into a configuration."""
    tls: Tls | None = None
    """TLS; {} takes the authorities of the system."""
    keepalive: int = Field(30, ge=5, le=3600)
    """Seconds without traffic after which either side asks whether the other is there."""


class Will(NamedTuple):
    """What the broker publishes for us when we vanish."""

    topic: str
    payload: bytes
    retain: bool = False


class MqttLink:
    """``on_message`` is called on the event loop, in order of arrival."""

    def __init__(
        self,
        name: str,
        settings: BrokerSettings,
        on_message: Callable[[mqtt.MQTTMessage], None] | None = None,
        *,
        fresh: bool = False,
        will: Will | None = None,
    ) -> None:
        """``fresh``: the broker keeps nothing for us between two connections; otherwise it does for a week."""
        self.where = f"{settings.host}:{settings.port}"
        self.lost = asyncio.Event()
        """Set when the connection has ended."""
        self.reason = ""
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._on_message = on_message
        self._name = settings.client_id or f"lnx-{name}"
        self._fresh = fresh
        self._will = will
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._five = five = settings.version == "5"
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._name,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            clean_session=None if five else fresh,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self.client.on_connect = self._when_connected
        self.client.on_disconnect = self._when_disconnected
        self.client.on_message = self._when_message
        self.client.on_subscribe = self._when_subscribed
        if will is not None:
            self.client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self.client.connect_timeout = CONNECT_WITHIN

    async def open(self, subscriptions: Sequence[tuple[str, int]] = ()) -> None:
        """Connects, keeps the session of before, and subscribes. Raises PlantError 701."""
        try:
            self._credentials()
            await asyncio.to_thread(self._connect)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise PlantError(701, where=self.where, found=str(error)) from error
        self.client.loop_start()
        waits = [asyncio.ensure_future(self._connected.wait()), asyncio.ensure_future(self.lost.wait())]
        await asyncio.wait(waits, timeout=CONNECT_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not self._connected.is_set():
            raise PlantError(701, where=self.where, found=self.reason or "no answer", expected="a broker that lets us in")
        for topic, qos in subscriptions:
            await self.subscribe(topic, qos, CONNECT_WITHIN)

    async def subscribe(self, topic: str, qos: int, within: float) -> None:
        """Returns when the broker has accepted the subscription. Raises PlantError 701.

        A broker reads the packets of a connection in order: its answer also says that it has everything that was published before.
        """
        code, number = self.client.subscribe(topic, qos=qos)
        if code != mqtt.MQTT_ERR_SUCCESS or number is None:
            raise PlantError(701, where=f"{self.where} {topic}", found=mqtt.error_string(code))
        answer = self._answers[number] = self._loop.create_future()
        lost = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait([answer, lost], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            del self._answers[number]
        if not answer.done():
            raise PlantError(701, where=f"{self.where} {topic}", found=self.reason or "no answer to a subscription")
        if refusal := answer.result():
            raise PlantError(701, where=f"{self.where} {topic}", found=refusal, expected="a broker that lets us subscribe")

    def _credentials(self) -> None:
        settings = self._settings
        if settings.user:
            password = settings.password_file.read_text(encoding="utf-8").strip() if settings.password_file else None
            self.client.username_pw_set(settings.user, password)
        if settings.tls is not None:
            ca, certificate, key = (str(path) if path else None for path in (settings.tls.ca, settings.tls.certificate, settings.tls.key))
            self.client.tls_set(ca, certificate, key)

    def _connect(self) -> None:
        if self._five:
            make_properties: Callable[[int], Properties] = Properties  # paho does not annotate it
            properties = make_properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0 if self._fresh else SESSION_EXPIRY_S
            self.client.connect(
                self._settings.host, self._settings.port, self._settings.keepalive, clean_start=self._fresh, properties=properties
            )
        else:
            self.client.connect(self._settings.host, self._settings.port, self._settings.keepalive)

    # ── on paho's thread ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _when_connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.reason = str(reason)
            self._tell(self.lost.set)
        else:
            self._tell(self._connected.set)

    def _when_disconnected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.reason = self.reason or str(reason)
        self._tell(self.lost.set)

    def _when_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        if self._on_message is not None:
            self._tell(self._on_message, message)

    def _when_subscribed(self, client: Any, userdata: Any, number: int, reasons: Any, properties: Any) -> None:
        refusal = next((str(reason) for reason in reasons if reason.is_failure), "")
        self._tell(self._answer, number, refusal)

    def _answer(self, number: int, refusal: str) -> None:
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(refusal)

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def publish_all(self, messages: Sequence[tuple[str, bytes, bool]], qos: int, within: float) -> None:
        """Publishes (topic, payload, retain) in order and returns when the broker has confirmed all. Raises PlantError 706."""
        await asyncio.to_thread(self._publish_all, messages, qos, within)

    def _publish_all(self, messages: Sequence[tuple[str, bytes, bool]], qos: int, within: float) -> None:
        deadline = time.monotonic() + within
        infos = [self.client.publish(topic, payload, qos=qos, retain=retain) for topic, payload, retain in messages]
        for info in infos:
            if info.rc not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_QUEUE_SIZE):
                raise PlantError(706, where=self.where, found=mqtt.error_string(info.rc))
            while not info.is_published():
                if self.lost.is_set() or time.monotonic() > deadline:
                    raise PlantError(706, where=self.where, found=self.reason or "the broker does not confirm")
                _wait(info, min(0.2, max(0.01, deadline - time.monotonic())))

    def close(self) -> None:
        """Says goodbye and ends the thread, without waiting for the network. A will is published: whoever relies on us hears of it."""
        client = self.client
        client.on_message = None
        if self._will is not None and self._five:
            client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
        else:
            if self._will is not None:
                client.publish(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
            client.disconnect()
        threading.Thread(target=client.loop_stop, daemon=True).start()


def _wait(info: mqtt.MQTTMessageInfo, seconds: float) -> None:
    with contextlib.suppress(ValueError, RuntimeError):
        info.wait_for_publish(seconds)
