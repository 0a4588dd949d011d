"""The maker's side: a root made for the test, the token's attestation key under it, and the certificates that the token issues.

Extensions are those of Yubico's arc 1.3.6.1.4.1.41482.3: 3 firmware, 7 serial, 8 PIN and touch policy, 9 form factor.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from . import tlv
from .state import ATTESTATION_OBJECT, ATTESTATION_SLOT, ONCE, P256, SlotKey, State

ARC = "1.3.6.1.4.1.41482.3."
ROOT_NAME, TOKEN_NAME = "LNX test attestation root", "LNX test token F9"


@dataclass
class Maker:
    """Who made the token. ``Maker.load(folder)`` makes the root once and finds it again."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate

    @staticmethod
    def new() -> Maker:
        key = ec.generate_private_key(ec.SECP256R1())
        return Maker(key, certificate(ROOT_NAME, ROOT_NAME, key.public_key(), key, authority=True))

    @staticmethod
    def load(folder: Path) -> Maker:
        key_path, root_path = folder / "attestation-root.key.pem", folder / "attestation-root.pem"
        if key_path.exists():
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return Maker(key, x509.load_pem_x509_certificate(root_path.read_bytes()))
        maker = Maker.new()
        kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key_path.write_bytes(maker.key.private_bytes(*kind))
        root_path.write_bytes(maker.root_pem)
        return maker

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)

    def equip(self, state: State) -> None:
        """Puts the attestation key and its certificate into a token that has none."""
        key = ec.generate_private_key(ec.SECP256R1())
        f9 = certificate(TOKEN_NAME, ROOT_NAME, key.public_key(), self.key, authority=True)
        state.keys[ATTESTATION_SLOT] = SlotKey(key, P256, ONCE, 1, generated=True)
        der = f9.public_bytes(serialization.Encoding.DER)
        state.objects[ATTESTATION_OBJECT] = tlv.encode(0x70, der) + tlv.encode(0x71, b"\0") + tlv.encode(0xFE)
        state.save()


def attest(state: State, slot: int, firmware: bytes) -> bytes:
    """The certificate (DER) that says: this key was made in this token."""
    key = state.keys[slot]
    extensions = {
        "3": firmware,
        "7": tlv.encode(2, state.serial.to_bytes(4, "big")),
        "8": bytes([key.pin_policy, key.touch_policy]),
        "9": b"\x01",
    }
    issued = certificate(
        f"YubiKey PIV Attestation {slot:x}",
        TOKEN_NAME,
        key.key.public_key(),
        state.keys[ATTESTATION_SLOT].key,
        extensions={ARC + number: value for number, value in extensions.items()},
    )
    return issued.public_bytes(serialization.Encoding.DER)


def certificate(
    subject: str,
    issuer: str,
    public_key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    extensions: dict[str, bytes] | None = None,
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2052, 1, 1))
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    for oid, value in (extensions or {}).items():
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return builder.sign(signer, hashes.SHA256())
