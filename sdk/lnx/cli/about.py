"""``lnx about``: the version, the licence, and the programme that supported the development."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from lnx import attribution
from lnx.cli.messages import language, say
from lnx.cli.output import out, print_json


def about_command(as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False) -> None:
    told = {"version": metadata.version("lnx-edge"), "license": "Apache-2.0"}
    if as_json:
        print_json({**told, "attribution": attribution.KOREAN})
        return
    out.print(f"LNX Edge {told['version']}, {told['license']}", markup=False)
    out.print(attribution.KOREAN if language() == "ko" else attribution.ENGLISH, markup=False)
