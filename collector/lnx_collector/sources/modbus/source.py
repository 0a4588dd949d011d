"""Polls Modbus devices: each period its own beat, each device its own fate.

A device that does not answer is asked again after growing pauses, at the end of a scan and only in the time that is left of it, so that
the other devices keep their period; every fifth time it gets its whole timeout. A request that is refused because of its address is
taken apart once: the addresses that the device does not have are remembered as holes and asked for again only after `ASK_AGAIN`.

Times: source_time and server_time are none, Modbus has no such thing; receive_time is when the answer arrived.
Quality: no answer BAD_NO_COMMUNICATION, exceptions 1 to 3 BAD_NODE_ID_UNKNOWN, 4 BAD_DEVICE_FAILURE, 10 and 11 like no answer, others
BAD_COMMUNICATION; registers that are no such value (NaN, BCD digit above 9) BAD_OUT_OF_RANGE or BAD_DECODING.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lnx_common.errors import PlantError

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext
from lnx_collector.runtime.ticker import beat
from lnx_collector.sample import Kind, Sample, Tag, bad, good
from lnx_collector.sources.modbus import planning
from lnx_collector.sources.modbus.link import Link, RefusedError, SilentError, time_left
from lnx_collector.sources.modbus.planning import Block, Range
from lnx_collector.sources.modbus.registers import FLOATS, Order, UndecodableError, decode
from lnx_collector.sources.modbus.settings import BIT_TABLES, ModbusSettings, ModbusTag, Table

ASK_AGAIN = 600.0
LEAST_TIMEOUT = 0.05
FULL_PATIENCE_EVERY = 5
HANG_UP_AFTER = 3
ILLEGAL = (1, 2, 3)
GATEWAY_SILENT = (10, 11)


@dataclass
class Device:
    """What is known of one device on the line."""

    number: int
    holes: dict[Table, list[Range]] = field(default_factory=lambda: defaultdict(list))
    learned: dict[Table, list[tuple[Range, float]]] = field(default_factory=lambda: defaultdict(list))
    """Ranges that it refused, and when to ask again (monotonic)."""
    silent: int = 0
    """Attempts without an answer in a row."""
    next_try: float = 0.0
    told: set[str] = field(default_factory=set)
    """Tags whose last sample was Bad: each is told once."""


class ModbusSource:
    """One connection and all the devices behind it."""

    def __init__(self, settings: ModbusSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._devices: dict[int, Device] = {}
        for tag in settings.tag:
            self._devices.setdefault(self._device_of(tag), Device(self._device_of(tag)))
        for hole in settings.hole:
            number = settings.device if hole.device is None else hole.device
            if number in self._devices:
                self._devices[number].holes[hole.table].append((hole.first, hole.last))
        self._plans: dict[tuple[float, int, Table], list[Block]] = {}
        self._unanswered = 0

    def tags(self) -> list[Tag]:
        return [Tag(tag.name, self._settings.name, kind_of(tag), tag.unit, tag.description) for tag in self._settings.tag]

    async def run(self, intake: Intake) -> None:
        link = Link(self._settings)
        self._unanswered = 0
        await link.open()
        try:
            async with asyncio.TaskGroup() as group:
                for period in sorted({self._period_of(tag) for tag in self._settings.tag}):
                    group.create_task(self._poll(link, intake, period))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            link.close()

    # ── one period ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _poll(self, link: Link, intake: Intake, period: float) -> None:
        tags: dict[int, dict[Table, list[ModbusTag]]] = defaultdict(lambda: defaultdict(list))
        for tag in self._settings.tag:
            if self._period_of(tag) == period:
                tags[self._device_of(tag)][tag.table].append(tag)
        devices = [self._devices[number] for number in tags]
        async for missed in beat(period):
            begin = time.monotonic()
            answering = [device for device in devices if not device.silent]
            if missed and answering:
                count = sum(len(one) for device in answering for one in tags[device.number].values())
                intake.lost(missed * count, "scan_late")
            samples: list[Sample] = []
            for device in answering:
                samples += await self._scan(link, intake, device, tags[device.number], period, self._settings.timeout)
            if samples:
                await intake.accept(samples)
            for device in devices:
                if device.silent and device.next_try <= time.monotonic():
                    await self._try_again(link, intake, device, tags[device.number], period, begin)

    async def _try_again(
        self, link: Link, intake: Intake, device: Device, tables: dict[Table, list[ModbusTag]], period: float, begin: float
    ) -> None:
        """Asks a silent device in the time that the scan has left; every fifth time as long as it may take."""
        alone = all(other.silent for other in self._devices.values())
        patience = self._settings.timeout
        if not alone and device.silent % FULL_PATIENCE_EVERY:
            patience = min(patience, max(LEAST_TIMEOUT, time_left(period, begin) / 2))
        samples = await self._scan(link, intake, device, tables, period, patience)
        if samples:
            await intake.accept(samples)

    async def _scan(
        self, link: Link, intake: Intake, device: Device, tables: dict[Table, list[ModbusTag]], period: float, timeout: float
    ) -> list[Sample]:
        """One reading of all tags of a device; Bad samples, once, when it does not answer."""
        samples: list[Sample] = []
        for table, tags in tables.items():
            for block in self._plan(device, table, tags, period):
                try:
                    samples += await self._read(link, device, table, block, timeout)
                except SilentError:
                    return samples + self._silent(intake, device, [tag for listed in tables.values() for tag in listed], link.where)
            samples += self._illegal(intake, device, table, tags)
        if device.silent:
            device.silent = 0
            intake.well(f"device {device.number}")
        return samples

    def _plan(self, device: Device, table: Table, tags: Sequence[ModbusTag], period: float) -> list[Block]:
        now = time.monotonic()
        if any(until <= now for _, until in device.learned[table]):
            device.learned[table] = [(hole, until) for hole, until in device.learned[table] if until > now]
            self._forget_plans(device, table)
        key = (period, device.number, table)
        if key not in self._plans:
            most = self._settings.max_bits if table in BIT_TABLES else self._settings.max_registers
            holes = device.holes[table] + [hole for hole, _ in device.learned[table]]
            self._plans[key] = planning.plan(tags, most=most, max_gap=self._settings.max_gap, holes=holes)
        return self._plans[key]

    def _forget_plans(self, device: Device, table: Table) -> None:
        self._plans = {key: value for key, value in self._plans.items() if key[1:] != (device.number, table)}

    # ── one request ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self, link: Link, device: Device, table: Table, block: Block, timeout: float) -> list[Sample]:
        try:
            values = await self._ask(link, device, table, block, timeout)
        except RefusedError as error:
            if error.code in ILLEGAL:
                return await self._take_apart(link, device, table, block, timeout)
            code = q.BAD_DEVICE_FAILURE if error.code == 4 else q.BAD_COMMUNICATION
            return self._once_bad(device, block.tags, code)
        now = self._now()
        samples = [sample_of(tag, values[tag.address - block.first :][: tag.registers], self._order_of(tag), now) for tag in block.tags]
        if device.told:
            device.told -= {tag.name for tag in block.tags}
        return samples

    async def _ask(self, link: Link, device: Device, table: Table, block: Block, timeout: float) -> list[int]:
        try:
            values = await self._read_patiently(link, device, table, block, timeout)
        except SilentError:
            self._count_silence(link)
            raise
        except RefusedError as error:
            if error.code in GATEWAY_SILENT:
                raise SilentError(str(error)) from error
            self._unanswered = 0
            raise
        self._unanswered = 0
        return values

    async def _read_patiently(self, link: Link, device: Device, table: Table, block: Block, timeout: float) -> list[int]:
        """Asks a device that has answered before once more: a single frame is easily lost on a serial line."""
        for _ in range(0 if device.silent else self._settings.retries):
            try:
                return await link.read(device.number, table, block.first, block.count, timeout)
            except SilentError:
                continue
        return await link.read(device.number, table, block.first, block.count, timeout)

    def _count_silence(self, link: Link) -> None:
        """Hangs up when nobody on the line has answered for some time: the connection itself may be dead."""
        self._unanswered += 1
        if self._unanswered >= max(HANG_UP_AFTER, len(self._devices) + 1) and all(one.silent for one in self._devices.values()):
            raise PlantError(701, where=link.where, found=f"no answer to {self._unanswered} requests", expected="an answer")

    async def _take_apart(self, link: Link, device: Device, table: Table, block: Block, timeout: float) -> list[Sample]:
        """A block was refused: finds out which of its tags, or the gaps between them, the device does not have."""
        until = time.monotonic() + ASK_AGAIN
        if len(block.tags) == 1:
            device.learned[table].append(((block.first, block.last), until))
            self._forget_plans(device, table)
            return []
        samples: list[Sample] = []
        refused = len(device.learned[table])
        for single in planning.plan(block.tags, most=1, max_gap=0):
            samples += await self._read(link, device, table, single, timeout)
        if len(device.learned[table]) == refused:  # each tag is there: the gaps between them are not
            device.learned[table] += [(gap, until) for gap in planning.gaps(block)]
            self._forget_plans(device, table)
        return samples

    # ── what is Bad ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _silent(self, intake: Intake, device: Device, tags: Sequence[ModbusTag], where: str) -> list[Sample]:
        device.silent += 1
        pause = min(self._settings.backoff_max, self._settings.period * 2.0 ** min(device.silent, 30))
        device.next_try = time.monotonic() + pause
        error = PlantError(
            701, where=f"{where} device {device.number}", found="no answer", expected=f"an answer within {self._settings.timeout} s"
        )
        intake.trouble(f"device {device.number}", error)
        return self._once_bad(device, tags, q.BAD_NO_COMMUNICATION)

    def _illegal(self, intake: Intake, device: Device, table: Table, tags: Sequence[ModbusTag]) -> list[Sample]:
        """Bad samples, once, for tags in ranges that the device has refused."""
        holes = device.holes[table] + [hole for hole, _ in device.learned[table]]
        if not holes:
            return []
        missing = [tag for tag in tags if planning.touches(planning.span(tag), holes)]
        for tag in missing:
            if tag.name not in device.told:
                found = f"{table} {tag.address}..{tag.address + tag.registers - 1} refused as an illegal address"
                intake.trouble(tag.name, PlantError(702, where=f"device {device.number}", found=found))
        return self._once_bad(device, missing, q.BAD_NODE_ID_UNKNOWN)

    def _once_bad(self, device: Device, tags: Sequence[ModbusTag], code: int) -> list[Sample]:
        fresh = [tag.name for tag in tags if tag.name not in device.told]
        device.told.update(fresh)
        now = self._now()
        return [bad(name, code, now) for name in fresh]

    # ── defaults of a tag ────────────────────────────────────────────────────────────────────────────────────────────────

    def _device_of(self, tag: ModbusTag) -> int:
        return self._settings.device if tag.device is None else tag.device

    def _period_of(self, tag: ModbusTag) -> float:
        return self._settings.period if tag.period is None else tag.period

    def _order_of(self, tag: ModbusTag) -> Order:
        return tag.order or self._settings.order


def kind_of(tag: ModbusTag) -> Kind:
    """Kind of the tag's values."""
    if tag.table in BIT_TABLES or tag.bit is not None:
        return "bool"
    if tag.type == "text":
        return "text"
    return "float" if tag.type in FLOATS or (tag.scale, tag.offset) != (1.0, 0.0) else "int"


def sample_of(tag: ModbusTag, registers: Sequence[int], order: Order, now: int) -> Sample:
    """The sample of a tag from its registers or bit."""
    if tag.table in BIT_TABLES:
        return Sample(tag.name, bool(registers[0]), q.GOOD, None, None, now)
    if tag.bit is not None:
        return Sample(tag.name, bool(registers[0] >> tag.bit & 1), q.GOOD, None, None, now)
    try:
        value = decode(registers, tag.type, order)
    except UndecodableError:
        return bad(tag.name, q.BAD_DECODING, now)
    if isinstance(value, str):
        return good(tag.name, value, now)
    if value is None:
        return bad(tag.name, q.BAD_DECODING, now)
    scaled = value if (tag.scale, tag.offset) == (1.0, 0.0) else value * tag.scale + tag.offset
    return good(tag.name, scaled, now)
