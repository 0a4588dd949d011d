"""The tables of an MQTT source."""

from __future__ import annotations

import re
from typing import Literal

from lnx_common.config import Bytes, Settings, rule_broken
from pydantic import Field, field_validator

from lnx_collector.contract import SourceSettings
from lnx_collector.mqtt_link import BrokerSettings
from lnx_collector.sample import Kind
from lnx_collector.sources.mqtt.payload import parse_path


class MqttTag(Settings):
    """[[source.tag]]"""

    name: str = Field(min_length=1)
    """Name of the tag; "{1}" is what the first + of the topic stood for: "room.{1}.temperature"."""
    topic: str = Field(min_length=1)
    """Topic, with + for one level and # for the rest."""
    format: Literal["json", "number", "text"] = "json"
    """json: `path` says where the value is; number: the payload is one; text: the payload as it is."""
    path: str = ""
    """Where the value is in the JSON: "data.temperature", "values[0].v"; empty = the whole is the value."""
    time: str = ""
    """Where its time is in the JSON; empty = none."""
    time_unit: Literal["s", "ms", "us", "ns", "iso"] = "ms"
    """Unit of a time that is a number since 1970, or ISO 8601."""
    kind: Kind = "float"
    unit: str = ""
    description: str = ""

    @field_validator("topic")
    @classmethod
    def _topic(cls, topic: str) -> str:
        levels = topic.split("/")
        if any(("+" in level or "#" in level) and len(level) > 1 for level in levels) or "#" in levels[:-1]:
            raise rule_broken("+ and # as whole levels, # as the last", "+와 #은 한 단계 전체로, #은 마지막에만")
        return topic

    @field_validator("path", "time")
    @classmethod
    def _path(cls, path: str) -> str:
        if path and parse_path(path) is None:
            raise rule_broken('a path such as "data.values[0].v"', '"data.values[0].v" 같은 경로')
        return path

    @property
    def is_pattern(self) -> bool:
        return re.search(r"\{\d+\}", self.name) is not None


class MqttSettings(SourceSettings, BrokerSettings):
    """type = "mqtt"."""

    type: Literal["mqtt"]
    qos: Literal[0, 1, 2] = 1
    """1: the broker keeps what it has not got an answer for, and we answer when it is on our disk."""
    max_payload: Bytes = Field(256 * 1024, ge=1)
    """Longer messages are counted as lost."""
    tag: tuple[MqttTag, ...] = Field(min_length=1)
