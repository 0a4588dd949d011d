"""A serial line as a stream of bytes, read on a thread of its own: pyserial blocks.

`port` is what `serial_ports.find_port` takes, or "socket://host:port" for a serial server in the network.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal

import serial
from lnx_common.config import Settings
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.sources.serial_ports import find_port

LOOK = 0.1


class LineSettings(Settings):
    """How a serial line is set."""

    port: str
    """"COM3", "/dev/ttyUSB0", "usb:VID:PID" or "usb:VID:PID:SERIAL" (hex), or "socket://host:port" for a serial server."""
    baud: int = Field(9600, ge=50, le=4_000_000)
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8


class SerialStream:
    """Opened by `open`; `read` gives what has come, after at most a tenth of a second."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._line: Any = None
        self.where = settings.port

    async def open(self) -> None:
        """Raises PlantError 701."""
        settings = self._settings
        try:
            self.where = find_port(settings.port)
            self._line = await asyncio.to_thread(
                serial.serial_for_url,
                self.where,
                baudrate=settings.baud,
                parity=settings.parity,
                stopbits=settings.stop_bits,
                bytesize=settings.data_bits,
                timeout=LOOK,
            )
        except (OSError, ValueError) as error:
            raise PlantError(701, where=self.where, found=str(error), expected="an adapter that is plugged in and free") from error

    async def read(self) -> bytes:
        """Raises PlantError 701 when the adapter is gone."""
        try:
            return await asyncio.to_thread(self._read)
        except (OSError, TypeError, AttributeError) as error:  # pyserial raises these when the handle has gone away under it
            raise PlantError(701, where=self.where, found=str(error), expected="an adapter that is plugged in") from error

    def _read(self) -> bytes:
        line = self._line
        if line is None:
            raise OSError("closed")
        first = bytes(line.read(1))
        if first:
            with contextlib.suppress(NotImplementedError):
                first += bytes(line.read(min(4096, line.in_waiting)))
        return first

    async def write(self, data: bytes) -> None:
        """Raises PlantError 701."""
        if self._line is None:
            raise PlantError(701, where=self.where, found="closed")
        try:
            await asyncio.to_thread(self._line.write, data)
        except OSError as error:
            raise PlantError(701, where=self.where, found=str(error)) from error

    def close(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.close()
        self._line = None
