"""Registers become the values that the standard formats say, in every order; the order helper finds the one that fits."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector.sources.modbus.registers import ORDERS, SIZES, UndecodableError, candidates, decode, encode

# (type, order, registers, value): by hand from the IEEE and BCD definitions
CASES = [
    ("uint16", "ABCD", [0x1234], 0x1234),
    ("uint16", "BADC", [0x1234], 0x3412),
    ("int16", "ABCD", [0xFFFE], -2),
    ("uint8", "ABCD", [0x12FE], 0xFE),
    ("uint8", "BADC", [0x12FE], 0x12),
    ("int8", "ABCD", [0x00FE], -2),
    ("uint32", "ABCD", [0x0102, 0x0304], 0x01020304),
    ("uint32", "CDAB", [0x0304, 0x0102], 0x01020304),
    ("uint32", "BADC", [0x0201, 0x0403], 0x01020304),
    ("uint32", "DCBA", [0x0403, 0x0201], 0x01020304),
    ("int32", "ABCD", [0xFFFF, 0xFFFF], -1),
    ("float32", "ABCD", [0x41BC, 0x0000], 23.5),
    ("float32", "CDAB", [0x0000, 0x41BC], 23.5),
    ("float32", "BADC", [0xBC41, 0x0000], 23.5),
    ("float32", "DCBA", [0x0000, 0xBC41], 23.5),
    ("float16", "ABCD", [0x4DE0], 23.5),
    ("float64", "ABCD", [0x4037, 0x8000, 0, 0], 23.5),
    ("float64", "CDAB", [0, 0, 0x8000, 0x4037], 23.5),
    ("uint64", "ABCD", [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], 2**64 - 1),
    ("int64", "DCBA", [0xFEFF, 0xFFFF, 0xFFFF, 0xFFFF], -2),
    ("bcd16", "ABCD", [0x1234], 1234),
    ("bcd32", "CDAB", [0x5678, 0x1234], 12345678),
    ("text", "ABCD", [0x4142, 0x4344, 0x0041], "ABCD"),
    ("text", "BADC", [0x4241, 0x4443], "ABCD"),
]


@pytest.mark.parametrize(("kind", "order", "registers", "value"), CASES)
def test_registers_become_values(kind: str, order: str, registers: list[int], value: object) -> None:
    assert decode(registers, kind, order) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ORDERS)
@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float32_survives_every_order(order: str, value: float) -> None:
    assert decode(encode(value, "float32", order), "float32", order) == value  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=4), st.sampled_from(ORDERS), st.sampled_from(sorted(SIZES)))
def test_any_registers_give_a_value_or_say_that_they_hold_none(registers: list[int], order: str, kind: str) -> None:
    if len(registers) < SIZES[kind]:
        return
    try:
        decode(registers[: SIZES[kind]], kind, order)  # type: ignore[arg-type]
    except UndecodableError as error:
        assert kind in ("bcd16", "bcd32", "text")
        assert str(error)


@given(
    st.sampled_from(ORDERS),
    st.sampled_from(["float32", "float64", "int32", "uint32", "int16"]),
    st.integers(-300, 300).filter(lambda x: x not in (0, -1)),
)
def test_the_order_helper_puts_a_reading_with_the_expected_value_first(order: str, kind: str, value: int) -> None:
    if kind.startswith("uint"):
        value = abs(value)
    registers = encode(float(value) if "float" in kind else value, kind, order)  # type: ignore[arg-type]
    best = candidates(registers, float(value))[0]
    assert best.value == value
    assert decode(registers[: SIZES[best.kind]], best.kind, best.order) == value


def test_the_order_helper_shows_what_the_panel_shows() -> None:
    swapped = list(struct.unpack(">HH", struct.pack(">f", 72.31)))[::-1]
    best = candidates(swapped, 72.3)[0]
    assert (best.kind, best.order) == ("float32", "CDAB")
    assert math.isclose(best.value, 72.31, rel_tol=1e-6)
    assert all(math.isnan(one.error) for one in candidates(swapped))
