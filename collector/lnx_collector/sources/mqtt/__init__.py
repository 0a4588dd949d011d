"""type = "mqtt": values that others publish."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.mqtt.settings import MqttSettings
from lnx_collector.sources.mqtt.source import MqttSource

KIND = SourceKind(MqttSettings, MqttSource, Path(__file__).with_name("sample.toml"))
