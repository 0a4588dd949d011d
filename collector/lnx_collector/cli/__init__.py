"""The command ``lnx collect``."""

from __future__ import annotations

import typer

app = typer.Typer(help="Collect data of machines, sensors and cameras.", no_args_is_help=True)


@app.callback()
def _app() -> None:
    """Keeps the command a group."""
