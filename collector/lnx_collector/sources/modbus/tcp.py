"""type = "modbus-tcp"."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.modbus.settings import ModbusTcpSettings
from lnx_collector.sources.modbus.source import ModbusSource

KIND = SourceKind(ModbusTcpSettings, ModbusSource, Path(__file__).with_name("sample_tcp.toml"))
