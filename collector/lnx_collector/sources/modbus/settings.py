"""The tables of Modbus sources."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from lnx_common.config import Seconds, Settings, rule_broken
from pydantic import Field, model_validator

from lnx_collector.contract import Name, SourceSettings
from lnx_collector.sources.modbus.registers import SIZES, Order, RegisterType

Table = Literal["holding", "input", "coil", "discrete"]
Device = Annotated[int, Field(ge=0, le=255)]
BIT_TABLES = ("coil", "discrete")
_REFERENCE = re.compile(r"([0134])(\d{4,5})")
_TABLE_OF = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}


class ModbusTag(Settings):
    """[[source.tag]]"""

    name: Name
    """Name of the tag, unique in the file: "press1.temperature"."""
    address: Annotated[int, Field(ge=0, le=65535)]
    """First register or bit, counted from 0 as on the wire; or a reference in quotes as in many manuals: "40001" is holding register 0."""
    table: Table = "holding"
    """holding (function 3), input (4), coil (1) or discrete (2)."""
    type: RegisterType = "uint16"
    """What the registers hold. Tags of coil and discrete are always bool."""
    order: Order | None = None
    """Order of the bytes when the type is longer than a byte; see the README or `lnx collect orders`. Default: the source's."""
    bit: int | None = Field(None, ge=0, le=15)
    """One bit of a register, 0 = lowest; makes the tag bool."""
    length: int = Field(1, ge=1, le=125)
    """Registers of a text."""
    device: Device | None = None
    """Number of the device (unit id, slave). Default: the source's."""
    scale: float = 1.0
    """value = raw * scale + offset; anything but 1 and 0 makes the tag a float."""
    offset: float = 0.0
    unit: str = ""
    """Unit of measurement: "°C", "bar"."""
    description: str = ""
    """What it is, for people."""
    period: Seconds | None = Field(None, gt=0)
    """Time between two readings. Default: the source's."""

    @model_validator(mode="before")
    @classmethod
    def _reference(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("address"), str):
            return raw
        match = _REFERENCE.fullmatch(raw["address"])
        if match is None or not 1 <= int(match[2]) <= 65536:
            raise rule_broken('an address from 0 on, or a reference like "40001"', '0부터 시작하는 주소 또는 "40001" 같은 참조 번호')
        if raw.get("table", _TABLE_OF[match[1]]) != _TABLE_OF[match[1]]:
            english = f'table = "{_TABLE_OF[match[1]]}", or no table, with the reference "{raw["address"]}"'
            raise rule_broken(english, f'참조 번호 "{raw["address"]}"에는 table = "{_TABLE_OF[match[1]]}"')
        return {**raw, "address": int(match[2]) - 1, "table": _TABLE_OF[match[1]]}

    @model_validator(mode="after")
    def _fits(self) -> ModbusTag:
        if self.address + self.registers > 65536:
            raise rule_broken("an address so that the last register is at most 65535", "마지막 레지스터가 65535 이하가 되는 주소")
        if self.bit is not None and (self.table in BIT_TABLES or self.type != "uint16"):
            raise rule_broken("bit only with one register (type uint16)", "bit는 레지스터 하나(type uint16)에서만 사용")
        return self

    @property
    def registers(self) -> int:
        """Registers (or bits) that it takes."""
        return 1 if self.table in BIT_TABLES else self.length if self.type == "text" else SIZES[self.type]


class Hole(Settings):
    """[[source.hole]]: addresses that must never be read, because the device answers with an error or worse."""

    first: int = Field(ge=0, le=65535)
    """First address of the hole, counted from 0."""
    last: int = Field(ge=0, le=65535)
    """Last address of the hole."""
    table: Table = "holding"
    device: Device | None = None
    """Default: the source's."""


class ModbusSettings(SourceSettings):
    """What TCP and RTU have in common."""

    device: Device = 1
    """Number of the device (unit id, slave) for tags that name none."""
    period: Seconds = Field(1.0, gt=0.005)
    """Time between two readings."""
    timeout: Seconds = Field(1.0, gt=0, le=60)
    """How long a device may take to answer."""
    retries: int = Field(1, ge=0, le=5)
    """So many times a device that has answered before is asked again at once, before it counts as silent."""
    order: Order = "ABCD"
    """Order of the bytes for tags that name none."""
    max_registers: int = Field(125, ge=1, le=125)
    """Most registers in one request; some devices take fewer than the 125 of the standard."""
    max_bits: int = Field(2000, ge=1, le=2000)
    """Most coils or discrete inputs in one request."""
    max_gap: int = Field(16, ge=0, le=124)
    """So many unused registers between two tags are read along rather than asking twice; 0 = never."""
    tag: tuple[ModbusTag, ...] = Field(min_length=1)
    hole: tuple[Hole, ...] = ()


class ModbusTcpSettings(ModbusSettings):
    """type = "modbus-tcp": a device or gateway in the network."""

    type: Literal["modbus-tcp"]
    host: str
    """Name or address of the device."""
    port: int = Field(502, ge=1, le=65535)
    framing: Literal["tcp", "rtu"] = "tcp"
    """"rtu" for serial servers that pass RTU frames through a TCP connection."""


class ModbusRtuSettings(ModbusSettings):
    """type = "modbus-rtu": devices on a serial line."""

    type: Literal["modbus-rtu"]
    port: str
    """"COM3", "/dev/ttyUSB0", or "usb:VID:PID" or "usb:VID:PID:SERIAL" (hex), which finds the adapter wherever it is plugged in."""
    baud: int = Field(9600, ge=300, le=4_000_000)
    parity: Literal["N", "E", "O"] = "E"
    """The standard says even; many devices are set to none."""
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8
