"""``lnx license show`` and ``verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from lnx.cli.messages import language
from lnx.cli.output import REFUSED, err, error_dict, out, print_json, reported
from lnx.container import dsse
from lnx.container.moment import format_moment
from lnx.errors import LnxError
from rich.table import Table

from lnx_licensing import licence, status, validity
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import Json, TrustFiles, shown, trust_of
from lnx_licensing.licence import Licence


def show_command(
    path: Annotated[Path, typer.Argument(help=say("arg.any"))],
    trust: TrustFiles = None,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        document = dsse.parse_json(licence.read_bytes(path), dsse.refuser(status.FORMAT, shown(path)))
        if isinstance(document, dict) and "lnx_request" in document:
            _print(document, None, as_json)
            return
        try:
            told = licence.unverified(document)
        except (KeyError, TypeError, ValueError):
            dsse.refuser(status.FORMAT, shown(path))("another document", "a licence, a key list or a request")
        problem: LnxError | None = None
        if document.get("payloadType") == licence.LICENCE_TYPE:
            try:
                licence.verify(licence.read_bytes(path), trust_of(trust), shown(path))
            except LnxError as error:
                problem = error
        _print(told, problem, as_json)


def _print(told: dict[str, Any], problem: LnxError | None, as_json: bool) -> None:
    if as_json:
        print_json({"content": told, "verified": problem is None, **({"error": error_dict(problem)} if problem else {})})
        return
    table = Table(show_header=False, box=None)
    for name, value in told.items():
        if name != "keys" or "v" not in told or "license_id" not in told:
            table.add_row(name, _cell(value))
        else:
            table.add_row(name, ", ".join(sorted({item["kid"] for item in value})))
    out.print(table)
    if problem is not None:
        err.print(
            f"{say('unverified')}  LNX-{problem.status} {problem.title_ko if language() == 'ko' else problem.title}",
            style="yellow",
            markup=False,
        )


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return "  ".join(f"{name}={_cell(item)}" for name, item in value.items())
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def verify_command(
    paths: Annotated[list[Path], typer.Argument(help=say("arg.lic"))],
    trust: TrustFiles = None,
    as_json: Json = False,
) -> None:
    """Exit code 3 when any is refused or over."""
    with reported(as_json):
        trusted = trust_of(trust)
        told, refused = [], False
        for path in paths:
            try:
                read = licence.read(path, trusted)
                standing = validity.require_days(read, licence.now())
                told.append({"file": shown(path), "valid": True, **_facts(read, standing)})
            except LnxError as error:
                refused = True
                told.append({"file": shown(path), "valid": False, "error": error_dict(error)})
                if not as_json:
                    err.print(error.text(language()), style="red", markup=False)
        if as_json:
            print_json({"valid": not refused, "licences": told})
        for entry in [] if as_json else told:
            if entry["valid"]:
                _line(entry)
        if refused:
            raise typer.Exit(REFUSED)


def _facts(read: Licence, standing: validity.Standing) -> dict[str, Any]:
    terms = read.terms
    return {
        "license_id": terms.license_id,
        "issue": terms.issue,
        "customer": terms.customer,
        "signer": read.signer,
        "dongles": [entry.serial or entry.keyid for entry in terms.dongles],
        "not_after": format_moment(terms.not_after) if terms.not_after else None,
        "phase": standing.phase,
        "days_left": standing.days_left,
        "warn": standing.warn,
        "evaluation": terms.evaluation,
    }


def _line(entry: dict[str, Any]) -> None:
    left = say("no-end") if entry["days_left"] is None else say("days-left").format(days=entry["days_left"])
    serials = ", ".join(entry["dongles"])
    style = "yellow" if entry["warn"] else "green"
    out.print(f"{say(entry['phase'])}  {entry['file']}  {entry['customer']}  ({serials}; {left})", style=style, markup=False)
