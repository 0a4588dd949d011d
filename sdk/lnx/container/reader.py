"""The plain reader: obvious code, the same order of checks and the same statuses as the core's reader, for tools and tests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lnx.container import layout
from lnx.container.keys import FamilyKey, key_id
from lnx.container.layout import Preamble
from lnx.errors import LnxError


@dataclass(frozen=True)
class Container:
    """An opened container: public part and entries in clear."""

    public: Mapping[str, Any]
    signer: str
    model_sha256: str
    entries: Mapping[str, bytes]

    def read(self, name: str) -> bytes:
        """Bytes of an entry; LNX-221 when there is none of that name."""
        if name not in self.entries:
            raise LnxError(221, found=f'no entry "{name}"', expected="one of " + ", ".join(self.entries), where="container")
        return self.entries[name]


@dataclass(frozen=True)
class _File:
    where: str
    data: bytes
    preamble: Preamble

    def part(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]

    @property
    def manifest(self) -> bytes:
        return self.part(layout.PREAMBLE.size, self.preamble.manifest_bytes)

    @property
    def hashes(self) -> bytes:
        return self.part(layout.PREAMBLE.size + self.preamble.manifest_bytes, self.preamble.hash_bytes)

    @property
    def signatures(self) -> bytes:
        offset = layout.PREAMBLE.size + self.preamble.manifest_bytes + self.preamble.hash_bytes
        return self.part(offset, self.preamble.signature_bytes)

    @property
    def recipients(self) -> bytes:
        return self.part(self.padding_offset - self.preamble.recipient_bytes, self.preamble.recipient_bytes)

    @property
    def padding_offset(self) -> int:
        p = self.preamble
        return layout.PREAMBLE.size + p.manifest_bytes + p.hash_bytes + p.signature_bytes + p.recipient_bytes

    @property
    def signed(self) -> bytes:
        return self.data[: layout.SIGNED_PREAMBLE] + self.manifest + self.hashes

    def chunk(self, index: int) -> bytes:
        p = self.preamble
        size = p.chunk_bytes if index + 1 < p.chunks else p.plain_bytes - index * p.chunk_bytes
        return self.part(p.payload_offset + index * (p.chunk_bytes + layout.TAG), size + layout.TAG)


def _load(source: str | Path | bytes) -> _File:
    if isinstance(source, bytes):
        where, data = "container in memory", source
    else:
        where = str(source)
        try:
            data = Path(source).read_bytes()
        except FileNotFoundError:
            raise LnxError(201, found="no such file", expected="a readable file", where=where) from None
        except OSError as error:
            raise LnxError(202, found=error.strerror or str(error), expected="a readable file", where=where) from None
    if data[:8] != layout.MAGIC:
        if data and len(data) < 8 and layout.MAGIC.startswith(data):
            raise LnxError(207, found=f"{len(data)} bytes", expected="at least 128 bytes", where=where)
        raise LnxError(203, found=data[:8].hex(" ") or "an empty file", expected=layout.MAGIC.hex(" "), where=where)
    if len(data) < layout.PREAMBLE.size:
        raise LnxError(207, found=f"{len(data)} bytes", expected="at least 128 bytes", where=where)
    preamble = Preamble(*layout.PREAMBLE.unpack_from(data))
    file = _File(where, data, preamble)
    _check_preamble(file)
    return file


def _check_preamble(file: _File) -> None:
    p, where = file.preamble, file.where

    def header(good: bool, field: str, found: object, expected: str) -> None:
        if not good:
            raise LnxError(206, found=f"{field} = {found}", expected=expected, where=f"{where}, header")

    def limit(value: int, largest: int, field: str) -> None:
        if value > largest:
            raise LnxError(224, found=f"{field} = {value}", expected=f"at most {largest}", where=where)

    if p.major != layout.MAJOR:
        raise LnxError(205, found=f"container version {p.major}", expected="version 1", where=where)
    header(p.flags & 0xFFFF == 0, "required feature flags", p.flags & 0xFFFF, "0")
    header(12 <= p.log2_chunk <= 24, "log2 of the chunk size", p.log2_chunk, "12 .. 24")
    header(p.algorithms == layout.ALGORITHMS, "algorithm ids", p.algorithms.hex(), layout.ALGORITHMS.hex())
    header(p.reserved1 == 0 and p.reserved2 == 0, "reserved fields", (p.reserved1, p.reserved2), "0")
    header(p.plain_bytes > 0, "payload length", p.plain_bytes, "at least 1")
    limit(p.plain_bytes, layout.MAX_PLAIN, "payload length")
    limit(p.manifest_bytes, layout.MAX_MANIFEST, "manifest length")
    header(p.hash_bytes == 32 * p.chunks, "hash block length", p.hash_bytes, "32 bytes per chunk")
    limit(p.signature_bytes, layout.MAX_SIGNATURE, "signature length")
    limit(p.recipient_bytes, layout.MAX_RECIPIENTS, "recipients length")
    header(p.payload_offset == layout.align(file.padding_offset), "payload offset", p.payload_offset, "the next multiple of 4096")
    found, expected = f"{len(file.data)} bytes", f"{p.file_bytes} bytes"
    if len(file.data) < p.file_bytes:
        raise LnxError(207, found=found, expected=expected, where=where)
    if len(file.data) > p.file_bytes:
        raise LnxError(208, found=found, expected=expected, where=where)


def _decode(text: object, size: int) -> bytes | None:
    """Strict base64: exactly one text for each value."""
    if not isinstance(text, str):
        return None
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size and base64.b64encode(value).decode() == text else None


def _check_signature(file: _File, trusted: Iterable[ec.EllipticCurvePublicKey]) -> str:
    try:
        listed = json.loads(file.signatures)
        signatures = [(item["keyid"], item["sig"]) for item in listed if set(item) == {"keyid", "sig"}]
    except (ValueError, KeyError, TypeError, AttributeError):
        listed, signatures = [], []
    if not isinstance(listed, list) or not signatures or len(signatures) != len(listed):
        raise LnxError(209, found="a malformed signature block", expected='[{"keyid", "sig"}]', where=file.where)
    keys = {key_id(key): key for key in trusted}
    known = False
    for keyid, text in signatures:
        if keyid not in keys:
            continue
        known = True
        raw = _decode(text, 64)
        if raw is None:
            continue
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        try:
            keys[keyid].verify(der, layout.pae(file.signed), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return str(keyid)
    names = ", ".join(str(keyid) for keyid, _ in signatures)
    if known:
        raise LnxError(209, found=f"a signature by {names} that does not match", expected="the signed content", where=file.where)
    raise LnxError(210, found=f"signed by {names}", expected="one of " + (", ".join(keys) or "no key"), where=file.where)


def _public(file: _File) -> dict[str, Any]:
    try:
        public = json.loads(file.manifest)
    except ValueError:
        public = None
    if not isinstance(public, dict):
        raise LnxError(217, found="text that is not a JSON object", expected="a JSON object", where=f"{file.where}, public manifest")
    return public


def _bad_recipients(file: _File, found: str) -> NoReturn:
    raise LnxError(211, found=found, expected='{"r":[...],"mac":"..."} without spaces', where=file.where)


def _recipients(file: _File) -> tuple[bytes, list[dict[str, Any]], bytes]:
    """The list as it stands in the file (the MAC covers these bytes), parsed, and the MAC."""
    block = file.recipients
    head, middle, tail = b'{"r":', b',"mac":"', b'"}'
    mac_at = len(block) - len(tail) - 44
    wrapped = block[len(head) : mac_at - len(middle)]
    mac = _decode(block[mac_at : mac_at + 44].decode("latin-1"), 32)
    framed = block.startswith(head) and block.endswith(tail) and block[mac_at - len(middle) : mac_at] == middle
    if not framed or mac is None:
        _bad_recipients(file, "another block")
    try:
        listed = json.loads(wrapped)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, dict) and isinstance(item.get("type"), str) for item in listed):
        _bad_recipients(file, "no list of recipients")
    return wrapped, listed, mac


def _content_key(file: _File, family_keys: Iterable[FamilyKey]) -> bytes:
    wrapped, listed, mac = _recipients(file)
    p = file.preamble
    families = {key.kid: key.key for key in family_keys}
    cek: bytes | None = None
    for item in listed:
        if item["type"] == "open":
            cek = _decode(item.get("key"), 32)
            if cek is None:
                _bad_recipients(file, "an open recipient without its key")
        elif item["type"] == "family" and item.get("kid") in families:
            nonce, sealed = _decode(item.get("nonce"), 12), _decode(item.get("ct"), 48)
            wrapping = layout.hkdf(families[item["kid"]], p.salt, b"lnx/1 family wrap", 32)
            try:
                cek = AESGCM(wrapping).decrypt(nonce or bytes(12), sealed or b"", p.commitment)
            except (InvalidTag, ValueError):
                raise LnxError(213, found=f'a key named "{item["kid"]}"', expected="the key it was packed with", where=file.where) from None
        if cek is not None:
            break
    if cek is None:
        needed = ", ".join(f"{item['type']} {item.get('kid', '')}".strip() for item in listed)
        raise LnxError(212, found="no key at hand", expected=needed or "a recipient", where=file.where)
    if not hmac.compare_digest(layout.commitment(cek, p.salt), p.commitment):
        raise LnxError(213, found="a key that the header does not commit to", expected="the key it was packed with", where=file.where)
    expected = hmac.new(layout.hkdf(cek, p.salt, b"lnx/1 recipients", 32), wrapped, hashlib.sha256).digest()
    if not hmac.compare_digest(expected, mac):
        _bad_recipients(file, "a list that was changed after packing")
    return cek


def _check_padding(file: _File) -> None:
    padding = file.data[file.padding_offset : file.preamble.payload_offset]
    if any(padding):
        raise LnxError(215, found="a byte that is not zero", expected="zero", where=file.where)


def _check_chunk(file: _File, index: int) -> bytes:
    chunk = file.chunk(index)
    found, expected = hashlib.sha256(chunk).digest(), file.hashes[32 * index : 32 * index + 32]
    if found != expected:
        where = f"chunk {index + 1} of {file.preamble.chunks} of {file.where}"
        raise LnxError(204, found=f"sha256 {found.hex()[:8]}...", expected=f"{expected.hex()[:8]}...", where=where)
    return chunk


def _table(file: _File, plain: bytes) -> dict[str, bytes]:
    def refuse(found: str) -> NoReturn:
        raise LnxError(216, found=found, expected="length and JSON table", where=file.where)

    size = int.from_bytes(plain[:4], "little")
    if len(plain) < 4 or size > len(plain) - 4 or size > layout.MAX_TABLE:
        refuse(f"a table of {size} bytes")
    try:
        rows = json.loads(plain[4 : 4 + size])["entries"]
        entries: dict[str, bytes] = {}
        end = 4 + size
        for row in rows:
            offset, length = int(row["offset"]), int(row["size"])
            if offset % layout.PAGE or offset < end or length < 0 or offset + length > len(plain) or row["name"] in entries:
                refuse(f'"{row["name"]}" outside the payload')
            entries[row["name"]] = plain[offset : offset + length]
            end = offset + length
            if hashlib.sha256(entries[row["name"]]).hexdigest() != row["sha256"]:
                raise LnxError(222, found="another SHA-256", expected="the one in the table", where=f'entry "{row["name"]}"')
    except (ValueError, KeyError, TypeError):
        refuse("no list of entries")
    return entries


def read_container(
    source: str | Path | bytes, *, trusted: Iterable[ec.EllipticCurvePublicKey], family_keys: Iterable[FamilyKey] = ()
) -> Container:
    """Verifies and decrypts a container (path or bytes). Raises LnxError with the status of the first check that fails."""
    file = _load(source)
    signer = _check_signature(file, trusted)
    public = _public(file)
    _check_padding(file)
    cek = _content_key(file, family_keys)
    p = file.preamble
    aead = AESGCM(layout.hkdf(cek, p.salt, b"lnx/1 payload", 32))
    prefix = layout.hkdf(cek, p.salt, b"lnx/1 nonce", 7)
    plain = bytearray()
    for index in range(p.chunks):
        chunk = _check_chunk(file, index)
        try:
            plain += aead.decrypt(layout.nonce(prefix, index, index + 1 == p.chunks), chunk, None)
        except InvalidTag:
            raise LnxError(214, found="a wrong authentication tag", expected="this file's key", where=f"chunk {index + 1}") from None
    return Container(public, signer, hashlib.sha256(file.signed).hexdigest(), _table(file, bytes(plain)))


def inspect_container(source: str | Path | bytes) -> dict[str, Any]:
    """What can be told without any key: header, public manifest, who signed, who can open it. Nothing is verified but the structure."""
    file = _load(source)
    p = file.preamble
    try:
        signers = [str(item["keyid"]) for item in json.loads(file.signatures)]
    except (ValueError, KeyError, TypeError):
        signers = []
    recipients = [{key: item[key] for key in ("type", "kid") if key in item} for item in _recipients(file)[1]]
    return {
        "version": f"{p.major}.{p.minor}",
        "file_bytes": len(file.data),
        "payload_bytes": p.plain_bytes,
        "chunk_bytes": p.chunk_bytes,
        "chunks": p.chunks,
        "public": _public(file),
        "signers": signers,
        "recipients": recipients,
        "model_sha256": hashlib.sha256(file.signed).hexdigest(),
    }


def verify_container(
    source: str | Path | bytes,
    trusted: Iterable[ec.EllipticCurvePublicKey],
    progress: Callable[[float], None] | None = None,
) -> list[str]:
    """Checks structure, signature, padding and every chunk hash, which needs no decryption key. Returns what was checked.

    progress: called with the fraction of chunks checked, 0..1.
    """
    file = _load(source)
    checked = [f"structure: {file.preamble.chunks} chunks, {len(file.data)} bytes"]
    checked.append(f"signature: by {_check_signature(file, trusted)}")
    _public(file)
    _check_padding(file)
    _recipients(file)
    checked.append("padding: zero")
    for index in range(file.preamble.chunks):
        _check_chunk(file, index)
        if progress:
            progress((index + 1) / file.preamble.chunks)
    checked.append(f"chunks: {file.preamble.chunks} of {file.preamble.chunks} as signed")
    return checked
