"""The commands ``lnx license`` and ``lnx dongle``."""

from __future__ import annotations

import typer

license_app = typer.Typer(help="Make, show and check licences.", no_args_is_help=True)

dongle_app = typer.Typer(help="List, provision and check dongles.", no_args_is_help=True)


@license_app.callback()
def _license_app() -> None:
    """Keeps the command a group."""


@dongle_app.callback()
def _dongle_app() -> None:
    """Keeps the command a group."""
