"""``lnx license keygen`` and ``withdraw``: keys with one role each, and the key list that gives them their roles."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.cli.output import out, print_json, reported
from lnx.container import dsse, load_signing_key
from lnx.container.keys import key_id, new_container_key, new_signing_key, write_public_key
from lnx.container.trust import MAX_KEY_LIST, Role, RoleKey, open_key_list, read_document, role_key, sign_key_list, write_key_list

from lnx_licensing import software_key, status
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import Json, Password, bad, last_moment, shown

ROOT_SUFFIX = ".root-key.pem"
Made = dict[str, str]  # file -> what to do with it


def keygen_command(
    kind: Annotated[str, typer.Argument(help=say("arg.kind"))],
    name: Annotated[str, typer.Argument(help=say("arg.name"))],
    folder: Annotated[Path, typer.Option("--out", help=say("opt.out"))] = Path(),
    root: Annotated[Path | None, typer.Option("--root", help=say("opt.root"))] = None,
    key_list: Annotated[Path | None, typer.Option("--list", help=say("opt.list"))] = None,
    until: Annotated[str | None, typer.Option("--until", help=say("opt.key-until"))] = None,
    password: Password = None,
    root_password: Annotated[str | None, typer.Option("--root-password", envvar="LNX_ROOT_PASSWORD", help=say("opt.root-password"))] = None,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        made: Made = {}
        if kind == "root":
            private, public = new_signing_key(folder, name, "root", password)
            made[shown(private)] = say("offline")
            made[shown(write_public_key(folder / f"{name}.root-pub.pem", public))] = say("for-plants")
        elif kind == "evaluation":
            made[shown(software_key.new(folder, name))] = say("with-licence")
        elif kind in ("license", "container"):
            role: Role = "license" if kind == "license" else "container"
            made = _role_key(role, name, folder, root, key_list, last_moment(until, "--until"), password, root_password)
        else:
            raise bad(f'"{kind}"', "root, license, container or evaluation", "KIND")
        if as_json:
            print_json({"made": list(made)})
        for path, note in ({} if as_json else made).items():
            out.print(f"{say('made')}  {path}  ({note})", markup=False)


def _role_key(
    kind: Role,
    name: str,
    folder: Path,
    root: Path | None,
    key_list: Path | None,
    until: datetime | None,
    password: str | None,
    root_password: str | None,
) -> Made:
    if kind == "license" and root is None:
        found = "no root: a license key counts only through a key list"
        raise bad(found, "--root NAME.root-key.pem", "lnx license keygen license")
    signer = load_signing_key(root, root_password) if root else None  # before anything is written
    made: Made = {}
    if kind == "container":
        private, public_path = new_container_key(folder, name, password)
        public = load_signing_key(private, password).public_key()
        made[shown(private)] = say("secret")
        if root is None:
            made[shown(public_path)] = say("for-plants")
        else:
            public_path.unlink()  # trusted through the list alone, so that it can be withdrawn
    else:
        private, public = new_signing_key(folder, name, "license", password)
        made[shown(private)] = say("secret")
    if signer is not None and root is not None:
        path = _list_path(root, key_list)
        issue, keys = _listed(path, signer)
        keys.append(role_key(public, kind, name, not_after=until))
        write_key_list(path, sign_key_list(issue + 1, keys, signer))
        made[shown(path)] = say("for-plants")
    return made


def _list_path(root: Path, given: Path | None) -> Path:
    return given or root.with_name(root.name.removesuffix(ROOT_SUFFIX) + ".keylist.json")


def _listed(path: Path, root: ec.EllipticCurvePrivateKey) -> tuple[int, list[RoleKey]]:
    """Issue and keys of the list so far; a list of another root is never continued (LNX-307)."""
    if not path.exists():
        return 0, []

    public = root.public_key()
    document = read_document(path, MAX_KEY_LIST, dsse.refuser(status.KEY_LIST, str(path)))
    _, listed = open_key_list(document, {key_id(public): public}, str(path))
    return listed.issue, list(listed.keys)


def withdraw_command(
    keyid: Annotated[str, typer.Argument(help=say("arg.keyid"))],
    root: Annotated[Path, typer.Option("--root", help=say("opt.root"))],
    key_list: Annotated[Path | None, typer.Option("--list", help=say("opt.list"))] = None,
    root_password: Annotated[str | None, typer.Option("--root-password", envvar="LNX_ROOT_PASSWORD", help=say("opt.root-password"))] = None,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        signer = load_signing_key(root, root_password)
        path = _list_path(root, key_list)
        issue, keys = _listed(path, signer)
        left = [key for key in keys if key.keyid != keyid]
        if len(left) == len(keys):
            names = ", ".join(f"{key.keyid} ({key.role} {key.name})" for key in keys) or "an empty list"
            raise bad(f'"{keyid}"', f"one of {names}", shown(path))
        write_key_list(path, sign_key_list(issue + 1, left, signer))
        if as_json:
            print_json({"withdrawn": keyid, "list": shown(path), "issue": issue + 1})
        else:
            out.print(f"{say('withdrawn')}  {keyid}  {shown(path)}  ({say('for-plants')})", markup=False)
