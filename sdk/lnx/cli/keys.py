"""``lnx keys new`` and ``lnx keys show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.container import (
    key_id,
    load_family_keys,
    load_public_key,
    load_signing_key,
    new_container_key,
    new_family_key,
    new_recording_key,
)
from lnx.errors import LnxError

app = typer.Typer(no_args_is_help=True)


def _role(path: Path) -> str:
    return "recording" if ".recording-" in path.name else "container"


@app.command("new", help=say("keys.new"))
def new(
    kind: Annotated[str, typer.Argument(help=say("arg.kind"))],
    name: Annotated[str, typer.Option("--name", help=say("opt.name"))],
    folder: Annotated[Path, typer.Option("--out", help=say("opt.out"))] = Path("keys"),
    password: Annotated[str | None, typer.Option("--password", help=say("opt.password"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        if kind == "container":
            private, public = new_container_key(folder, name, password)
            made = {str(private): say("keep-secret"), str(public): say("give-away")}
        elif kind == "family":
            made = {str(new_family_key(folder, name)): say("keep-secret")}
        elif kind == "recording":
            private, public = new_recording_key(folder, name, password)
            made = {str(private): say("keep-secret"), str(public): say("give-away")}
        else:
            raise LnxError(
                103, found=f'"{kind}"', expected="container, family or recording", where="kind", fix="lnx keys new container --name NAME"
            )
        if as_json:
            print_json({"made": list(made)})
        for path, note in ({} if as_json else made).items():
            out.print(f"{say('made')}  {path}  ({note})", markup=False)


@app.command("show", help=say("keys.show"))
def show(
    path: Annotated[Path, typer.Argument(help=say("arg.key"))],
    password: Annotated[str | None, typer.Option("--password", help=say("opt.password"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        if path.suffix == ".json":
            told = {"kind": "family", "kid": ", ".join(key.kid for key in load_family_keys(path))}
        elif "pub" in path.name:
            told = {"kind": f"{_role(path)}, public", "keyid": key_id(load_public_key(path))}
        else:
            told = {"kind": f"{_role(path)}, private", "keyid": key_id(load_signing_key(path, password).public_key())}
        if as_json:
            print_json(told)
        else:
            out.print("  ".join(f"{key}: {value}" for key, value in told.items()), markup=False)
