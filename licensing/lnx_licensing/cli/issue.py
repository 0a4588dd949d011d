"""``lnx license issue``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from lnx.cli.output import err, out, print_json, reported
from lnx.container import FamilyKey, dsse, load_family_keys, load_signing_key
from lnx.container.keys import key_id
from lnx.container.moment import format_moment
from lnx.container.trust import MAX_KEY_LIST, read_document
from lnx.errors import LnxError
from lnx.manifest.models import Manifest
from pydantic import ValidationError

from lnx_licensing import attestation, licence, record, request, status
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import (
    DeskFolder,
    DryRun,
    Json,
    MakerRoots,
    Password,
    bad,
    day,
    desk_folder,
    first_moment,
    last_moment,
    settings,
    shown,
)
from lnx_licensing.files import append_line, write_whole
from lnx_licensing.terms import Dongle, Terms

Texts = list[str] | None
TASKS: tuple[str, ...] = get_args(Manifest.model_fields["task"].annotation)


def issue_command(
    output: Annotated[Path, typer.Argument(help=say("arg.lic"))],
    key: Annotated[Path, typer.Option("--key", help=say("opt.key"))],
    dongles: Annotated[Texts, typer.Option("--dongle", help=say("opt.dongle"))] = None,
    requests: Annotated[list[Path] | None, typer.Option("--request", help=say("opt.request"))] = None,
    desk: DeskFolder = None,
    families: Annotated[list[Path] | None, typer.Option("--family", help=say("opt.family"))] = None,
    customer: Annotated[str, typer.Option("--customer", help=say("opt.customer"))] = "",
    product: Annotated[str, typer.Option("--product", help=say("opt.product"))] = "LNX-RT",
    edition: Annotated[str, typer.Option("--edition", help=say("opt.edition"))] = "",
    begin: Annotated[str | None, typer.Option("--from", help=say("opt.from"))] = None,
    until: Annotated[str | None, typer.Option("--until", help=say("opt.until"))] = None,
    maintenance: Annotated[str | None, typer.Option("--maintenance", help=say("opt.maintenance"))] = None,
    warn_days: Annotated[int, typer.Option("--warn-days", help=say("opt.warn"))] = 30,
    features: Annotated[Texts, typer.Option("--feature", help=say("opt.feature"))] = None,
    models: Annotated[Texts, typer.Option("--model", help=say("opt.model"))] = None,
    grace: Annotated[Texts, typer.Option("--grace", help=say("opt.grace"))] = None,
    replaces: Annotated[str | None, typer.Option("--replaces", help=say("opt.replaces"))] = None,
    revokes: Annotated[Texts, typer.Option("--revoke", help=say("opt.revoke"))] = None,
    number: Annotated[int | None, typer.Option("--issue", help=say("opt.issue"))] = None,
    runtimes: Annotated[list[Path] | None, typer.Option("--runtime", help=say("opt.runtime"))] = None,
    carried: Annotated[Path | None, typer.Option("--list", help=say("opt.carry"))] = None,
    maker_roots: MakerRoots = None,
    password: Password = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        signer = load_signing_key(key, password)
        entries = _dongles(dongles or [], requests or [], desk, maker_roots or [])
        replaced_id, replaced_issue = _replaced(replaces)
        fields: dict[str, Any] = {
            "license_id": licence.new_id(),
            "issue": number if number is not None else replaced_issue + 1,
            "replaces": replaced_id,
            "customer": customer,
            "product": product,
            "edition": edition,
            "issued_at": licence.now(),
            "not_before": first_moment(begin, "--from"),
            "not_after": last_moment(until, "--until"),
            "maintenance_until": day(maintenance, "--maintenance"),
            "warn_days": warn_days,
            "dongles": [entry.model_dump() for entry in entries],
            "features": _features(features),
            "models": [_model(text) for text in models or []],
            "grace": settings(grace, "--grace"),
            "revokes": revokes or [],
            "runtime_sha256": [_sha256(path) for path in runtimes or []],
        }
        terms = _checked(fields)
        key_list = _key_list(carried, key_id(signer.public_key())) if carried else None
        data = licence.issue(terms, signer, _families(families or []), key_list)
        if not dry_run:
            if output.exists():
                raise LnxError(
                    status.ARGUMENT, found="a file of that name", expected="a new name", where=shown(output), fix="choose another name"
                )
            write_whole(output, data)
            _journal(desk, terms, data)
        _tell(output, terms, data, dry_run, as_json, ["evaluation-family"] if terms.evaluation and families else [])


def _dongles(serials: Sequence[str], requests: Sequence[Path], desk: Path | None, maker_roots: Sequence[Path]) -> list[Dongle]:
    entries = [record.find(desk_folder(desk), serial).dongle("spare" if index else "main") for index, serial in enumerate(serials)]
    roots = attestation.load_roots(maker_roots) if requests else []
    for path in requests:
        asked = request.read(path)
        own = None
        if desk is not None and asked.dongle.serial and record.path_of(desk, asked.dongle.serial).exists():
            own = record.find(desk, asked.dongle.serial)
        entries.append(request.dongle_of(asked, own, roots, "spare" if entries else "main"))
    if not entries:
        raise bad("no dongle", "--dongle SERIAL or --request FILE", "lnx license issue")
    return entries


def _replaced(text: str | None) -> tuple[str | None, int]:
    """Id and issue of the licence that is replaced, by its file or its id."""
    if text is None:
        return None, 0
    path = Path(text)
    if not path.exists():
        return text, 1
    try:
        terms = licence.unverified(json.loads(licence.read_bytes(path)))
    except (KeyError, TypeError, ValueError):
        raise bad(f'"{text}"', "a licence file or the id of a licence", "--replaces") from None
    return str(terms["license_id"]), int(terms["issue"])


def _model(text: str) -> dict[str, Any]:
    name, separator, epoch = text.rpartition(":")
    if not separator:
        return {"model_id": text}
    if not epoch.isdigit():
        raise bad(f'"{text}"', "ID or ID:EPOCH, e.g. weld-seam:7", "--model")
    return {"model_id": name, "min_epoch": int(epoch)}


def _features(texts: Texts) -> dict[str, Any]:
    """As given; the tools may be listed with commas, and each is a task that models have."""
    features = settings(texts, "--feature")
    if isinstance(features.get("tools"), str):
        features["tools"] = [tool.strip() for tool in features["tools"].split(",")]
    tools = features.get("tools", [])
    strange = [tool for tool in tools if tool not in TASKS] if isinstance(tools, list) else []
    if strange:
        raise bad(f'"{strange[0]}"', f"tools among {', '.join(TASKS)}", "--feature")
    return features


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise bad(error.strerror or str(error), "the ONNX Runtime library", f"--runtime {path}") from None


def _checked(fields: dict[str, Any]) -> Terms:
    try:
        return Terms.model_validate(fields)
    except ValidationError as error:
        raise bad(dsse.first_fault(error, "the licence"), "terms that can be signed", "lnx license issue") from None


def _families(paths: Sequence[Path]) -> list[FamilyKey]:
    return [family for path in paths for family in load_family_keys(path)]


def _key_list(path: Path, signer: str) -> dict[str, Any]:
    """The list to carry; LNX-307 when it cannot be read or does not name the key that signs."""

    refuse = dsse.refuser(status.KEY_LIST, shown(path))
    document = read_document(path, MAX_KEY_LIST, refuse)
    try:
        listed = [key["keyid"] for key in licence.unverified(document)["keys"] if key["role"] == "license"]
    except (KeyError, TypeError, ValueError):
        refuse("no key list", "a *.keylist.json")
    if signer not in listed:
        refuse(f"license keys {', '.join(listed) or 'none'}", f"a list with the signing key {signer}")
    return dict(document)


def _journal(desk: Path | None, terms: Terms, data: bytes) -> None:
    """One line per licence in the desk's book, so that it can be told later who has what."""
    if desk is None:
        return
    line = {
        "issued_at": format_moment(terms.issued_at),
        "license_id": terms.license_id,
        "issue": terms.issue,
        "customer": terms.customer,
        "dongles": [entry.serial or entry.keyid for entry in terms.dongles],
        "not_after": format_moment(terms.not_after) if terms.not_after else None,
        "replaces": terms.replaces,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    append_line(desk / "issued.jsonl", json.dumps(line, ensure_ascii=False))


def _tell(output: Path, terms: Terms, data: bytes, dry_run: bool, as_json: bool, warnings: list[str]) -> None:
    if as_json:
        told = {"file": shown(output), "written": not dry_run, "bytes": len(data), "terms": json.loads(terms.model_dump_json())}
        print_json({**told, "warnings": warnings})
        return
    verb = say("would-issue" if dry_run else "issued")
    serials = ", ".join(entry.serial or entry.keyid for entry in terms.dongles)
    out.print(f"{verb}  {shown(output)}  {terms.license_id}  ({serials}, {len(data)} bytes)", style="green", markup=False)
    for warning in warnings:
        err.print(f"{say('warning')}  {say(warning)}", style="yellow", markup=False)
