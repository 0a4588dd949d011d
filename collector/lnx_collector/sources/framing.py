"""Cuts a stream of bytes into frames, and checks them.

Invariants: a frame is handed out once and whole; bytes that belong to no frame are counted; memory stays below `longest`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce


class Frames:
    """Frames that end with ``end`` (b"\\r\\n"), or have ``length`` bytes; one of both is set."""

    def __init__(self, end: bytes = b"", length: int = 0, start: bytes = b"", longest: int = 4096) -> None:
        self._end, self._length, self._start, self._longest = end, length, start, longest
        self._waiting = b""
        self.noise = 0
        """Bytes that were thrown away since the last look."""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes, without their end."""
        self._waiting += data
        found = []
        while (frame := self._next()) is not None:
            if frame:
                found.append(frame)
        if len(self._waiting) > self._longest:
            self.noise += len(self._waiting)
            self._waiting = b""
        return found

    def _next(self) -> bytes | None:
        if self._start:
            begin = self._waiting.find(self._start)
            if begin < 0:
                keep = len(self._start) - 1
                dropped = max(0, len(self._waiting) - keep)
                self.noise += dropped
                self._waiting = self._waiting[dropped:]
                return None
            self.noise += begin
            self._waiting = self._waiting[begin:]
        if self._length:
            if len(self._waiting) < self._length:
                return None
            frame, self._waiting = self._waiting[: self._length], self._waiting[self._length :]
            return frame
        end = self._waiting.find(self._end)
        if end < 0:
            return None
        frame, self._waiting = self._waiting[:end], self._waiting[end + len(self._end) :]
        again = frame.rfind(self._start) if self._start else 0
        if again > 0:  # a frame was cut short and another one began
            self.noise += again
            frame = frame[again:]
        return frame


def xor8(data: bytes) -> int:
    return reduce(lambda a, b: a ^ b, data, 0)


def sum8(data: bytes) -> int:
    return sum(data) & 0xFF


def crc16_modbus(data: bytes) -> int:
    """As sent: low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return (crc & 0xFF) << 8 | crc >> 8


CHECKS: dict[str, tuple[Callable[[bytes], int], int]] = {"xor8": (xor8, 1), "sum8": (sum8, 1), "crc16-modbus": (crc16_modbus, 2)}
"""Name -> function and bytes it takes at the end of a frame."""


def without_checksum(frame: bytes, check: str, as_hex: bool) -> bytes | None:
    """The frame without its checksum; None when the checksum is wrong. ``as_hex``: it stands there as hex digits."""
    if check == "none":
        return frame
    function, size = CHECKS[check]
    width = size * 2 if as_hex else size
    body, given = frame[:-width], frame[-width:]
    if len(given) < width:
        return None
    expected = function(body)
    if as_hex:
        try:
            return body if int(given, 16) == expected else None
        except ValueError:
            return None
    return body if int.from_bytes(given, "big") == expected else None
