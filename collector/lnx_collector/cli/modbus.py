"""`lnx collect scan` and `orders`: what a Modbus device has, and in which order it sends its bytes. Heavy imports inside."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from lnx_common.console import NOT_WELL, err, out, print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.configure import JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported, table
from lnx_collector.runtime.loop import run_async

if TYPE_CHECKING:
    from lnx_collector.sources.modbus.link import Link
    from lnx_collector.sources.modbus.scanning import Found

HostArgument = Annotated[str, typer.Argument(help=say("arg.host"))]
DeviceOption = Annotated[int, typer.Option("--device", "-d", help=say("opt.device"), min=0, max=255)]
TableOption = Annotated[str, typer.Option("--table", help=say("opt.table"))]
TABLES = ("holding", "input", "coil", "discrete")


def _link(host: str, name: str, timeout: float) -> Link:
    from lnx_collector.sources.modbus.link import Link
    from lnx_collector.sources.modbus.settings import ModbusTcpSettings

    where, _, port = host.partition(":")
    if port and not port.isdigit():
        raise PlantError(602, where="HOST", found=host, expected="host or host:port")
    tag = {"name": name, "address": 0}
    raw = {"name": name, "type": "modbus-tcp", "host": where, "port": int(port or 502), "timeout": timeout, "tag": [tag]}
    return Link(ModbusTcpSettings.model_validate(raw))


def _table(name: str) -> Any:
    if name not in TABLES:
        raise PlantError(602, where="--table", found=name, expected=", ".join(TABLES))
    return name


def scan_command(
    host: HostArgument,
    device: Annotated[list[int] | None, typer.Option("--device", "-d", help=say("opt.devices"), min=0, max=255)] = None,
    table_name: TableOption = "holding",
    first: Annotated[int, typer.Option(help=say("opt.first"), min=0, max=65535)] = 0,
    last: Annotated[int, typer.Option(help=say("opt.last"), min=0, max=65535)] = 199,
    pause: Annotated[float, typer.Option(help=say("opt.pause"), min=0.01)] = 0.2,
    timeout: Annotated[float, typer.Option(help=say("opt.timeout"), min=0.05)] = 1.0,
    as_json: JsonOption = False,
) -> None:
    with reported(as_json):
        found = run_async(
            _scan(_link(host, "scan", timeout), device or list(range(1, 17)), _table(table_name), first, last, pause, timeout)
        )
    if as_json:
        print_json(
            [
                {"device": one.device, "table": one.table, "ranges": one.ranges(), "values": one.values, "stopped": one.stopped}
                for one in found
            ]
        )
    else:
        from lnx_collector.sources.modbus.scanning import as_configuration

        where, _, port = host.partition(":")
        for one in found:
            listed = ", ".join(f"{begin}..{end}" for begin, end in one.ranges())
            err.print(f"{say('device')} {one.device}: {one.table} {listed} {one.stopped}", markup=False)
            if one.values:
                typer.echo(as_configuration(where, int(port or 502), one))
    if not found:
        err.print(say("no-device"))
        raise typer.Exit(NOT_WELL)


async def _scan(link: Link, devices: list[int], table_name: Any, first: int, last: int, pause: float, timeout: float) -> list[Found]:
    from lnx_collector.sources.modbus.scanning import find_devices, scan_table

    await link.open()
    try:
        present = [device async for device in find_devices(link, devices, timeout, pause)]
        return [await scan_table(link, device, table_name, first, last, timeout, pause) for device in present]
    finally:
        link.close()


def orders_command(
    host: Annotated[str | None, typer.Argument(help=say("arg.host"))] = None,
    address: Annotated[int, typer.Option(help=say("opt.address"), min=0, max=65535)] = 0,
    device: DeviceOption = 1,
    table_name: TableOption = "holding",
    register: Annotated[list[int] | None, typer.Option("--register", "-r", help=say("opt.register"), min=0, max=65535)] = None,
    expected: Annotated[float | None, typer.Option("--expected", "-e", help=say("opt.expected"))] = None,
    as_json: JsonOption = False,
) -> None:
    from lnx_collector.sources.modbus.registers import candidates

    with reported(as_json):
        if host is None and not register:
            raise PlantError(602, where="lnx collect orders", found="-", expected="HOST --address N, or --register N --register N")
        registers = register or run_async(_read(_link(host or "", "orders", 1.0), device, _table(table_name), address))
        listed = candidates(registers, expected)
    if as_json:
        print_json([{"type": c.kind, "order": c.order, "value": c.value} for c in listed])
        return
    out.print(f"{say('registers')}: {' '.join(map(str, registers))}", markup=False)
    rows = [(c.kind, c.order, f"{c.value:.8g}", "" if math.isnan(c.error) else f"{100 * c.error:.2g} %") for c in listed]
    table(("type", "order", "value", "distance"), rows)


async def _read(link: Link, device: int, table_name: Any, address: int) -> list[int]:
    """Four registers, or fewer where the device has no more."""
    from lnx_collector.sources.modbus.link import RefusedError, SilentError

    await link.open()
    try:
        for count in (4, 2, 1):
            try:
                return await link.read(device, table_name, address, count, 1.0)
            except RefusedError as error:
                refused: Exception = error
            except SilentError as error:
                raise PlantError(701, where=f"{link.where} device {device}", found="no answer") from error
        raise PlantError(702, where=f"{link.where} device {device}", found=str(refused))
    finally:
        link.close()
