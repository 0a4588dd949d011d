"""From registers to values: types, and the four orders in which devices send the bytes of a number.

A register has two bytes, high byte first on the wire. How a device lays a longer number into registers is up to its maker, and the
names for it differ from product to product; here an order says where the bytes A (highest) to D (lowest) of a 32-bit number arrive:

    ABCD  high word first                     DCBA  low word first, bytes swapped in each word
    CDAB  low word first                      BADC  high word first, bytes swapped in each word

16-bit numbers know AB (ABCD, CDAB) and BA (BADC, DCBA); 64-bit numbers continue the pattern. `candidates` shows a number in all
orders and types, for finding the one that a device uses.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

from lnx_collector.sample import Value

Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]
ORDERS: tuple[Order, ...] = ("ABCD", "CDAB", "BADC", "DCBA")
RegisterType = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64", "bcd16", "bcd32", "text", "int8", "uint8"
]
SIZES: dict[str, int] = {
    "int8": 1,
    "uint8": 1,
    "int16": 1,
    "uint16": 1,
    "float16": 1,
    "bcd16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "bcd32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
    "text": 1,
}
_FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float16": ">e",
    "float32": ">f",
    "float64": ">d",
}
FLOATS = ("float16", "float32", "float64")


class UndecodableError(ValueError):
    """The registers do not hold such a value: a BCD digit above 9, a text that is not UTF-8."""


def ordered_bytes(registers: Sequence[int], order: Order) -> bytes:
    """The bytes of the number, highest first."""
    words = registers[::-1] if order in ("CDAB", "DCBA") else registers
    return struct.pack(f"{'<' if order in ('BADC', 'DCBA') else '>'}{len(words)}H", *words)


def decode(registers: Sequence[int], kind: RegisterType, order: Order) -> Value:
    """The value of registers (0..65535 each, as many as the type takes). Floats may be NaN. Raises UndecodableError."""
    raw = ordered_bytes(registers, order if kind != "text" or order in ("ABCD", "BADC") else "ABCD")
    if kind in _FORMATS:
        value: Value = struct.unpack(_FORMATS[kind], raw)[0]
        return value
    if kind == "uint8":
        return raw[-1]
    if kind == "int8":
        return raw[-1] - 256 if raw[-1] > 127 else raw[-1]
    if kind == "text":
        try:
            return raw.split(b"\0", 1)[0].decode("utf-8").rstrip()
        except UnicodeDecodeError as error:
            raise UndecodableError(f"no text: {raw.hex()}") from error
    digits = raw.hex()
    if not digits.isdecimal():
        raise UndecodableError(f"no BCD number: {digits}")
    return int(digits)


def encode(value: float | int, kind: RegisterType, order: Order) -> list[int]:
    """The registers of a number: the inverse of decode, for simulators and tests."""
    raw = struct.pack(_FORMATS[kind], value)
    words = list(struct.unpack(f"{'<' if order in ('BADC', 'DCBA') else '>'}{len(raw) // 2}H", raw))
    return words[::-1] if order in ("CDAB", "DCBA") else words


class Candidate(NamedTuple):
    """One reading of the same registers."""

    kind: RegisterType
    order: Order
    value: float | int
    error: float
    """Distance from the expected value relative to it; NaN when none was given."""


def candidates(registers: Sequence[int], expected: float | None = None) -> list[Candidate]:
    """Every reading of up to four registers; with ``expected`` (what the machine's panel shows) the nearest first.

    Readings that say the same (an order makes no difference to one register's floats and integers beyond its bytes) appear once.
    """
    found: dict[tuple[str, float | int], Candidate] = {}
    for kind in ("float32", "int16", "uint16", "int32", "uint32", "float64", "int64", "uint64", "float16", "bcd16", "bcd32"):
        size = SIZES[kind]
        if size > len(registers):
            continue
        for order in ORDERS:
            try:
                value = decode(registers[:size], kind, order)
            except UndecodableError:
                continue
            if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
                continue
            error = math.nan if expected is None else abs(value - expected) / max(abs(expected), 1e-9)
            found.setdefault((kind, value), Candidate(kind, order, value, error))
    listed = list(found.values())
    return listed if expected is None else sorted(listed, key=lambda one: one.error)
