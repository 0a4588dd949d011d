"""Keys on disk: container keys sign, family keys decrypt.

A container key is ECDSA P-256: ``NAME.container-key.pem`` (private, PKCS #8) and ``NAME.container-pub.pem``. A family key is 32 random
bytes in ``KID.family.json``. Files are made with owner-only rights and never overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lnx.errors import LnxError


class FamilyKey(NamedTuple):
    """A named 32-byte key that opens every container of one product line."""

    kid: str
    key: bytes


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The public key as the 65 bytes 04 || X || Y."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """The name of a container key: first 16 hex digits of SHA-256 over its 65-byte point."""
    return hashlib.sha256(point_of(key)).hexdigest()[:16]


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except FileExistsError:
        raise LnxError(227, found="a file of that name", expected="a new name", where=str(path), fix="choose another --name") from None
    except OSError as error:
        expected = "a folder that this account may write to"
        raise LnxError(510, found=error.strerror or str(error), expected=expected, where=str(path)) from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def new_signing_key(folder: str | Path, name: str, role: str, password: str | None = None) -> tuple[Path, ec.EllipticCurvePublicKey]:
    """Makes ``NAME.ROLE-key.pem``, protected when a password is given. Raises LnxError (LNX-227) rather than overwrite."""
    key = ec.generate_private_key(ec.SECP256R1())
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password.encode())
    path = Path(folder) / f"{name}.{role}-key.pem"
    _write_new(path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection), 0o600)
    return path, key.public_key()


def write_public_key(path: Path, key: ec.EllipticCurvePublicKey) -> Path:
    """Writes a public key in PEM under a new name."""
    _write_new(path, key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), 0o644)
    return path


def new_container_key(folder: str | Path, name: str, password: str | None = None) -> tuple[Path, Path]:
    """Makes a signing key. Returns the paths of the private and the public file. Raises LnxError (LNX-227) rather than overwrite."""
    private, key = new_signing_key(folder, name, "container", password)
    return private, write_public_key(Path(folder) / f"{name}.container-pub.pem", key)


def new_recording_key(folder: str | Path, name: str, password: str | None = None) -> tuple[Path, Path]:
    """Makes a key for recordings of runs: who has the private file can open them. Returns the private and the public file."""
    private, key = new_signing_key(folder, name, "recording", password)
    return private, write_public_key(Path(folder) / f"{name}.recording-pub.pem", key)


def new_family_key(folder: str | Path, kid: str) -> Path:
    """Makes a family key named ``kid``; returns its file."""
    entry = {"kid": kid, "key": base64.b64encode(os.urandom(32)).decode()}
    path = Path(folder) / f"{kid}.family.json"
    _write_new(path, (json.dumps({"lnx_family_keys": [entry]}, ensure_ascii=False, indent=1) + "\n").encode(), 0o600)
    return path


def _read(path: str | Path, expected: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise LnxError(227, found=error.strerror or str(error), expected=expected, where=str(path)) from None


def load_signing_key(path: str | Path, password: str | None = None) -> ec.EllipticCurvePrivateKey:
    """Reads a private container key. Raises LnxError (LNX-227) when it is missing, of another kind, or needs a password."""
    expected = "a private P-256 key in PEM"
    content = _read(path, expected)
    try:
        key = serialization.load_pem_private_key(content, password.encode() if password else None)
    except TypeError:
        found = "a key that is protected by a password" if not password else "a key without password"
        raise LnxError(227, found=found, expected=expected, where=str(path), fix="give --password") from None
    except ValueError:
        raise LnxError(227, found="no readable key, or a wrong password", expected=expected, where=str(path)) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise LnxError(227, found="a key of another kind", expected=expected, where=str(path))
    return key


def load_public_key(path: str | Path) -> ec.EllipticCurvePublicKey:
    """Reads a public container key (``*.container-pub.pem``)."""
    expected = "a public P-256 key in PEM"
    try:
        key = serialization.load_pem_public_key(_read(path, expected))
    except ValueError:
        raise LnxError(227, found="no readable key", expected=expected, where=str(path)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise LnxError(227, found="a key of another kind", expected=expected, where=str(path))
    return key


def load_family_keys(path: str | Path) -> list[FamilyKey]:
    """Reads a family key file."""
    expected = '{"lnx_family_keys":[{"kid": text, "key": base64 of 32 bytes}]}'
    try:
        document = json.loads(_read(path, expected))
        keys = [FamilyKey(str(item["kid"]), base64.b64decode(item["key"], validate=True)) for item in document["lnx_family_keys"]]
    except (ValueError, KeyError, TypeError):
        raise LnxError(227, found="no list of family keys", expected=expected, where=str(path)) from None
    if any(len(key.key) != 32 for key in keys):
        raise LnxError(227, found="a key that is not 32 bytes", expected=expected, where=str(path))
    return keys
