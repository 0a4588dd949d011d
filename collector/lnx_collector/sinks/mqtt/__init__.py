"""type = "mqtt": samples as JSON to a broker, one message each.

Topic and payload: `PREFIX/TAG` with dots of the tag as slashes; {"id", "value", "quality", "source_time", "server_time", "receive_time",
"unit"}; times in ns, "id" is "stream:seq" and the same when a message comes twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.contract import Row, SinkContext, SinkKind, SinkSettings
from lnx_collector.mqtt_link import BrokerSettings, MqttLink


class MqttSinkSettings(SinkSettings, BrokerSettings):
    """type = "mqtt"."""

    type: Literal["mqtt"]
    prefix: str = "lnx"
    """First levels of the topic."""
    retain: bool = False
    """The broker keeps the last value of each tag for later readers."""
    batch: int = Field(200, ge=1, le=50_000)
    """Messages that may be on their way at once."""
    confirm_within: float = Field(30.0, gt=0)
    """Seconds for the broker to confirm a batch."""


class MqttSink:
    """Publishes with QoS 1 and waits for the broker's confirmations."""

    def __init__(self, settings: MqttSinkSettings, context: SinkContext) -> None:
        self._settings = settings
        self._context = context
        self._link: MqttLink | None = None

    async def deliver(self, rows: Sequence[Row]) -> None:
        if self._link is None or self._link.lost.is_set():
            await self.close()
            link = MqttLink(f"{self._context.name}-{self._context.stream[:8]}", self._settings)
            link.client.max_inflight_messages_set(self._settings.batch)
            try:
                await link.open()
            except PlantError as error:
                link.close()
                raise PlantError(706, where=error.where, found=error.found) from error
            self._link = link
        messages = [(self._topic(row.tag.name), self._payload(row), self._settings.retain) for row in rows]
        if self._link is None:
            raise PlantError(706, where=self._settings.host, found="no connection")
        try:
            await self._link.publish_all(messages, qos=1, within=self._settings.confirm_within)
        except BaseException:
            await self.close()
            raise

    def _topic(self, tag: str) -> str:
        return f"{self._settings.prefix}/{tag.replace('.', '/')}".replace("+", "_").replace("#", "_")

    def _payload(self, row: Row) -> bytes:
        sample = row.sample
        told = {
            "id": f"{self._context.stream}:{row.seq}",
            "value": sample.value,
            "quality": sample.quality,
            "source_time": sample.source_time,
            "server_time": sample.server_time,
            "receive_time": sample.receive_time,
            "unit": row.tag.unit,
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    async def close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None


KIND = SinkKind(MqttSinkSettings, MqttSink, Path(__file__).with_name("sample.toml"))
