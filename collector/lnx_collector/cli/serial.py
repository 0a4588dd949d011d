"""`lnx collect sniff`. Heavy imports inside: see running.py."""

from __future__ import annotations

import string
from typing import Annotated

import typer
from lnx_common.console import NOT_WELL, err, print_json

from lnx_collector.cli.configure import JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported, table
from lnx_collector.runtime.loop import run_async

BAUDS = (9600, 19200, 38400, 115200, 4800, 57600, 2400)
PRINTABLE = set(string.printable.encode()) - set(b"\x0b\x0c")
ENOUGH = 8


def sniff_command(
    port: Annotated[str, typer.Argument(help=say("arg.port"))],
    baud: Annotated[list[int] | None, typer.Option("--baud", "-b", help=say("opt.baud"))] = None,
    seconds: Annotated[float, typer.Option(help=say("opt.seconds"), min=0.1)] = 3.0,
    as_json: JsonOption = False,
) -> None:
    with reported(as_json):
        found = run_async(_listen(port, tuple(baud or BAUDS), seconds))
    if as_json:
        print_json([{"baud": one, "bytes": len(heard), "looks_like": looks_like(heard), "start": heard[:80].hex()} for one, heard in found])
    else:
        rows = [(one, len(heard), looks_like(heard), repr(heard[:60])[2:-1]) for one, heard in found]
        table(("baud", "bytes", "looks-like", "start"), rows)
    if not any(heard for _, heard in found):
        err.print(say("silent"))
        raise typer.Exit(NOT_WELL)


async def _listen(port: str, bauds: tuple[int, ...], seconds: float) -> list[tuple[int, bytes]]:
    """What is heard at each speed, until one of them gives text."""
    from lnx_collector.sources.serial_line import sniff
    from lnx_collector.sources.serial_stream import LineSettings

    found = []
    for baud in bauds:
        heard = await sniff(LineSettings(port=port, baud=baud), seconds)
        found.append((baud, heard))
        if looks_like(heard) in ("NMEA", "text"):
            break
    return found


def looks_like(heard: bytes) -> str:
    """ "NMEA", "text", "Modbus RTU?", "binary", or "" for too little."""
    if len(heard) < ENOUGH:
        return ""
    from lnx_collector.sources.framing import crc16_modbus
    from lnx_collector.sources.nmea import checked_sentence

    if any(checked_sentence(line.strip()) for line in heard.split(b"\n") if line.startswith(b"$")):
        return "NMEA"
    if sum(byte in PRINTABLE for byte in heard) > 0.95 * len(heard):
        return "text"
    for begin in range(min(len(heard), 300)):
        for size in (8, *range(5, 40)):
            frame = heard[begin : begin + size]
            if len(frame) == size and frame[1] in range(1, 25) and crc16_modbus(frame[:-2]) == int.from_bytes(frame[-2:], "big"):
                return "Modbus RTU?"
    return "binary"
