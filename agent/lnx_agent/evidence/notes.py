"""Signed notes, checkpoints and cosignatures in the forms of C2SP: signed-note, tlog-checkpoint, tlog-cosignature.

A note is text that ends in a newline, an empty line, and signature lines `— <key name> <base64(key id || signature)>`.
A checkpoint is a note whose lines are origin, size, root (base64), then extension lines. The key id is the first four bytes of
SHA-256(name || newline || type || public key); type 1 is Ed25519 over the text, type 4 a cosignature over time and text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 1, 4
MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 100


def _decoded(text: str) -> bytes:
    """Base64 in its one canonical spelling; binascii.Error otherwise."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise binascii.Error("bits that belong to nothing")
    return raw


class NoteError(ValueError):
    """Not a note, or not one that its key signed."""


@dataclass(frozen=True)
class Verifier:
    """A public key with its name."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        bad = not self.name or any(c.isspace() or c == "+" for c in self.name)
        if bad or len(self.public) != 32:
            raise NoteError(f"a verifier is a name without spaces and '+' and 32 bytes of Ed25519 key, not {self.name!r}")

    def key_id(self, kind: int = ED25519) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([kind]) + self.public).digest()[:4]

    def to_text(self, kind: int = ED25519) -> str:
        """The "vkey" of signed-note: name+id+base64(type || key)."""
        encoded = base64.b64encode(bytes([kind]) + self.public).decode()
        return f"{self.name}+{self.key_id(kind).hex()}+{encoded}"

    @classmethod
    def from_text(cls, text: str) -> Verifier:
        """Reads a vkey of either type."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = _decoded(encoded)
            verifier = cls(name, raw[1:])
        except (ValueError, binascii.Error) as error:
            raise NoteError(f"{text.strip()[:80]!r} is not name+id+key") from error
        if raw[0] not in (ED25519, COSIGNATURE) or verifier.key_id(raw[0]).hex() != key_id:
            raise NoteError(f"the id of key {name!r} does not fit the key")
        return verifier

    def check(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key with its name."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The text as a signed note. The text must end in a newline and have no empty last line before that."""
        if not text.endswith("\n"):
            raise NoteError("the text of a note ends in a newline")
        line = signature_line(self.name, self.verifier.key_id(), self.key.sign(text.encode()))
        return f"{text}\n{line}"

    def cosign(self, note: str, seconds: int) -> str:
        """The line that a witness adds to a checkpoint: "at this time I saw this checkpoint and it was consistent"."""
        text, _ = split(note)
        signature = self.key.sign(_cosigned(text, seconds))
        return signature_line(self.name, self.verifier.key_id(COSIGNATURE), struct.pack(">Q", seconds) + signature)


def signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"— {name} {base64.b64encode(key_id + signature).decode()}\n"


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signatures as (key name, key id and signature). NoteError when it is not a note."""
    if len(note) > MAX_NOTE:
        raise NoteError("longer than 64 KiB")
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise NoteError("not text, an empty line, and signature lines")
    signatures = []
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or not parts[1]:
            raise NoteError(f"{line[:80]!r} is not a signature line")
        try:
            raw = _decoded(parts[2])
        except binascii.Error as error:
            raise NoteError(f"{line[:80]!r} is not a signature line") from error
        if len(raw) < 5:
            raise NoteError(f"{line[:80]!r} is not a signature line")
        signatures.append((parts[1], raw))
    if len(signatures) > MAX_SIGNATURES:
        raise NoteError("more than 100 signatures")
    return text + "\n", signatures


def opened(note: str, verifier: Verifier) -> str:
    """The text of a note that this key signed; NoteError otherwise."""
    text, signatures = split(note)
    key_id = verifier.key_id()
    for name, raw in signatures:
        if name == verifier.name and raw[:4] == key_id and verifier.check(text.encode(), raw[4:]):
            return text
    raise NoteError(f"not signed by {verifier.name}")


def opened_by_any(note: str, verifiers: Mapping[str, Verifier]) -> tuple[str, Verifier]:
    """The text and the key of ``verifiers`` (by hex key id) that signed it."""
    for name, raw in split(note)[1]:
        verifier = verifiers.get(raw[:4].hex())
        if verifier is not None and verifier.name == name:
            return opened(note, verifier), verifier
    raise NoteError("signed by none of the known keys")


def cosigned_at(note_text: str, line: str, verifier: Verifier) -> int:
    """When a witness cosigned this text (seconds since 1970); NoteError when it did not."""
    _, [(name, raw)] = split(f"x\n\n{line}")
    if name != verifier.name or raw[:4] != verifier.key_id(COSIGNATURE) or len(raw) != 4 + 8 + 64:
        raise NoteError(f"not a cosignature of {verifier.name}")
    seconds = int(struct.unpack(">Q", raw[4:12])[0])
    if not verifier.check(_cosigned(note_text, seconds), raw[12:]):
        raise NoteError(f"the cosignature of {verifier.name} does not fit the checkpoint")
    return seconds


@dataclass(frozen=True)
class Checkpoint:
    """State of a stream. ``extensions``: one line each, for example which segment file ends here."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        return "\n".join([self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        lines = text[:-1].split("\n")
        try:
            origin, size, root = lines[:3]
            raw = _decoded(root)
        except (ValueError, binascii.Error) as error:
            raise NoteError("a checkpoint has origin, size and root") from error
        number = size.isascii() and size.isdigit() and (size == "0" or not size.startswith("0"))
        if not origin or not number or len(raw) != 32 or not all(lines[3:]):
            raise NoteError("a checkpoint has origin, size and root")
        return cls(origin, int(size), raw, tuple(lines[3:]))
