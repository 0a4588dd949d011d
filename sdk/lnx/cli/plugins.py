"""Commands of the other packages (entry-point group ``lnx.commands``), loaded only when they are asked for.

Their packages bring libraries that a PC which only runs models does not have, and need not load. A command whose libraries are missing
stays in the list and says which extra brings them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

import typer
from rich.markup import escape

from lnx.cli.messages import say
from lnx.cli.output import USAGE, err

GROUP = "lnx.commands"
EXTRAS = {"collect": "collector", "receiver": "agent"}  # where the extra has another name than the command


def asked_for(arguments: Sequence[str]) -> str | None:
    """The command that the arguments name, or None when they name none (help)."""
    return next((word for word in arguments if not word.startswith("-")), None)


def add_commands(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Adds the command that is asked for, or all of them for the help. Ends the program when what was asked for is not installed."""
    chosen = asked_for(arguments)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if chosen not in (None, entry.name):
            continue
        try:
            app.add_typer(_load(entry), name=entry.name)
        except ImportError as error:
            if chosen is not None:
                err.print(f"lnx {entry.name}: {needs(entry.name)}  ({error})", style="red", markup=False)
                raise SystemExit(USAGE) from None
            app.add_typer(typer.Typer(help=escape(needs(entry.name)), invoke_without_command=True), name=entry.name)


def needs(name: str) -> str:
    """What brings the libraries of a command."""
    return f"{say('needs')} pip install 'lnx-edge[{EXTRAS.get(name, name)}]'"


def _load(entry: EntryPoint) -> typer.Typer:
    loaded = entry.load()
    if not isinstance(loaded, typer.Typer):
        raise TypeError(f"{entry.value} is no typer.Typer")
    return loaded
