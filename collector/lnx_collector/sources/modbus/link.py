"""One connection to Modbus devices, through pymodbus; the only module that knows pymodbus.

Invariants
  - One request at a time. An answer counts only for the request that waits for it: over TCP its transaction number must be equal,
    on a serial line nothing is asked after a timeout until the line has been quiet for as long, so that a late answer cannot be taken
    for the next one.
  - An answer of another length than was asked for is refused.
"""

from __future__ import annotations

import asyncio
import logging
import time

from lnx_common.errors import PlantError
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from lnx_collector.sources.modbus.settings import ModbusRtuSettings, ModbusSettings, ModbusTcpSettings, Table
from lnx_collector.sources.serial_ports import find_port

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what matters of it is told by us

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


class SilentError(Exception):
    """No answer within the timeout."""


class RefusedError(Exception):
    """The device answered with an exception; ``code`` is its number."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"exception {code} ({EXCEPTIONS.get(code, 'not in the standard')})")


class Link:
    """Opened by `open`, used by one task at a time per request; others wait their turn."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._serial = isinstance(settings, ModbusRtuSettings) or getattr(settings, "framing", "") == "rtu"
        self._client: AsyncModbusTcpClient | AsyncModbusSerialClient | None = None
        self._turn = asyncio.Lock()
        self.where = ""
        self.requests = 0

    async def open(self) -> None:
        """Raises PlantError 701."""
        settings = self._settings
        if isinstance(settings, ModbusTcpSettings):
            self.where = f"{settings.host}:{settings.port}"
            framer = FramerType.RTU if settings.framing == "rtu" else FramerType.SOCKET
            timeout = min(3.0, max(0.5, settings.timeout))
            self._client = AsyncModbusTcpClient(
                settings.host, port=settings.port, framer=framer, timeout=timeout, retries=0, reconnect_delay=0, name=settings.name
            )
        elif isinstance(settings, ModbusRtuSettings):
            port = find_port(settings.port)
            self.where = f"{port} ({settings.baud} {settings.data_bits}{settings.parity}{settings.stop_bits})"
            self._client = AsyncModbusSerialClient(
                port,
                baudrate=settings.baud,
                bytesize=settings.data_bits,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                timeout=settings.timeout,
                retries=0,
                reconnect_delay=0,
                name=settings.name,
            )
        else:
            raise TypeError(type(settings))
        try:
            connected = await self._client.connect()
        except (OSError, ModbusException) as error:
            raise PlantError(701, where=self.where, found=str(error)) from error
        if not connected:
            raise PlantError(701, where=self.where, found="no connection", expected="an open port")
        self._client.set_max_no_responses(10**9)  # whether to hang up is decided by whoever knows all devices of the line

    async def read(self, device: int, table: Table, first: int, count: int, timeout: float) -> list[int]:
        """``count`` registers (0..65535) or bits (0, 1). Raises SilentError, RefusedError, or PlantError 701, 702."""
        client = self._client
        async with self._turn:
            if client is None or not client.connected:
                raise PlantError(701, where=self.where, found="the connection was closed by the device")
            ask = {
                "holding": client.read_holding_registers,
                "input": client.read_input_registers,
                "coil": client.read_coils,
                "discrete": client.read_discrete_inputs,
            }[table]
            self.requests += 1
            try:
                answer = await asyncio.wait_for(ask(first, count=count, device_id=device), timeout)
            except (TimeoutError, ModbusException, OSError) as error:
                if not client.connected:
                    raise PlantError(701, where=self.where, found="the connection was lost") from error
                if self._serial:
                    await self._until_quiet(timeout)
                raise SilentError(str(error)) from error
        if answer.isError():
            raise RefusedError(int(answer.exception_code))
        values = [int(bit) for bit in answer.bits[:count]] if table in ("coil", "discrete") else list(answer.registers)
        if len(values) != count:
            raise PlantError(702, where=f"{self.where} device {device}", found=f"{len(values)} values", expected=f"{count} values")
        return values

    async def _until_quiet(self, timeout: float) -> None:
        """Lets a late answer arrive and be thrown away."""
        await asyncio.sleep(min(timeout, 1.0))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None


def time_left(period: float, begin: float) -> float:
    """Seconds until the next beat of a scan that began at ``begin`` (monotonic)."""
    return begin + period - time.monotonic()
