"""Writes a container: table and entries into one plaintext, chunk by chunk encrypted and hashed, the header signed.

The file appears under its name only when it is complete: it is written beside it, flushed to the disk, and renamed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lnx.container import hpke, layout
from lnx.container.keys import key_id
from lnx.errors import LnxError

Data = bytes | memoryview


@dataclass(frozen=True)
class PublicInfo:
    """What anyone may read in a container, and what is signed with it. Nothing secret belongs here."""

    model_id: str
    version: str
    epoch: int = 0
    released: str = ""
    min_core: str = "1.0.0"
    title: str = ""
    vendor: str = ""
    product: str = ""
    created_by: str = ""


class Recipient(Protocol):
    """Somebody who can open a container."""

    def wrap(self, cek: bytes, salt: bytes, commitment: bytes) -> dict[str, str]:
        """The recipient's entry: the content key, readable for it alone."""


@dataclass(frozen=True)
class OpenRecipient:
    """Everybody: the key lies in clear. The container is signed but not secret."""

    def wrap(self, cek: bytes, salt: bytes, commitment: bytes) -> dict[str, str]:
        return {"type": "open", "key": base64.b64encode(cek).decode()}


@dataclass(frozen=True)
class FamilyRecipient:
    """Whoever holds the family key ``kid``."""

    kid: str
    key: bytes

    def wrap(self, cek: bytes, salt: bytes, commitment: bytes) -> dict[str, str]:
        wrapping = layout.hkdf(self.key, salt, b"lnx/1 family wrap", 32)
        nonce = os.urandom(12)
        sealed = AESGCM(wrapping).encrypt(nonce, cek, commitment)
        return {
            "type": "family",
            "kid": self.kid,
            "nonce": base64.b64encode(nonce).decode(),
            "ct": base64.b64encode(sealed).decode(),
        }


@dataclass(frozen=True)
class P256Recipient:
    """One dongle, by the public key in its slot 9E. A licence for that dongle must lie on the PC; it need not carry a family key."""

    public_key: ec.EllipticCurvePublicKey

    def wrap(self, cek: bytes, salt: bytes, commitment: bytes) -> dict[str, str]:
        enc, sealed = hpke.seal(self.public_key, cek, b"lnx/1 container-key\0" + salt, commitment)
        return {
            "type": "p256",
            "to": key_id(self.public_key),
            "enc": base64.b64encode(enc).decode(),
            "ct": base64.b64encode(sealed).decode(),
        }


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class _Plaintext:
    """Table and entries as one byte string that is never built as a whole."""

    def __init__(self, entries: Mapping[str, Data]) -> None:
        names = list(entries)
        hashes_of = {name: hashlib.sha256(entries[name]).hexdigest() for name in names}
        table_bytes = 0
        # Offsets are part of the table, and the table's length decides the offsets: two rounds settle it.
        for _ in range(3):
            offset = layout.align(4 + table_bytes)
            rows: list[dict[str, object]] = []
            places: list[int] = []
            for name in names:
                size = len(entries[name])
                rows.append({"name": name, "offset": offset, "size": size, "sha256": hashes_of[name]})
                places.append(offset)
                offset = layout.align(offset + size)
            table = _compact({"entries": rows})
            if len(table) == table_bytes:
                break
            table_bytes = len(table)
        else:
            raise LnxError(216, found="a table whose size does not settle", expected="a table", where="writer")
        self._pieces: list[tuple[int, Data]] = [(0, len(table).to_bytes(4, "little") + table)]
        self._pieces += [(place, entries[name]) for place, name in zip(places, names, strict=True)]
        last_offset, last = self._pieces[-1]
        self.size = last_offset + len(last)

    def chunks(self, chunk_bytes: int) -> Iterator[bytes]:
        piece = 0
        for begin in range(0, self.size, chunk_bytes):
            end = min(begin + chunk_bytes, self.size)
            chunk = bytearray(end - begin)
            while piece > 0 and self._pieces[piece][0] > begin:
                piece -= 1
            for offset, data in self._pieces[piece:]:
                if offset >= end:
                    break
                low, high = max(begin, offset), min(end, offset + len(data))
                if low < high:
                    chunk[low - begin : high - begin] = data[low - offset : high - offset]
                piece += 1
            piece = max(0, piece - 1)
            yield bytes(chunk)


