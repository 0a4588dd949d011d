"""type = "modbus-rtu"."""

from pathlib import Path

from lnx_collector.contract import SourceKind
from lnx_collector.sources.modbus.settings import ModbusRtuSettings
from lnx_collector.sources.modbus.source import ModbusSource

KIND = SourceKind(ModbusRtuSettings, ModbusSource, Path(__file__).with_name("sample_rtu.toml"))
