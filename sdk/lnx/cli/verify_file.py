"""``lnx verify-file``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.container import load_public_key, verify_container


def trusted_files(given: list[Path]) -> list[Path]:
    """The named keys and those of the trust folder, as the core looks for them."""
    folder = os.environ.get("LNX_TRUST_DIR") or (
        os.path.join(os.environ.get("ProgramData", ""), "LNX", "trust") if os.name == "nt" else "/etc/lnx/trust"  # noqa: PTH118, SIM112
    )
    return [*given, *sorted(Path(folder).glob("*.pem"))]


def verify_command(
    path: Annotated[Path, typer.Argument(help=say("arg.model"))],
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        checks = verify_container(path, [load_public_key(key) for key in trusted_files(trust or [])])
        if as_json:
            print_json({"intact": True, "checks": checks})
            return
        for check in checks:
            out.print(check, markup=False)
        out.print(say("intact"), style="green")
