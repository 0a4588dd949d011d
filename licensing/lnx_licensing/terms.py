"""What a licence says: its payload as typed fields, checked one by one.

Fields that this version does not know are passed over, so that newer desks can serve older cores; an unknown ``v`` is refused. The page
docs/reference/licence.md describes each field; the core reads the same ones in native/src/license.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import dsse
from lnx.container.keys import key_id
from lnx.container.moment import Moment
from lnx.container.trust import read_point
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

EVALUATION_DAYS = 90
MAX_CAMERAS = 4096
TOKEN: Final = "piv-p256-9e"
SOFTWARE: Final = "software-p256"
HEX16 = r"^[0-9a-f]{16}$"
ID = r"^[0-9A-Za-z._-]{1,63}$"


def _parse_day(text: object) -> date:
    if isinstance(text, date):
        return text
    if not isinstance(text, str) or len(text) != 10 or not text.isascii():
        raise ValueError("a date like 2027-12-31 is needed")
    return date.fromisoformat(text)


def _point(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError("base64 of a 65-byte point is needed")
    read_point(text)
    return text


def _base64(size: int) -> Any:
    def check(text: object) -> str:
        if dsse.decode_base64(text, size) is None:
            raise ValueError(f"base64 of {size} bytes is needed")
        return str(text)

    return BeforeValidator(check)


def _known_features(features: dict[str, Any]) -> dict[str, Any]:
    """The three that the core keeps to have one kind each; the others belong to the program."""
    cameras, gpu, tools = features.get("cameras", 1), features.get("gpu", True), features.get("tools", [])
    if isinstance(cameras, bool) or not isinstance(cameras, int) or not 1 <= cameras <= MAX_CAMERAS:
        raise ValueError(f"cameras must be 1 .. {MAX_CAMERAS}")
    if not isinstance(gpu, bool):
        raise ValueError("gpu must be true or false")
    if not isinstance(tools, list):
        raise ValueError("tools must be a list of tasks")
    return features


Features = Annotated[dict[str, bool | int | str | list[str]], AfterValidator(_known_features)]
Day = Annotated[date, BeforeValidator(_parse_day), PlainSerializer(date.isoformat, return_type=str, when_used="json")]
Point = Annotated[str, BeforeValidator(_point)]
Text = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(pattern=ID)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Dongle(_Part):
    """A token (or, for an evaluation, a key file) that this licence is for, by its public key."""

    type: Literal["piv-p256-9e", "software-p256"]
    pub: Point
    serial: Text = ""
    attested: bool = False
    role: Literal["main", "spare"] = "main"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return read_point(self.pub)

    @property
    def keyid(self) -> str:
        return key_id(self.public_key)


class LicensedModel(_Part):
    """A model that may be opened, and how old it may be."""

    model_id: Text
    min_epoch: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    not_after: Moment | None = None


class WrappedKey(_Part):
    """A family key, sealed for one dongle."""

    kid: Text
    to: Annotated[str, Field(pattern=HEX16)]
    enc: Annotated[str, _base64(65)]
    ct: Annotated[str, _base64(48)]


class Grace(_Part):
    """What is tolerated, so that a line does not stop for a glitch: seconds to boot, seconds unplugged, hours after the last day."""

    boot_s: Annotated[int, Field(ge=0, le=86_400)] = 120
    unplug_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    expired_h: Annotated[int, Field(ge=0, le=24 * 366)] = 72


class Terms(_Part):
    """The payload of a licence, version 1."""

    v: Literal[1] = 1
    license_id: Id
    issue: Annotated[int, Field(ge=1, lt=1 << 31)] = 1
    replaces: Id | None = None
    customer: Text = ""
    product: Text = "LNX-RT"
    edition: Text = ""
    issued_at: Moment
    not_before: Moment | None = None
    not_after: Moment | None = None
    maintenance_until: Day | None = None
    warn_days: Annotated[int, Field(ge=0, le=3660)] = 30
    dongles: Annotated[list[Dongle], Field(min_length=1, max_length=16)]
    host: None = None
    features: Features = Field(default_factory=dict)
    models: Annotated[list[LicensedModel], Field(max_length=1024)] = Field(default_factory=list)
    keys: Annotated[list[WrappedKey], Field(max_length=1024)] = Field(default_factory=list)
    grace: Grace = Field(default_factory=Grace)
    min_core: Annotated[str, Field(pattern=r"^\d{1,4}\.\d{1,4}\.\d{1,4}$")] = "1.0.0"
    revokes: Annotated[list[Id], Field(max_length=1024)] = Field(default_factory=list)
    runtime_sha256: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(max_length=64)] = Field(default_factory=list)

    @property
    def evaluation(self) -> bool:
        """Whether any of its keys is a mere file: such a licence is for trying out."""
        return any(dongle.type == SOFTWARE for dongle in self.dongles)

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, fields: Any) -> Any:
        """``null`` stands for absent where the core reads it so."""
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None or name not in ("features", "grace")}

    @model_validator(mode="after")
    def _whole(self) -> Terms:
        if self.not_before and self.not_after and self.not_after <= self.not_before:
            raise ValueError("not_after must be later than not_before")
        ids = [dongle.keyid for dongle in self.dongles]
        if len(set(ids)) != len(ids):
            raise ValueError("a dongle is listed twice")
        strangers = sorted({key.to for key in self.keys} - set(ids))
        if strangers:
            raise ValueError(f"a key is wrapped for {strangers[0]}, which is not among the dongles")
        if self.evaluation and (self.not_after is None or self.not_after - self.issued_at > timedelta(days=EVALUATION_DAYS)):
            raise ValueError(f"an evaluation licence needs a not_after at most {EVALUATION_DAYS} days after issued_at")
        return self
