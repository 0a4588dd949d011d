"""The table of a Sparkplug source. Its tags are those that the nodes announce."""

from __future__ import annotations

import string
from typing import Literal

from lnx_common.config import Bytes, Seconds, rule_broken
from pydantic import Field, field_validator

from lnx_collector.contract import SourceSettings
from lnx_collector.mqtt_link import BrokerSettings
from lnx_collector.sparkplug.topics import ID, ID_OR_ALL

PARTS = {"group", "node", "device", "metric"}


class SparkplugSettings(SourceSettings, BrokerSettings):
    """type = "sparkplug"."""

    type: Literal["sparkplug"]
    group: str = Field("+", pattern=ID_OR_ALL)
    """Group of the edge nodes; + = every group."""
    edge_node: str = Field("+", pattern=ID_OR_ALL)
    """The edge node; + = every one of the group."""
    metrics: tuple[str, ...] = Field(("*",), min_length=1)
    """Patterns of the metrics to take: "press1/temperature" (DEVICE/METRIC, or METRIC of the node itself)."""
    tag_name: str = "{node}.{device}.{metric}"
    """Names of the tags, of {group}, {node}, {device} and {metric}; slashes of a metric become dots."""
    host_id: str = Field("", pattern=ID.replace("+$", "*$"))
    """Our name as a primary host: nodes that rely on it keep their values while we are away, and send them later."""
    rebirth_pause: Seconds = Field(10.0, gt=0)
    """Least time between two requests to the same node to announce its metrics again."""
    max_payload: Bytes = Field(2**20, ge=1024)
    """Longer messages are counted as lost."""

    @field_validator("tag_name")
    @classmethod
    def _parts(cls, pattern: str) -> str:
        try:
            used = {field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None}
        except ValueError:
            used = {""}
        if "metric" not in used or not used <= PARTS:
            raise rule_broken('{metric}, and maybe {group}, {node}, {device}: "{node}.{device}.{metric}"', "{metric}은 꼭 들어가야 합니다")
        return pattern
