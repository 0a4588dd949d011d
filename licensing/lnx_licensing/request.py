"""Licence requests (``NAME.lnxreq``): what a plant sends to get a licence or a new one. Nothing in it is secret.

The file proves nothing by itself. The desk compares it with its record of the dongle, or checks the attestation; and the keys of a licence
open only with the private half of the key that the request names.
"""

from __future__ import annotations

import base64
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import dsse
from lnx.container.keys import point_of
from lnx.container.moment import Moment
from lnx.container.trust import read_point
from lnx.errors import LnxError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lnx_licensing import attestation, piv, status
from lnx_licensing.files import write_whole
from lnx_licensing.licence import Licence, now
from lnx_licensing.piv import Piv
from lnx_licensing.record import Attestation, Record
from lnx_licensing.terms import SOFTWARE, TOKEN, Dongle, Id, Point, Text
from lnx_licensing.token import TokenInfo

MAX_REQUEST = 64 << 10


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class RequestedDongle(_Part):
    type: Literal["piv-p256-9e", "software-p256"]
    pub: Point
    serial: Text = ""
    firmware: Text = ""


class InstalledLicence(_Part):
    license_id: Id
    issue: int
    not_after: Moment | None = None


class Versions(_Part):
    lnx: Text = ""
    system: Text = ""


class Request(_Part):
    """The content of a request, version 1."""

    lnx_request: Literal[1] = 1
    created_at: Moment
    dongle: RequestedDongle
    attestation: Attestation | None = None
    licences: Annotated[list[InstalledLicence], Field(max_length=64)] = Field(default_factory=list)
    versions: Versions = Field(default_factory=Versions)
    note: Annotated[str, Field(max_length=1000)] = ""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return read_point(self.dongle.pub)


def make(card: Piv, info: TokenInfo, licences: Sequence[Licence], note: str = "") -> Request:
    """Challenges the dongle and describes it. LNX-326 when there is no key in slot 9E, LNX-311 when it does not answer as its key."""
    if info.key is None:
        found = f"no key in slot 9E of dongle {info.serial}"
        raise LnxError(status.TOKEN_REFUSED, found=found, expected="a provisioned dongle", where="request")
    card.challenge(info.key)
    key_der, maker_der = card.attest(), card.certificate(piv.MAKER_CERTIFICATE)
    proof = None
    if key_der and maker_der:
        proof = Attestation(key=base64.b64encode(key_der).decode(), maker=base64.b64encode(maker_der).decode())
    pub = base64.b64encode(point_of(info.key)).decode()
    dongle = RequestedDongle(type=TOKEN, pub=pub, serial=info.serial, firmware=info.firmware_text)
    return _request(dongle, proof, licences, note)


def make_for_software(key: ec.EllipticCurvePublicKey, licences: Sequence[Licence] = (), note: str = "") -> Request:
    """A request for an evaluation, which binds to a key file."""
    pub = base64.b64encode(point_of(key)).decode()
    return _request(RequestedDongle(type=SOFTWARE, pub=pub), None, licences, note)


def _request(dongle: RequestedDongle, proof: Attestation | None, licences: Sequence[Licence], note: str) -> Request:
    return Request(
        created_at=now(),
        dongle=dongle,
        attestation=proof,
        licences=[
            InstalledLicence(license_id=item.terms.license_id, issue=item.terms.issue, not_after=item.terms.not_after)
            for item in licences[:64]
        ],
        versions=Versions(lnx=version("lnx-edge"), system=platform.platform()[:200]),
        note=note,
    )


def parse(data: bytes, where: str) -> Request:
    """Reads a request. LNX-353 when it is malformed or of another version."""

    refuse = dsse.refuser(status.REQUEST, where)
    if len(data) > MAX_REQUEST:
        refuse(f"more than {MAX_REQUEST} bytes", f"at most {MAX_REQUEST} bytes")
    fields = dsse.parse_json(data, refuse)
    try:
        return Request.model_validate(fields)
    except ValidationError as error:
        refuse(dsse.first_fault(error, "the request"), "a request of version 1")


def read(path: Path) -> Request:
    try:
        with path.open("rb") as file:
            return parse(file.read(MAX_REQUEST + 1), str(path))
    except OSError as error:
        raise LnxError(status.REQUEST, found=error.strerror or str(error), expected="a .lnxreq file", where=str(path)) from None


def dongle_of(request: Request, own: Record | None, roots: Sequence[x509.Certificate], role: Literal["main", "spare"] = "main") -> Dongle:
    """The licence entry of the dongle that a request tells of. ``own``: the desk's record under that serial number, if there is one.

    LNX-353 when the record tells of another key; LNX-350 when there is neither a record nor a proof of the maker.
    """
    entry = request.dongle
    if entry.type == SOFTWARE:
        return Dongle(type=SOFTWARE, pub=entry.pub)
    if own is not None:
        if own.pub != entry.pub:
            found = f"another key than the desk's record of dongle {own.serial}"
            raise LnxError(status.REQUEST, found=found, expected="the key that was made at the desk", where=f"request for {entry.serial}")
        return own.dongle(role)
    if request.attestation is None:
        found = f"no record of dongle {entry.serial} at this desk, and no attestation in the request"
        raise LnxError(status.ATTESTATION, found=found, expected="one of both", where="request")
    told = attestation.check(request.attestation.key_der, request.attestation.maker_der, request.public_key, roots)
    if str(told.serial) != entry.serial:
        raise LnxError(status.REQUEST, found=f"a proof for token {told.serial}", expected=f"token {entry.serial}", where="request")
    return Dongle(type=TOKEN, pub=entry.pub, serial=entry.serial, attested=True, role=role)


def write(path: Path, request: Request) -> None:
    document = json.loads(request.model_dump_json())
    write_whole(path, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())
