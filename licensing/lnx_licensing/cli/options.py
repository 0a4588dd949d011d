"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from lnx.container.trust import Trust, load_trust
from lnx.errors import LnxError

from lnx_licensing import status
from lnx_licensing.cli.messages import say

Json = Annotated[bool, typer.Option("--json", help=say("opt.json"))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=say("opt.dry"))]
Serial = Annotated[str | None, typer.Option("--serial", help=say("opt.serial"))]
TrustFiles = Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))]
MakerRoots = Annotated[list[Path] | None, typer.Option("--maker-root", help=say("opt.maker-root"))]
DeskFolder = Annotated[Path | None, typer.Option("--desk", envvar="LNX_DESK_DIR", help=say("opt.desk"))]
Password = Annotated[str | None, typer.Option("--password", envvar="LNX_KEY_PASSWORD", help=say("opt.password"))]


def bad(found: str, expected: str, where: str) -> LnxError:
    return LnxError(status.ARGUMENT, found=found, expected=expected, where=where)


def trust_of(files: Sequence[Path] | None) -> Trust:
    """The trust folder and the files given. LNX-103 for a file that is neither a root nor a key list."""
    for path in files or []:
        if not path.name.endswith((".root-pub.pem", ".keylist.json")):
            raise bad(f'"{path.name}"', "*.root-pub.pem or *.keylist.json", "--trust")
    return load_trust(files or [])


def day(text: str | None, option: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad(f'"{text}"', "a day like 2027-12-31", option) from None


def first_moment(text: str | None, option: str) -> datetime | None:
    found = day(text, option)
    return datetime.combine(found, time(0, 0, 0), UTC) if found else None


def last_moment(text: str | None, option: str) -> datetime | None:
    found = day(text, option)
    return datetime.combine(found, time(23, 59, 59), UTC) if found else None


def settings(texts: Sequence[str] | None, option: str) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is JSON where it can be, else the text itself."""
    found: dict[str, Any] = {}
    for text in texts or []:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise bad(f'"{text}"', "NAME=VALUE", option)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def desk_folder(given: Path | None) -> Path:
    """The folder of the desk's records. LNX-352 when none is named."""
    if given is None:
        raise LnxError(status.DESK_RECORD, found="no desk folder", expected="--desk FOLDER or LNX_DESK_DIR", where="desk")
    return given


def shown(path: Path) -> str:
    return os.fspath(path)
