"""HPKE of the core against two implementations that we did not write: pyhpke, and the one of pyca/cryptography."""

from __future__ import annotations

import os
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

INFO = b"lnx/1 license-key\0" + b"8d0f"
PYHPKE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
PYCA = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def new_key() -> tuple[ec.EllipticCurvePrivateKey, bytes, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    return private, secret, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_pyhpke_opens_what_the_core_seals_and_the_reverse(testing: ModuleType) -> None:
    for _ in range(20):
        private, secret, point = new_key()
        plain, aad = os.urandom(32), b"fam-2026A"
        enc, sealed = testing.hpke_seal(point, INFO, aad, plain)
        recipient = PYHPKE.create_recipient_context(enc, KEMKey.from_pyca_cryptography_key(private), INFO)
        assert recipient.open(sealed, aad) == plain
        enc, sender = PYHPKE.create_sender_context(KEMKey.from_pyca_cryptography_key(private.public_key()), INFO)
        assert testing.hpke_open(secret, point, enc, INFO, aad, sender.seal(plain, aad)) == plain


def test_cryptography_opens_what_the_core_seals_and_the_reverse(testing: ModuleType) -> None:
    for _ in range(20):
        private, secret, point = new_key()
        plain = os.urandom(32)
        enc, sealed = testing.hpke_seal(point, INFO, b"", plain)
        assert PYCA.decrypt(enc + sealed, private, INFO) == plain
        theirs = PYCA.encrypt(plain, private.public_key(), INFO)
        assert testing.hpke_open(secret, point, theirs[:65], INFO, b"", theirs[65:]) == plain


@pytest.mark.parametrize("part", ["info", "aad", "enc", "ciphertext", "key"])
def test_a_changed_part_does_not_open(testing: ModuleType, part: str) -> None:
    _, secret, point = new_key()
    enc, sealed = testing.hpke_seal(point, INFO, b"kid", bytes(32))
    given = {"info": INFO, "aad": b"kid", "enc": enc, "ciphertext": sealed, "key": (secret, point)}
    if part == "key":
        given["key"] = new_key()[1:]
    else:
        given[part] = bytes([*given[part][:-1], given[part][-1] ^ 1])  # type: ignore[index, misc]
    key = given["key"]
    assert testing.hpke_open(key[0], key[1], given["enc"], given["info"], given["aad"], given["ciphertext"]) is None
