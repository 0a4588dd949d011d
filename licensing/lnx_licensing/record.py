"""What the desk keeps of each dongle: ``SERIAL.dongle.json`` with its public key, its attestation, and the secrets that only the desk has.

The file is written before the token is changed, and again when it is done: whatever is interrupted, no secret that a token took is lost.
Owner-only rights; the folder belongs on an encrypted disk with a backup.
"""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import dsse
from lnx.container.moment import Moment
from lnx.container.trust import read_point
from lnx.errors import LnxError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lnx_licensing import status
from lnx_licensing.files import write_whole, writing
from lnx_licensing.terms import TOKEN, Dongle, Point

SUFFIX = ".dongle.json"
MAX_RECORD = 64 << 10


def _certificate(text: object) -> str:
    if not isinstance(text, str) or not dsse.decode_base64(text):
        raise ValueError("base64 of a certificate is needed")
    return text


Certificate = Annotated[str, BeforeValidator(_certificate)]


class Attestation(BaseModel):
    """The two certificates, DER in base64."""

    model_config = ConfigDict(strict=True, frozen=True)

    key: Certificate
    maker: Certificate

    @property
    def key_der(self) -> bytes:
        return base64.b64decode(self.key)

    @property
    def maker_der(self) -> bytes:
        return base64.b64decode(self.maker)


class Secrets(BaseModel):
    """What opens the token for changes. ``management_key`` is None where the token keeps the factory's."""

    model_config = ConfigDict(strict=True, frozen=True)

    management_algorithm: int
    management_key: Annotated[str, Field(pattern=r"^[0-9a-f]+$")] | None
    pin: Annotated[str, Field(pattern=r"^\d{6,8}$")]
    puk: Annotated[str, Field(pattern=r"^\d{8}$")]


class Record(BaseModel):
    """One dongle."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    lnx_dongle: Literal[1] = 1
    state: Literal["begun", "done"]
    serial: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,40}$")]
    pub: Point | None = None
    firmware: str = ""
    attested: bool = False
    attestation: Attestation | None = None
    secrets: Secrets
    provisioned_at: Moment

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        if self.pub is None:
            found = f"dongle {self.serial}, whose provisioning was interrupted"
            raise LnxError(
                status.DESK_RECORD, found=found, expected="a finished one", where="desk record", fix="provision it again with --reset"
            )
        return read_point(self.pub)

    def dongle(self, role: Literal["main", "spare"] = "main") -> Dongle:
        """Its entry in a licence."""
        _ = self.public_key
        return Dongle(type=TOKEN, pub=self.pub or "", serial=self.serial, attested=self.attested, role=role)


def path_of(folder: Path, serial: str) -> Path:
    if not re.fullmatch(r"[0-9A-Za-z]{1,40}", serial):
        raise LnxError(status.ARGUMENT, found=f'"{serial}"', expected="a serial number of digits and letters", where="serial")
    return folder / f"{serial}{SUFFIX}"


def save(folder: Path, record: Record) -> Path:
    """Writes the record, complete or not at all, readable for the owner alone."""
    path = path_of(folder, record.serial)
    write_whole(path, record.model_dump_json(indent=1).encode() + b"\n", private=True)
    return path


def load(path: Path) -> Record:
    """Reads a record. LNX-352 when it is missing, malformed, or of another dongle than its name says."""
    expected = "a record that `lnx dongle provision` wrote"
    try:
        with path.open("rb") as file:
            record = Record.model_validate_json(file.read(MAX_RECORD))
    except OSError as error:
        raise LnxError(status.DESK_RECORD, found=error.strerror or str(error), expected=expected, where=str(path)) from None
    except (ValidationError, json.JSONDecodeError) as error:
        first = dsse.first_fault(error, "the record") if isinstance(error, ValidationError) else str(error)
        raise LnxError(status.DESK_RECORD, found=first, expected=expected, where=str(path)) from None
    if path.name != f"{record.serial}{SUFFIX}":
        raise LnxError(status.DESK_RECORD, found=f"the record of dongle {record.serial}", expected=expected, where=str(path))
    return record


def retire(folder: Path, serial: str) -> Path | None:
    """Sets an earlier record aside, since a token that is provisioned again has other keys. Returns where it went, if there was one."""
    path = path_of(folder, serial)
    if not path.exists():
        return None
    try:
        when = load(path).provisioned_at.strftime("%Y%m%dT%H%M%SZ")
    except LnxError:
        when = "damaged"
    aside = path.with_name(f"{serial}.{when}.retired.json")
    with writing(aside):
        path.replace(aside)
    return aside


def find(folder: Path, serial: str) -> Record:
    return load(path_of(folder, serial))
