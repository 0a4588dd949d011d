"""type = "sparkplug": the metrics of Sparkplug B edge nodes and their devices, as a host application."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.sparkplug.settings import SparkplugSettings
from lnx_collector.sources.sparkplug.source import SparkplugSource

KIND = SourceKind(SparkplugSettings, SparkplugSource, Path(__file__).with_name("sample.toml"))
