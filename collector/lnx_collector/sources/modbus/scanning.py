"""Finds out what a Modbus device has, politely: only reads, one request at a time with a pause after each, and an end to it.

A range that answers is kept; one that is refused as an illegal address is halved, down to single registers. After `PATIENCE` refusals in
a row the table counts as at its end, and a device that falls silent while it is scanned is left alone.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from lnx_collector.sources.modbus.link import Link, RefusedError, SilentError
from lnx_collector.sources.modbus.settings import Table

PATIENCE = 40
STRIDE = 32


@dataclass
class Found:
    """What one table of one device has."""

    device: int
    table: Table
    values: dict[int, int] = field(default_factory=dict)
    """Address -> register or bit."""
    stopped: str = ""
    """Why the scan ended early; empty when it did not."""

    def ranges(self) -> list[tuple[int, int]]:
        """Readable addresses as (first, last)."""
        found: list[tuple[int, int]] = []
        for address in sorted(self.values):
            if found and found[-1][1] == address - 1:
                found[-1] = (found[-1][0], address)
            else:
                found.append((address, address))
        return found


async def find_devices(link: Link, devices: Iterable[int], timeout: float, pause: float) -> AsyncIterator[int]:
    """The unit ids that answer anything at all, an exception too."""
    for device in devices:
        try:
            await link.read(device, "holding", 0, 1, timeout)
            yield device
        except RefusedError as error:
            if error.code not in (10, 11):
                yield device
        except SilentError:
            pass
        await asyncio.sleep(pause)


async def scan_table(link: Link, device: int, table: Table, first: int, last: int, timeout: float, pause: float) -> Found:
    """Reads first..last of a table."""
    found = Found(device, table)
    ranges = [(begin, min(begin + STRIDE - 1, last)) for begin in range(first, last + 1, STRIDE)][::-1]
    refusals = 0
    while ranges:
        begin, end = ranges.pop()
        try:
            values = await link.read(device, table, begin, end - begin + 1, timeout)
        except SilentError:
            found.stopped = f"silent at {begin}"
            return found
        except RefusedError as error:
            refusals += 1
            if error.code == 1:
                found.stopped = "the device does not have this table"
                return found
            if refusals >= PATIENCE:
                found.stopped = f"{PATIENCE} refusals in a row at {begin}"
                return found
            if begin < end:
                middle = (begin + end) // 2
                ranges += [(middle + 1, end), (begin, middle)]
        else:
            refusals = 0
            found.values |= {begin + i: value for i, value in enumerate(values)}
        await asyncio.sleep(pause)
    return found


def as_configuration(host: str, port: int, found: Found, most: int = 50) -> str:
    """A source to start from: a tag for each address that is not zero (at most ``most``), and the holes between readable ranges."""
    ranges = found.ranges()
    lines = [
        "[[source]]",
        f'name = "device{found.device}"',
        'type = "modbus-tcp"',
        f'host = "{host}"',
        f"port = {port}",
        f"device = {found.device}",
    ]
    interesting = [address for address, value in sorted(found.values.items()) if value] or sorted(found.values)
    for address in interesting[:most]:
        lines += ["", "  [[source.tag]]", f'  name = "device{found.device}.{found.table}{address}"', f"  address = {address}"]
        lines += [f'  table = "{found.table}"'] if found.table != "holding" else []
    for (_, last), (first, _) in itertools.pairwise(ranges):
        lines += ["", "  [[source.hole]]", f"  first = {last + 1}", f"  last = {first - 1}", f'  table = "{found.table}"']
    return "\n".join(lines) + "\n"
