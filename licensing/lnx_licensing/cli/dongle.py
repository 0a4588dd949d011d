"""``lnx dongle list | verify | request | apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.cli.output import err, error_dict, out, print_json, reported
from lnx.container.keys import key_id, point_of
from lnx.errors import LnxError
from rich.table import Table

from lnx_licensing import attestation, installed, licence, piv, record, request, software_key, status, token, validity
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import DeskFolder, DryRun, Json, MakerRoots, Serial, TrustFiles, desk_folder, shown, trust_of
from lnx_licensing.files import write_whole
from lnx_licensing.licence import Licence
from lnx_licensing.piv import Piv
from lnx_licensing.provision import store_licence
from lnx_licensing.token import Seen, TokenInfo

LicenceFolder = Annotated[Path | None, typer.Option("--licenses", envvar="LNX_LICENSE_DIR", help=say("opt.folder"))]


def list_command(as_json: Json = False) -> None:
    with reported(as_json):
        seen = token.present()
        if as_json:
            print_json({"dongles": [_facts(item) for item in seen]})
            return
        if not seen:
            out.print(say("no-dongle"), style="yellow", markup=False)
            return
        table = Table(say("serial"), say("firmware"), say("key"), say("on-token"), say("reader"), box=None)
        for item in seen:
            table.add_row(*_row(item))
        out.print(table)


def _facts(item: Seen) -> dict[str, Any]:
    if item.info is None:
        return {"reader": item.reader, "error": error_dict(item.error) if item.error else None}
    info = item.info
    keyid = key_id(info.key) if info.key else None
    told = {"reader": item.reader, "serial": info.serial, "firmware": info.firmware_text, "keyid": keyid}
    return {**told, "generated": info.generated, "licence_on_token": info.licence is not None}


def _row(item: Seen) -> tuple[str, str, str, str, str]:
    if item.info is None:
        return ("-", "-", f"LNX-{item.error.status} {item.error.found}" if item.error else "-", "-", item.reader)
    info = item.info
    return (
        info.serial,
        info.firmware_text or "-",
        key_id(info.key) if info.key else say("blank"),
        say("yes" if info.licence else "no"),
        item.reader,
    )


def _with_key(info: TokenInfo) -> ec.EllipticCurvePublicKey:
    if info.key is None:
        found = f"no key in slot 9E of token {info.serial}"
        raise LnxError(status.TOKEN_REFUSED, found=found, expected="a provisioned dongle", where="dongle")
    return info.key


def verify_command(
    serial: Serial = None,
    desk: DeskFolder = None,
    path: Annotated[Path | None, typer.Option("--licence", help=say("opt.licence"))] = None,
    trust: TrustFiles = None,
    maker_roots: MakerRoots = None,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        with token.only(serial) as (card, info, _):
            key = _with_key(info)
            card.challenge(key)
            checks = ["answers"]
            attested = False
            if desk is not None:
                attested = _check_record(desk, info).attested
                checks.append("record")
            checks.append(_check_attestation(card, info, key, maker_roots or [], required=attested or bool(maker_roots)))
            data = licence.read_bytes(path) if path else info.licence
            families: list[str] = []
            if data is not None:
                where = shown(path) if path else f"dongle {info.serial}"
                read = licence.verify(data, trust_of(trust), where)
                validity.require_days(read, licence.now())
                families = _open(read, card, key)
                checks.append("opens")
        if as_json:
            print_json({"serial": info.serial, "keyid": key_id(key), "checks": checks, "families": families})
            return
        for check in checks:
            out.print(f"{say('check.' + check)}", markup=False)
        out.print(f"{say('ok')}  {info.serial}  {', '.join(families)}", style="green", markup=False)


def _check_record(desk: Path, info: TokenInfo) -> record.Record:
    own = record.find(desk, info.serial)
    if info.key is None or key_id(own.public_key) != key_id(info.key):
        found = f"another key on dongle {info.serial} than in the desk's record"
        raise LnxError(status.WRONG_ANSWER, found=found, expected="the key that was made at the desk", where=shown(desk))
    return own


def _check_attestation(card: Piv, info: TokenInfo, key: ec.EllipticCurvePublicKey, roots: list[Path], *, required: bool) -> str:
    """At a plant the licence vouches for the key, so a proof is welcome but not asked for."""
    try:
        key_der, maker_der = card.attest(), card.certificate(piv.MAKER_CERTIFICATE)
        if key_der is None or maker_der is None:
            found = f"token {info.serial}, which makes no attestation"
            raise LnxError(status.ATTESTATION, found=found, expected="a maker's proof", where="dongle")
        attestation.check(key_der, maker_der, key, attestation.load_roots(roots))
    except LnxError as error:
        if required or error.status != status.ATTESTATION:
            raise
        return "unattested"
    return "attested"


def _open(read: Licence, card: Piv, key: ec.EllipticCurvePublicKey) -> list[str]:
    if read.dongle(key) is None:
        serials = ", ".join(entry.serial or entry.keyid for entry in read.terms.dongles)
        raise LnxError(status.WRONG_DONGLE, found=f"a dongle with the key {key_id(key)}", expected=f"one of {serials}", where=read.where)
    return [family.kid for family in read.family_keys(key, card.agree)]


def request_command(
    output: Annotated[Path, typer.Argument(help=say("arg.lnxreq"))],
    serial: Serial = None,
    note: Annotated[str, typer.Option("--note", help=say("opt.note"))] = "",
    softkey: Annotated[Path | None, typer.Option("--evaluation", help=say("opt.softkey"))] = None,
    folder: LicenceFolder = None,
    trust: TrustFiles = None,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        found = [item.licence for item in installed.find(trust_of(trust), folder) if item.licence]
        if softkey is not None:
            asked = request.make_for_software(software_key.load(softkey).public_key(), found, note)
        else:
            with token.only(serial) as (card, info, _):
                own = [item for item in found if item.dongle(_with_key(info))]
                asked = request.make(card, info, own, note)
        request.write(output, asked)
        if as_json:
            print_json({"file": shown(output), "serial": asked.dongle.serial, "attested": asked.attestation is not None})
        else:
            out.print(f"{say('written')}  {shown(output)}  ({say('send')})", style="green", markup=False)


def apply_command(
    path: Annotated[Path, typer.Argument(help=say("arg.lic"))],
    folder: LicenceFolder = None,
    trust: TrustFiles = None,
    softkey: Annotated[Path | None, typer.Option("--evaluation", help=say("opt.softkey"))] = None,
    to_token: Annotated[bool, typer.Option("--to-token", help=say("opt.to-token"))] = False,
    desk: DeskFolder = None,
    serial: Serial = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        trusted = trust_of(trust)
        data = licence.read_bytes(path)
        read = licence.verify(data, trusted, shown(path))
        standing = validity.require_days(read, licence.now())
        warnings = _warnings(read, [item.licence for item in installed.find(trusted, folder) if item.licence])
        stored = None
        if to_token:
            with token.only(serial) as (card, info, _):
                _open(read, card, _with_key(info))
                own = record.find(desk_folder(desk), info.serial)
                if not dry_run:
                    store_licence(card, own, licence.without_key_list(data))
                    stored = info.serial
        key_file = _key_file(read, path, softkey) if read.terms.evaluation else None
        target = None if dry_run or to_token else installed.install(data, f"{read.terms.license_id}-{read.terms.issue}", folder)
        if target is not None and key_file is not None:
            write_whole(target.with_name(key_file.name), key_file.read_bytes())  # the inspection program's account must read it
        if as_json:
            told = {"license_id": read.terms.license_id, "issue": read.terms.issue, "installed": shown(target) if target else None}
            print_json({**told, "on_token": stored, "phase": standing.phase, "warnings": warnings})
            return
        for warning in warnings:
            err.print(f"{say('warning')}  {say(warning)}", style="yellow", markup=False)
        place = f"{say('installed')}  {shown(target)}" if target else say("stored") if stored else say("would-install")
        out.print(f"{place}  {read.terms.license_id}  ({say(standing.phase)})", style="green", markup=False)


def _key_file(read: Licence, path: Path, given: Path | None) -> Path:
    """The key file of an evaluation: the one given, or the one beside the licence. LNX-227 when there is none that fits."""
    points = {point_of(entry.public_key) for entry in read.terms.dongles}
    found = given or software_key.beside(path, points)
    if found is None or point_of(software_key.load(found).public_key()) not in points:
        expected = f"the *{software_key.SUFFIX} that came with this evaluation"
        where = shown(given) if given else shown(path.parent)
        raise LnxError(
            status.KEY_FILE, found="no key file of this licence", expected=expected, where=where, fix="put it beside the licence"
        )
    return found


def _warnings(read: Licence, others: list[Licence]) -> list[str]:
    """What the person should know, though the licence is good: keys of the table of texts."""
    found = []
    if not read.terms.evaluation and not any(item.info and item.info.key and read.dongle(item.info.key) for item in _present()):
        found.append("not-plugged")
    ids = {entry.keyid for entry in read.terms.dongles}
    if any(ids & {entry.keyid for entry in other.terms.dongles} and other.terms.issue > read.terms.issue for other in others):
        found.append("older")
    return found


def _present() -> list[Seen]:
    """What is plugged in; a machine without readers still takes its licence file."""
    try:
        return token.present()
    except LnxError:
        return []
