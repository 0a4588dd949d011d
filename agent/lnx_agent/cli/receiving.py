"""``lnx receiver run | query | import | token``."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import signal
from pathlib import Path
from typing import Annotated

import typer
from lnx_common.console import NOT_WELL, out, print_json, reported
from lnx_common.errors import PlantError
from lnx_common.files import InstanceLock
from rich.table import Table

from lnx_agent.cli.evidence import show
from lnx_agent.cli.messages import say
from lnx_agent.receiver import archive
from lnx_agent.receiver.carried import take_in
from lnx_agent.receiver.server import Receiver
from lnx_agent.receiver.settings import load_receiver

Config = Annotated[Path, typer.Argument(help=say("arg.receiver"))]


def run_command(config: Config) -> None:
    with reported():
        settings = load_receiver(config)
        with InstanceLock(settings.data / "lock"):
            receiver = Receiver(settings)
            asyncio.run(_serve(receiver))


async def _serve(receiver: Receiver) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: loop.call_soon_threadsafe(stop.set))
    ready: asyncio.Future[int] = loop.create_future()
    ready.add_done_callback(lambda done: out.print(f"{say('running')}: {receiver.settings.host}:{done.result()}", markup=False))
    await receiver.serve(stop, ready)


def query_command(
    config: Config,
    sql: Annotated[str, typer.Argument(help="SELECT … FROM records")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    with reported(as_json):
        settings = load_receiver(config)
        store = Receiver(settings).store
        try:
            names, rows = archive.query(store, sql)
        except archive.QueryError as error:
            raise PlantError(602, where="SQL", found=str(error), expected="a SELECT over the view records") from error
        finally:
            store.close()
        if as_json:
            print_json([dict(zip(names, map(str, row), strict=True)) for row in rows])
            return
        table = Table(*names)
        for row in rows:
            table.add_row(*map(str, row))
        out.print(table)


def import_command(
    config: Config,
    bundle: Annotated[Path, typer.Argument(help=say("receiver.import"))],
    plant: Annotated[str, typer.Option("--plant", help=say("opt.plant"))],
) -> None:
    with reported():
        settings = load_receiver(config)
        if plant not in [one.name for one in settings.plant]:
            raise PlantError(602, where="--plant", found=f'"{plant}"', expected=", ".join(one.name for one in settings.plant))
        receiver = Receiver(settings)
        receipt = bundle.with_suffix(".receipt")
        report = take_in(bundle, receipt, plant, receiver.store, receiver.signer)
        receiver.store.close()
        show(report)
        out.print(f"{say('written')}: {receipt}", markup=False)
        raise typer.Exit(0 if report.complete else NOT_WELL)


def token_command() -> None:
    """Prints a fresh token for the plant, and the line for receiver.toml that recognises it."""
    token = secrets.token_urlsafe(32)
    out.print(token, markup=False)
    out.print(f'token_sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"', markup=False)
