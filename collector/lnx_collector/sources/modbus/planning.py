"""Groups the tags of one device and table into as few requests as it allows.

Neighbouring tags share a request, up to `most` registers, across at most `max_gap` unused ones. A range that the device has refused, or
that the configuration calls a hole, is never asked for.

Invariants (tested with random plans): every tag that overlaps no hole is in exactly one block, whole; blocks are ordered by address
and do not overlap unless tags do; no block touches a hole or is longer than `most` (a single tag may be).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lnx_collector.sources.modbus.settings import ModbusTag

Range = tuple[int, int]
"""First and last address, both included."""


@dataclass(frozen=True)
class Block:
    """One request."""

    first: int
    count: int
    tags: tuple[ModbusTag, ...]

    @property
    def last(self) -> int:
        return self.first + self.count - 1


def span(tag: ModbusTag) -> Range:
    return tag.address, tag.address + tag.registers - 1


def touches(one: Range, holes: Iterable[Range]) -> bool:
    """True when a range overlaps one of the holes."""
    return any(one[0] <= last and first <= one[1] for first, last in holes)


def plan(tags: Sequence[ModbusTag], *, most: int, max_gap: int, holes: Sequence[Range] = ()) -> list[Block]:
    """The requests that read all tags but those in holes."""
    blocks: list[Block] = []
    current: list[ModbusTag] = []
    first = last = 0
    for tag in sorted(tags, key=span):
        begin, end = span(tag)
        if touches((begin, end), holes):
            continue
        joins = current and max(end, last) - first < most and begin - last - 1 <= max_gap and not touches((first, max(end, last)), holes)
        if joins:
            current.append(tag)
            last = max(last, end)
            continue
        if current:
            blocks.append(Block(first, last - first + 1, tuple(current)))
        current, first, last = [tag], begin, end
    if current:
        blocks.append(Block(first, last - first + 1, tuple(current)))
    return blocks


def gaps(block: Block) -> list[Range]:
    """The unused ranges between the tags of a block."""
    found: list[Range] = []
    reached = block.first
    for tag in block.tags:
        begin, end = span(tag)
        if begin > reached:
            found.append((reached, begin - 1))
        reached = max(reached, end + 1)
    return found
