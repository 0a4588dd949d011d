"""The commands ``lnx agent`` and ``lnx receiver``."""

from __future__ import annotations

import typer

app = typer.Typer(help="Deliver the system log and prove that it is complete.", no_args_is_help=True)

receiver = typer.Typer(help="Receive the system log.", no_args_is_help=True)


@app.callback()
def _app() -> None:
    """Keeps the command a group."""


@receiver.callback()
def _receiver() -> None:
    """Keeps the command a group."""
