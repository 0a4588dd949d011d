"""Signed JSON documents: DSSE envelopes (secure-systems-lab/dsse) with ECDSA P-256, read strictly.

    {"payloadType": text, "payload": base64, "signatures": [{"keyid": 16 hex digits, "sig": base64 of r || s}]}

The signature covers the type and the exact payload bytes, so that a document of one kind can never pass for another and nothing is ever
serialised again to be checked. Reading is strict: these members and no others, none twice, base64 in its one canonical form. Each single
bit of an envelope therefore matters.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from pydantic import ValidationError

from lnx.container.keys import key_id
from lnx.errors import LnxError

MAX_SIGNATURES = 8
MAX_DEPTH = 64
Refuse = Callable[[str, str], NoReturn]  # (found, expected): raises the caller's error


class Signature(NamedTuple):
    """Who signed, and the 64 bytes r || s."""

    keyid: str
    raw: bytes


class Envelope(NamedTuple):
    """A document as it was read: nothing in it is trusted before ``signed_by`` has said so."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]


def refuser(number: int, where: str) -> Refuse:
    """Raises LnxError of one status at one place, with what was found and what was expected."""

    def refuse(found: str, expected: str) -> NoReturn:
        raise LnxError(number, found=found, expected=expected, where=where)

    return refuse


def first_fault(error: ValidationError, whole: str) -> str:
    """The first thing that is wrong with a document, and in which field. ``whole`` names the document."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{first['msg'].removeprefix('Value error, ')} (in {place})"


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, keys: Sequence[ec.EllipticCurvePrivateKey]) -> dict[str, Any]:
    """The envelope of ``payload``, signed by each key."""
    message = pae(payload_type, payload)
    signatures = []
    for key in keys:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        signatures.append({"keyid": key_id(key.public_key()), "sig": base64.b64encode(raw).decode()})
    return {"payloadType": payload_type, "payload": base64.b64encode(payload).decode(), "signatures": signatures}


def parse_json(data: bytes, refuse: Refuse) -> Any:
    """Strict JSON: UTF-8, no member twice, numbers that a double can hold, texts that are Unicode, at most 64 levels."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a member that stands twice")
        return found

    def number(text: str) -> int | float:
        real = float(text)
        if not math.isfinite(real):
            raise ValueError("a number that is too large")
        return int(text) if text.lstrip("-").isdigit() else real

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=members, parse_int=number, parse_float=number, parse_constant=number)
        _check_depth_and_texts(value)
    except UnicodeError:
        refuse("bytes that are not UTF-8", "JSON in UTF-8")
    except RecursionError:
        refuse("JSON that is nested too deeply", f"at most {MAX_DEPTH} levels")
    except ValueError as error:
        refuse(f"no readable JSON ({error})"[:200], "JSON in UTF-8")
    return value


def _check_depth_and_texts(value: Any) -> None:
    """RecursionError beyond the depth; UnicodeError for half a surrogate pair, which JSON can spell but Unicode does not know."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise RecursionError
        if isinstance(item, str):
            item.encode("utf-8")
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for part in (*item, *item.values())]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]


def decode_base64(text: object, size: int | None = None) -> bytes | None:
    """Canonical base64 or nothing: exactly one text stands for each value."""
    if not isinstance(text, str):
        return None
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if (size is not None and len(value) != size) or base64.b64encode(value).decode() != text:
        return None
    return value


def parse_envelope(document: object, payload_type: str, refuse: Refuse) -> Envelope:
    """Reads an envelope of one type out of parsed JSON."""
    if not isinstance(document, dict) or set(document) != {"payloadType", "payload", "signatures"}:
        refuse("another structure", 'an object of "payloadType", "payload" and "signatures" alone')
    if document["payloadType"] != payload_type:
        refuse(f"type {document['payloadType']!r}"[:120], f'type "{payload_type}"')
    payload = decode_base64(document["payload"])
    listed = document["signatures"]
    if payload is None:
        refuse("a payload that is not base64", "canonical base64")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_SIGNATURES:
        refuse("no list of signatures", f"1 to {MAX_SIGNATURES} signatures")
    return Envelope(payload_type, payload, tuple(_signature(item, refuse) for item in listed))


def _signature(item: object, refuse: Refuse) -> Signature:
    whole = isinstance(item, dict) and set(item) == {"keyid", "sig"} and isinstance(item["keyid"], str)
    raw = decode_base64(item["sig"], 64) if isinstance(item, dict) and whole else None
    if not isinstance(item, dict) or raw is None:
        refuse("a malformed signature", '{"keyid": 16 hex digits, "sig": base64 of 64 bytes}')
    return Signature(item["keyid"], raw)


def verifies(key: ec.EllipticCurvePublicKey, envelope: Envelope, raw: bytes) -> bool:
    """Whether ``raw`` is the key's signature over the envelope."""
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), pae(envelope.payload_type, envelope.payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def signed_by(envelope: Envelope, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> tuple[str | None, bool]:
    """``(keyid of the first key that signed, whether any signer is known at all)``. ``keys`` maps key ids to public keys."""
    known = False
    for signature in envelope.signatures:
        key = keys.get(signature.keyid)
        if key is not None:
            known = True
            if verifies(key, envelope, signature.raw):
                return signature.keyid, True
    return None, known
