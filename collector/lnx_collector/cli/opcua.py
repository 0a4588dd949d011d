"""`lnx collect browse`. Heavy imports inside: see running.py."""

from __future__ import annotations

from typing import Annotated

import typer
from lnx_common.console import print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.configure import JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported
from lnx_collector.runtime.loop import run_async


def browse_command(
    url: Annotated[str, typer.Argument(help=say("arg.url"))],
    path: Annotated[str, typer.Option(help=say("opt.path"))] = "/Objects",
    most: Annotated[int, typer.Option(help=say("opt.most"), min=1)] = 500,
    as_json: JsonOption = False,
) -> None:
    with reported(as_json):
        from asyncua import ua

        from lnx_collector.sources.opcua.browsing import as_configuration, browse

        try:
            aliases, found = run_async(browse(url, path, most, 5.0))
        except (OSError, TimeoutError, ua.UaError, ValueError) as error:
            raise PlantError(701, where=url, found=str(error) or type(error).__name__) from error
    if as_json:
        print_json({"namespaces": aliases, "variables": [vars(one) for one in found]})
    else:
        typer.echo(as_configuration(url, aliases, found))
