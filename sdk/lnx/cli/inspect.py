"""``lnx inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.container import inspect_container


def inspect_command(
    path: Annotated[Path, typer.Argument(help=say("arg.model"))],
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        told = inspect_container(path)
        if as_json:
            print_json(told)
            return
        table = Table(show_header=False, box=None)
        for key, value in told.pop("public").items():
            table.add_row(key, str(value))
        for key, value in told.items():
            shown = (
                ", ".join(" ".join(item.values()) if isinstance(item, dict) else str(item) for item in value)
                if isinstance(value, list)
                else value
            )
            table.add_row(key, str(shown))
        out.print(table)
