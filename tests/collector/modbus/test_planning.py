"""Requests: as few as the device allows, never across a hole, every tag once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lnx_collector.sources.modbus.planning import gaps, plan, span, touches
from lnx_collector.sources.modbus.settings import ModbusTag

TAGS = st.lists(
    st.builds(
        lambda address, kind: ModbusTag(name="t", address=address, type=kind),
        st.integers(0, 400),
        st.sampled_from(["uint16", "float32", "float64"]),
    ),
    max_size=60,
)
HOLES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=6)


def registers(*addresses: int) -> list[ModbusTag]:
    return [ModbusTag(name=f"t{address}", address=address) for address in addresses]


@given(TAGS, HOLES, st.integers(4, 125), st.integers(0, 40))
def test_every_readable_tag_is_read_once_and_no_request_touches_a_hole(
    tags: list[ModbusTag], holes: list[tuple[int, int]], most: int, max_gap: int
) -> None:
    blocks = plan(tags, most=most, max_gap=max_gap, holes=holes)
    read = [id(tag) for block in blocks for tag in block.tags]
    assert sorted(read) == sorted(id(tag) for tag in tags if not touches(span(tag), holes))
    for block in blocks:
        assert not touches((block.first, block.last), holes)
        assert block.count <= most
        assert all(block.first <= tag.address and span(tag)[1] <= block.last for tag in block.tags)
        assert all(last - first + 1 <= max_gap for first, last in gaps(block))
    assert [block.first for block in blocks] == sorted(block.first for block in blocks)


def test_a_thousand_neighbours_take_eight_requests() -> None:
    assert len(plan(registers(*range(1000)), most=125, max_gap=16)) == 8


def test_a_gap_is_read_along_when_it_is_small_and_not_when_it_is_a_hole() -> None:
    tags = registers(0, 10, 40)
    assert [(b.first, b.count) for b in plan(tags, most=125, max_gap=16)] == [(0, 11), (40, 1)]
    assert [(b.first, b.count) for b in plan(tags, most=125, max_gap=16, holes=[(5, 5)])] == [(0, 1), (10, 1), (40, 1)]
    assert [(b.first, b.count) for b in plan(tags, most=125, max_gap=0)] == [(0, 1), (10, 1), (40, 1)]


def test_a_tag_in_a_hole_is_not_asked_for() -> None:
    assert [b.first for b in plan(registers(1, 2, 3), most=125, max_gap=0, holes=[(2, 2)])] == [1, 3]
