"""Licence files (``NAME.lic``): issued at the desk, verified anywhere, opened where the dongle is.

A licence is an envelope (lnx.container.dsse) of type ``application/vnd.lnx.license+json;v=1`` around its terms (lnx_licensing.terms),
signed by a license key of the key list. It may carry that list as the member ``key_list``, so that one file is enough in the field.

``verify`` is the plain twin of the reader in native/src/license: the same checks, in the same order, with the same statuses.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import FamilyKey, dsse, hpke
from lnx.container.keys import key_id, point_of
from lnx.container.moment import format_moment
from lnx.container.trust import Trust, open_key_list
from lnx.errors import LnxError
from pydantic import ValidationError

from lnx_licensing import status
from lnx_licensing.terms import Dongle, Terms, WrappedKey

LICENCE_TYPE = "application/vnd.lnx.license+json;v=1"
MAX_LICENCE = 256 << 10
MAX_ON_TOKEN = 3063
"""What a data object of a YubiKey 5 holds, in bytes."""


@dataclass(frozen=True)
class Licence:
    """A licence whose signature holds. ``signer`` is the id of the license key, ``sha256`` that of the signed payload."""

    terms: Terms
    signer: str
    sha256: str
    where: str

    def dongle(self, public_key: ec.EllipticCurvePublicKey) -> Dongle | None:
        """The entry of a dongle, or None when the licence is for others."""
        wanted = key_id(public_key)
        return next((dongle for dongle in self.terms.dongles if dongle.keyid == wanted), None)

    def family_keys(self, public_key: ec.EllipticCurvePublicKey, shared: hpke.DiffieHellman) -> list[FamilyKey]:
        """Opens the family keys with the private half of ``public_key``. LNX-311 when it answers wrongly."""
        receiver, wanted = point_of(public_key), key_id(public_key)
        return [self._unwrap(item, receiver, shared) for item in self.terms.keys if item.to == wanted]

    def _unwrap(self, item: WrappedKey, receiver: bytes, shared: hpke.DiffieHellman) -> FamilyKey:
        enc, sealed = base64.b64decode(item.enc), base64.b64decode(item.ct)
        try:
            info = wrap_info(self.terms.license_id)
            return FamilyKey(item.kid, hpke.open_with(shared, receiver, enc, sealed, info, item.kid.encode()))
        except (InvalidTag, ValueError):
            found = f'an answer that does not open the key "{item.kid}"'
            raise LnxError(status.WRONG_ANSWER, found=found, expected=f"the token with the key {item.to}", where=self.where) from None


def wrap_info(license_id: str) -> bytes:
    """What binds a wrapped key to its licence."""
    return b"lnx/1 license-key\0" + license_id.encode()


def new_id() -> str:
    return str(uuid.uuid4())


def issue(
    terms: Terms,
    signing_key: ec.EllipticCurvePrivateKey,
    family_keys: Sequence[FamilyKey] = (),
    key_list: Mapping[str, Any] | None = None,
) -> bytes:
    """Signs a licence, with each family key sealed for each dongle. ``key_list`` is carried along when given. Returns the file's bytes."""
    wrapped = []
    for dongle in terms.dongles:
        for family in family_keys:
            enc, sealed = hpke.seal(dongle.public_key, family.key, wrap_info(terms.license_id), family.kid.encode())
            texts = {"enc": base64.b64encode(enc).decode(), "ct": base64.b64encode(sealed).decode()}
            wrapped.append(WrappedKey(kid=family.kid, to=dongle.keyid, **texts))
    whole = Terms.model_validate({**terms.model_dump(), "keys": [key.model_dump() for key in wrapped]})
    document = dsse.sign(LICENCE_TYPE, whole.model_dump_json().encode(), [signing_key])
    if key_list is not None:
        document["key_list"] = dict(key_list)
    return compact(document)


def compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def without_key_list(data: bytes) -> bytes:
    """The licence as it is stored on a token, where space is short."""
    document = json.loads(data)
    document.pop("key_list", None)
    return compact(document)


