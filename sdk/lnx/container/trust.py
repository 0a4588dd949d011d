"""Which keys may sign what: roots sign a key list, the list gives each key one role, and a key does nothing outside its role.

    NAME.root-pub.pem    a root: signs key lists and nothing else
    NAME.keylist.json    a key list, signed by a root: container keys and license keys, each with its days
    NAME.pem             a container key that is trusted by itself, as a supplier without a root uses it; it never signs licences

A key list is an envelope of type ``application/vnd.lnx.keylist+json;v=1`` around

    {"v": 1, "issue": n, "issued_at": T,
     "keys": [{"keyid", "pub": base64 of 65 bytes, "role": "container" | "license", "not_before": T | null, "not_after": T | null, "name"}]}

Of several lists of one root the highest ``issue`` counts alone: a key that the newer list leaves out is withdrawn.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lnx.container import dsse
from lnx.container.keys import key_id, load_public_key, point_of
from lnx.container.moment import Moment

KEY_LIST_TYPE = "application/vnd.lnx.keylist+json;v=1"
MAX_KEY_LIST = 256 << 10
BAD_KEY_LIST = 307
Role = Literal["container", "license"]


class RoleKey(BaseModel):
    """One key of a list: what it may sign, and from when until when."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    keyid: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    pub: str
    role: Role
    not_before: Moment | None = None
    not_after: Moment | None = None
    name: Annotated[str, Field(max_length=200)] = ""

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key itself; ValueError when ``pub`` is no point of P-256 or has another id."""
        return read_point(self.pub, self.keyid)

    def valid(self, now: datetime) -> bool:
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now <= self.not_after)


class KeyList(BaseModel):
    """The payload of a key list."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    v: Literal[1]
    issue: Annotated[int, Field(ge=1, lt=1 << 31)]
    issued_at: Moment
    keys: Annotated[list[RoleKey], Field(max_length=64)]


def read_point(text: str, keyid: str | None = None) -> ec.EllipticCurvePublicKey:
    """A public key from base64 of its 65-byte point. ValueError when it is none, or not the one named."""
    point = dsse.decode_base64(text, 65)
    if point is None or point[0] != 4:
        raise ValueError("base64 of the 65 bytes 04 || X || Y is needed")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    if keyid is not None and key_id(key) != keyid:
        raise ValueError(f"the key has the id {key_id(key)}, not {keyid}")
    return key


def role_key(
    key: ec.EllipticCurvePublicKey, role: Role, name: str = "", not_before: datetime | None = None, not_after: datetime | None = None
) -> RoleKey:
    """An entry for a key list."""
    pub = base64.b64encode(point_of(key)).decode()
    return RoleKey(keyid=key_id(key), pub=pub, role=role, name=name, not_before=not_before, not_after=not_after)


def sign_key_list(issue: int, keys: Sequence[RoleKey], root: ec.EllipticCurvePrivateKey, now: datetime | None = None) -> dict[str, Any]:
    """A signed key list. ``issue`` is one more than that of the list it replaces."""
    issued_at = (now or datetime.now(UTC)).replace(microsecond=0)
    payload = KeyList(v=1, issue=issue, issued_at=issued_at, keys=list(keys)).model_dump_json().encode()
    return dsse.sign(KEY_LIST_TYPE, payload, [root])


def open_key_list(document: object, roots: Mapping[str, ec.EllipticCurvePublicKey], where: str) -> tuple[str, KeyList]:
    """Checks a key list against the roots; returns the root that signed and the list."""
    refuse = dsse.refuser(BAD_KEY_LIST, where)
    envelope = dsse.parse_envelope(document, KEY_LIST_TYPE, refuse)
    root, known = dsse.signed_by(envelope, roots)
    if root is None:
        signers = ", ".join(signature.keyid[:16] for signature in envelope.signatures)
        if known:
            refuse(f"a signature by {signers} that does not match the list", "the list as it was signed")
        refuse(f"signed by {signers}", "one of the roots " + ", ".join(roots) if roots else "a trusted root; none is installed")
    try:
        listed = KeyList.model_validate_json(envelope.payload)
        for key in listed.keys:
            key.public_key()
    except ValidationError as error:
        refuse(dsse.first_fault(error, "the list"), "a key list of version 1")
    except ValueError as error:
        refuse(str(error), "a P-256 point with its id")
    return root, listed


@dataclass
class Trust:
    """What this machine trusts. Maps go from key id to key."""

    roots: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    container_keys: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    lists: dict[str, KeyList] = field(default_factory=dict)  # by the root that signed

    def add_list(self, document: object, where: str) -> None:
        """Takes a key list in, unless a newer one of the same root is known."""
        root, listed = open_key_list(document, self.roots, where)
        known = self.lists.get(root)
        if known is None or known.issue < listed.issue:
            self.lists[root] = listed

    def keys(self, role: Role, now: datetime) -> dict[str, ec.EllipticCurvePublicKey]:
        """The keys that may do this today."""
        found = dict(self.container_keys) if role == "container" else {}
        for listed in self.lists.values():
            found.update({key.keyid: key.public_key() for key in listed.keys if key.role == role and key.valid(now)})
        return found

    def entry(self, keyid: str) -> RoleKey | None:
        """What a list says about a key, whatever its role and days."""
        return next((key for listed in self.lists.values() for key in listed.keys if key.keyid == keyid), None)


def trust_folder() -> Path:
    """Where installed keys lie: ``LNX_TRUST_DIR``, else ``%ProgramData%\\LNX\\trust`` or ``/etc/lnx/trust``."""
    chosen = os.environ.get("LNX_TRUST_DIR")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("ProgramData", "")) / "LNX" / "trust" if os.name == "nt" else Path("/etc/lnx/trust")  # noqa: SIM112


def read_document(path: Path, limit: int, refuse: dsse.Refuse) -> Any:
    """Strict JSON from a file of bounded size."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        refuse(error.strerror or str(error), "a readable file")
    if len(data) > limit:
        refuse(f"more than {limit} bytes", f"at most {limit} bytes")
    return dsse.parse_json(data, refuse)


def load_trust(given: Iterable[Path] = (), folder: Path | None = None) -> Trust:
    """Reads the trust folder and the files given: roots first, then lists and single container keys."""
    folder = trust_folder() if folder is None else folder
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    files += list(given)
    trust = Trust()
    for path in files:
        if path.name.endswith(".root-pub.pem"):
            key = load_public_key(path)
            trust.roots[key_id(key)] = key
    for path in files:
        if path.name.endswith(".keylist.json"):
            trust.add_list(read_document(path, MAX_KEY_LIST, dsse.refuser(BAD_KEY_LIST, str(path))), str(path))
        elif path.suffix == ".pem" and not path.name.endswith(".root-pub.pem"):
            key = load_public_key(path)
            trust.container_keys[key_id(key)] = key
    return trust


def write_key_list(path: Path, document: Mapping[str, Any]) -> None:
    """Writes a list under its name only when it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        dsse.refuser(510, str(path))(error.strerror or str(error), "a place that this account may write to")
    finally:
        temporary.unlink(missing_ok=True)
