"""Command APDUs (ISO 7816-4): short and extended lengths, command chaining, GET RESPONSE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SUCCESS = b"\x90\x00"
MAX_CHAIN = 8192


class RefusedError(Exception):
    """The command ends with this status word."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True)
class Command:
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    most: int  # bytes the host wants back at most


def parse(raw: bytes) -> Command:
    if len(raw) < 4:
        raise RefusedError(0x6700)
    body = raw[4:]
    data, rest, extended = b"", b"", False
    if len(body) == 1:
        rest = body
    elif len(body) >= 3 and body[0] == 0:
        extended = True
        size = int.from_bytes(body[1:3], "big")
        data, rest = (b"", body[1:3]) if len(body) == 3 else (body[3 : 3 + size], body[3 + size :])
        if len(body) > 3 and (len(data) != size or len(rest) not in (0, 2)):
            raise RefusedError(0x6700)
    elif body:
        size = body[0]
        data, rest = body[1 : 1 + size], body[1 + size :]
        if len(data) != size or len(rest) > 1:
            raise RefusedError(0x6700)
    most = (int.from_bytes(rest, "big") if rest else 0) or (65536 if extended else 256)
    return Command(*raw[:4], data, most)


class Channel:
    """Puts chained commands together and hands long answers out in pieces."""

    def __init__(self, dispatch: Callable[[Command], bytes]) -> None:
        self._dispatch = dispatch
        self.reset()

    def reset(self) -> None:
        self._chain = b""
        self._answer = b""

    def transmit(self, raw: bytes) -> bytes:
        try:
            return self._transmit(parse(raw))
        except RefusedError as refusal:
            self._chain = b""
            return refusal.sw.to_bytes(2, "big")

    def _transmit(self, command: Command) -> bytes:
        if command.ins == 0xC0:
            if not self._answer:
                raise RefusedError(0x6985)
            return self._piece(command.most)
        self._answer = b""
        if command.cla & 0x10:
            self._chain += command.data
            if len(self._chain) > MAX_CHAIN:
                raise RefusedError(0x6700)
            return SUCCESS
        if command.cla & ~0x03:
            raise RefusedError(0x6E00)
        data, self._chain = self._chain + command.data, b""
        self._answer = self._dispatch(Command(command.cla, command.ins, command.p1, command.p2, data, command.most))
        return self._piece(command.most)

    def _piece(self, most: int) -> bytes:
        piece, self._answer = self._answer[:most], self._answer[most:]
        return piece + (bytes([0x61, min(len(self._answer), 255)]) if self._answer else SUCCESS)