def write_container(
    path: str | Path,
    *,
    entries: Mapping[str, Data],
    public: PublicInfo,
    signing_key: ec.EllipticCurvePrivateKey,
    recipients: Sequence[Recipient],
    chunk_log2: int = 20,
    progress: Callable[[float], None] | None = None,
    cek: bytes | None = None,
    salt: bytes | None = None,
) -> None:
    """Writes ``entries`` (name -> bytes) as a signed, encrypted container.

    ``chunk_log2`` is 12..24. ``cek`` and ``salt`` (32 bytes each) are random unless a test fixes them. Raises LnxError (LNX-224) when a
    part is larger than version 1 allows; nothing is left behind then.
    """
    if not recipients:
        raise LnxError(212, found="no recipients", expected="at least one", where=str(path), fix="give --open or --family")
    if not 12 <= chunk_log2 <= 24:
        raise LnxError(103, found=str(chunk_log2), expected="12 .. 24", where="chunk_log2")
    cek = cek or os.urandom(32)
    salt = salt or os.urandom(32)
    plaintext = _Plaintext(entries)
    chunk_bytes = 1 << chunk_log2
    chunks = -(-plaintext.size // chunk_bytes)
    manifest = _compact({key: value for key, value in asdict(public).items() if value not in ("", 0) or key == "epoch"})
    commitment = layout.commitment(cek, salt)
    wrapped = _compact([recipient.wrap(cek, salt, commitment) for recipient in recipients])
    mac = hmac.new(layout.hkdf(cek, salt, b"lnx/1 recipients", 32), wrapped, hashlib.sha256).digest()
    recipient_block = b'{"r":' + wrapped + b',"mac":"' + base64.b64encode(mac) + b'"}'
    signature_bytes = len(_signature_block("0" * 16, bytes(64)))
    payload_offset = layout.align(layout.PREAMBLE.size + len(manifest) + 32 * chunks + signature_bytes + len(recipient_block))
    for name, size, limit in (
        ("public manifest", len(manifest), layout.MAX_MANIFEST),
        ("recipients", len(recipient_block), layout.MAX_RECIPIENTS),
        ("payload", plaintext.size, layout.MAX_PLAIN),
    ):
        if size > limit:
            raise LnxError(224, found=f"{name} of {size} bytes", expected=f"at most {limit}", where=str(path))

    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    aead = AESGCM(layout.hkdf(cek, salt, b"lnx/1 payload", 32))
    prefix = layout.hkdf(cek, salt, b"lnx/1 nonce", 7)
    digests = []
    try:
        with temporary.open("wb") as file:
            file.write(bytes(payload_offset))
            for index, chunk in enumerate(plaintext.chunks(chunk_bytes)):
                sealed = aead.encrypt(layout.nonce(prefix, index, index + 1 == chunks), chunk, None)
                digests.append(hashlib.sha256(sealed).digest())
                file.write(sealed)
                if progress:
                    progress((index + 1) / chunks)
            preamble = layout.PREAMBLE.pack(
                layout.MAGIC,
                layout.MAJOR,
                layout.MINOR,
                0,
                chunk_log2,
                layout.ALGORITHMS,
                0,
                plaintext.size,
                salt,
                commitment,
                len(manifest),
                32 * chunks,
                0,
                signature_bytes,
                len(recipient_block),
                payload_offset,
            )
            body = preamble[: layout.SIGNED_PREAMBLE] + manifest + b"".join(digests)
            r, s = decode_dss_signature(signing_key.sign(layout.pae(body), ec.ECDSA(hashes.SHA256())))
            signature = _signature_block(key_id(signing_key.public_key()), r.to_bytes(32, "big") + s.to_bytes(32, "big"))
            file.seek(0)
            file.write(preamble + manifest + b"".join(digests) + signature + recipient_block)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _signature_block(keyid: str, signature: bytes) -> bytes:
    return _compact([{"keyid": keyid, "sig": base64.b64encode(signature).decode()}])
