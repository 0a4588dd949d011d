"""``lnx verify-file``."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.container import inspect_container, verify_container
from lnx.container.moment import parse_moment
from lnx.container.trust import load_trust


def signing_day(released: object) -> datetime:
    """When a container was released, as it says itself; now when it does not. A key of a list counts for its own days."""
    try:
        if isinstance(released, str) and len(released) == 10:
            return datetime.combine(date.fromisoformat(released), time(12), UTC)
        return parse_moment(released)
    except ValueError:
        return datetime.now(UTC)


def verify_command(
    path: Annotated[Path, typer.Argument(help=say("arg.model"))],
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        keys = load_trust(trust or []).keys("container", signing_day(inspect_container(path)["public"].get("released")))
        with progress_bar(path.name, as_json) as progress:
            progress("read", -1)
            checks = verify_container(path, keys.values(), progress=lambda fraction: progress("chunks", fraction))
        if as_json:
            print_json({"intact": True, "checks": checks})
            return
        for check in checks:
            out.print(check, markup=False)
        out.print(say("intact"), style="green")
