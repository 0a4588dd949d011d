"""Does a token prove that its key was made inside it, may never leave it, and that its firmware has no known weakness?

Yubico's tokens issue a certificate for a key that they made (by their own attestation key, slot F9), whose chain ends at a root of the
maker. The roots in ``makers/`` are pinned: no other counts unless the caller names it. Extensions in the arc 1.3.6.1.4.1.41482.3 tell
firmware (3), serial number (7), PIN and touch policy (8).

Below firmware 5.7 the private key can be drawn out by who holds the token (EUCLEAK); the customer holds it, so such a token is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate, ObjectIdentifier
from lnx.container.keys import point_of
from lnx.errors import LnxError

from lnx_licensing import status

ARC = "1.3.6.1.4.1.41482.3."
LEAST_FIRMWARE = (5, 7, 0)
NEVER = 1
SLOT_NAME = "YubiKey PIV Attestation 9e"
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for certificates that are malformed or of a kind that it does not know."""


@dataclass(frozen=True)
class Attested:
    """What the maker vouches for."""

    serial: int
    firmware: tuple[int, ...]
    root: str  # subject of the root at which the chain ends


def pinned() -> list[Certificate]:
    """The makers' certificates that come with this package: roots and the intermediates that tokens do not carry."""
    found: list[Certificate] = []
    for file in sorted(resources.files("lnx_licensing").joinpath("makers").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".pem"):
            found += x509.load_pem_x509_certificates(file.read_bytes())
    return found


def load_roots(paths: Sequence[Path]) -> list[Certificate]:
    """Roots from PEM files; the pinned ones when there are none."""
    if not paths:
        return pinned()
    try:
        return [certificate for path in paths for certificate in x509.load_pem_x509_certificates(path.read_bytes())]
    except (OSError, *UNREADABLE) as error:
        names = ", ".join(str(path) for path in paths)
        raise LnxError(status.KEY_FILE, found=str(error), expected="certificates in PEM", where=names) from None


def check(key_der: bytes, maker_der: bytes, key: ec.EllipticCurvePublicKey, trusted: Sequence[Certificate]) -> Attested:
    """Checks the certificate of the key (``key_der``) and of the token (``maker_der``). LNX-350 says what is missing."""
    try:
        leaf, maker = x509.load_der_x509_certificate(key_der), x509.load_der_x509_certificate(maker_der)
        return _check(leaf, maker, key, trusted)
    except UNREADABLE:  # names, keys and extensions are read when they are asked for
        _refuse("certificates that cannot be read", "two X.509 certificates")


def _check(leaf: Certificate, maker: Certificate, key: ec.EllipticCurvePublicKey, trusted: Sequence[Certificate]) -> Attested:
    if not _issued(leaf, maker):
        _refuse("a certificate that this token's attestation key did not sign", "a signature by slot F9")
    root = _climb(maker, trusted)
    public = leaf.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or point_of(public) != point_of(key):
        _refuse("a certificate for another key", "one for the key in slot 9E")
    subject = _common_name(leaf)
    if subject != SLOT_NAME:
        _refuse(f'a certificate for "{subject}"', f'"{SLOT_NAME}"')
    policies = _extension(leaf, "8")
    if policies != bytes([NEVER, NEVER]):
        _refuse(f"PIN and touch policy {policies.hex() or 'unknown'}", "0101: neither PIN nor touch")
    firmware = tuple(_extension(leaf, "3"))
    if len(firmware) != 3 or firmware < LEAST_FIRMWARE:
        _refuse(f"firmware {'.'.join(map(str, firmware)) or 'unknown'}", "5.7.0 or later (EUCLEAK)")
    return Attested(_serial(leaf), firmware, root)


def _refuse(found: str, expected: str) -> NoReturn:
    raise LnxError(status.ATTESTATION, found=found, expected=expected, where="attestation")


def _issued(child: Certificate, parent: Certificate) -> bool:
    """Whether the parent's key signed the child. Names are compared by the library as well."""
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, *UNREADABLE):
        return False
    return True


def _is_authority(certificate: Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def _climb(maker: Certificate, trusted: Sequence[Certificate]) -> str:
    """From the token's certificate up to a root among the trusted; each step is signed by an authority."""
    current = maker
    for _ in range(5):
        above = [parent for parent in trusted if _is_authority(parent) and _issued(current, parent)]
        if not above:
            break
        if _issued(above[0], above[0]):
            return _common_name(above[0])
        current = above[0]
    names = ", ".join(sorted({_common_name(certificate) for certificate in trusted}))
    _refuse(f'a chain that ends at "{_issuer_name(current)}"', f"one of {names}" if names else "a pinned root; there is none")


def _common_name(certificate: Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _issuer_name(certificate: Certificate) -> str:
    names = certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _extension(certificate: Certificate, number: str) -> bytes:
    try:
        value = certificate.extensions.get_extension_for_oid(ObjectIdentifier(ARC + number)).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return b""
    return value.value if isinstance(value, x509.UnrecognizedExtension) else b""


def _serial(certificate: Certificate) -> int:
    """The serial number, a DER INTEGER."""
    value = _extension(certificate, "7")
    if len(value) < 3 or value[0] != 2 or value[1] != len(value) - 2:
        _refuse("a certificate without serial number", "the token's serial number")
    return int.from_bytes(value[2:], "big")
