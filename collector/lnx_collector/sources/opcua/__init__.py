"""type = "opcua": subscriptions to an OPC UA server."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.opcua.settings import OpcuaSettings
from lnx_collector.sources.opcua.source import OpcuaSource

KIND = SourceKind(OpcuaSettings, OpcuaSource, Path(__file__).with_name("sample.toml"))