def verify(data: bytes, trust: Trust, where: str = "licence") -> Licence:
    """Checks a licence as the core does. ``trust`` holds the roots; a key list inside the file is taken in first.

    Raises LnxError: 303 malformed, 304 unknown version, 305 wrong signature, 306 signed by a key that may not, 307 bad key list.
    Whether its days have come or gone is the business of lnx_licensing.validity.
    """
    refuse = dsse.refuser(status.FORMAT, where)
    if len(data) > MAX_LICENCE:
        refuse(f"{len(data)} bytes", f"at most {MAX_LICENCE} bytes")
    document = dsse.parse_json(data, refuse)
    if isinstance(document, dict) and "key_list" in document:
        root, listed = open_key_list(document.pop("key_list"), trust.roots, f"{where}, key_list")
        known = trust.lists.get(root)
        if known is None or known.issue < listed.issue:
            trust = Trust(dict(trust.roots), dict(trust.container_keys), {**trust.lists, root: listed})
    envelope = dsse.parse_envelope(document, LICENCE_TYPE, refuse)
    signer = _signer(envelope, trust, where)
    terms = _terms(envelope.payload, where)
    _check_days_of_key(trust, signer, terms, where)
    return Licence(terms, signer, hashlib.sha256(envelope.payload).hexdigest(), where)


def _signer(envelope: dsse.Envelope, trust: Trust, where: str) -> str:
    keys = {key.keyid: key.public_key() for listed in trust.lists.values() for key in listed.keys if key.role == "license"}
    signer, known = dsse.signed_by(envelope, keys)
    if signer is not None:
        return signer
    names = ", ".join(signature.keyid[:16] for signature in envelope.signatures)
    if known:
        expected = "the licence as it was signed"
        raise LnxError(status.SIGNATURE, found=f"a signature by {names} that does not match", expected=expected, where=where)
    outside = [keyid for keyid in (s.keyid for s in envelope.signatures) if trust.entry(keyid) or keyid in trust.container_keys]
    found = f"signed by {names}" + (", a key that signs containers" if outside else "")
    expected = "a license key: " + ", ".join(keys) if keys else "a license key of an installed key list; there is none"
    raise LnxError(status.UNTRUSTED, found=found, expected=expected, where=where)


def _terms(payload: bytes, where: str) -> Terms:
    refuse = dsse.refuser(status.FORMAT, where)
    fields = dsse.parse_json(payload, refuse)
    if not isinstance(fields, dict):
        refuse("a payload that is no JSON object", "a JSON object")
    if type(fields.get("v")) is not int or fields["v"] != 1:
        shown = json.dumps(fields.get("v"))[:40]
        raise LnxError(status.VERSION, found=f"licence version {shown}", expected="version 1", where=where)
    try:
        return Terms.model_validate(fields)
    except ValidationError as error:
        refuse(dsse.first_fault(error, "the terms"), "terms as docs/reference/licence.md describes them")


def _check_days_of_key(trust: Trust, signer: str, terms: Terms, where: str) -> None:
    """A license key counts for what it signed in its days; a licence outlives the key that signed it."""
    entry = trust.entry(signer)
    if entry is not None and not entry.valid(terms.issued_at):
        days = " to ".join(format_moment(day) if day else "any time" for day in (entry.not_before, entry.not_after))
        found = f"signed on {format_moment(terms.issued_at)} by {signer}"
        raise LnxError(status.UNTRUSTED, found=found, expected=f"a day of that key: {days}", where=where)


def unverified(document: Mapping[str, Any]) -> dict[str, Any]:
    """What an envelope claims to say. Nothing is checked: for showing alone. KeyError, TypeError or ValueError when it is none."""
    payload = dsse.decode_base64(document["payload"])
    if payload is None:
        raise ValueError("no payload")
    return dict(json.loads(payload))


def read(path: str | Path, trust: Trust) -> Licence:
    """Verifies a licence file."""
    return verify(read_bytes(path), trust, str(path))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a licence file, never more than a licence may have (and one, to tell)."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_LICENCE + 1)
    except OSError as error:
        found = error.strerror or str(error)
        raise LnxError(status.MISSING, found=found, expected="a readable licence file", where=str(path)) from None


def now() -> datetime:
    """The current second in UTC, as documents state it."""
    return datetime.now(UTC).replace(microsecond=0)


def chosen(licences: Iterable[Licence], public_key: ec.EllipticCurvePublicKey) -> Licence | None:
    """Of several licences for one dongle the one that counts: the highest issue, unless another replaces or revokes it."""
    all_of_them = list(licences)
    gone = {licence.terms.replaces for licence in all_of_them} | {revoked for licence in all_of_them for revoked in licence.terms.revokes}
    own = [licence for licence in all_of_them if licence.dongle(public_key)]
    standing = [licence for licence in own if licence.terms.license_id not in gone]
    return max(standing, key=lambda licence: licence.terms.issue, default=None)
