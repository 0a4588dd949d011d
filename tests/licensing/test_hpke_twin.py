"""HPKE in Python, as the desk seals and as a token's answer opens it, against two implementations that we did not write."""

from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from lnx.container import hpke
from lnx.container.keys import point_of
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
from supplier_desk import new_key

INFO, AAD = b"lnx/1 license-key\0lic-1", b"fam-2026A"
PYHPKE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
PYCA = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def test_pyhpke_opens_what_we_seal_and_the_reverse() -> None:
    for _ in range(20):
        key, plain = new_key(), os.urandom(32)
        enc, sealed = hpke.seal(key.public_key(), plain, INFO, AAD)
        theirs = PYHPKE.create_recipient_context(enc, KEMKey.from_pyca_cryptography_key(key), INFO)
        assert theirs.open(sealed, AAD) == plain
        enc, sender = PYHPKE.create_sender_context(KEMKey.from_pyca_cryptography_key(key.public_key()), INFO)
        assert hpke.open_with(hpke.software(key), point_of(key.public_key()), enc, sender.seal(plain, AAD), INFO, AAD) == plain


def test_pyca_opens_what_we_seal_and_the_reverse() -> None:
    key, plain = new_key(), os.urandom(32)
    enc, sealed = hpke.seal(key.public_key(), plain, INFO, b"")
    assert PYCA.decrypt(enc + sealed, key, INFO) == plain
    both = PYCA.encrypt(plain, key.public_key(), INFO)
    assert hpke.open_with(hpke.software(key), point_of(key.public_key()), both[:65], both[65:], INFO, b"") == plain


def test_nothing_opens_under_another_key_info_or_name() -> None:
    key, other = new_key(), new_key()
    point = point_of(key.public_key())
    enc, sealed = hpke.seal(key.public_key(), bytes(32), INFO, AAD)
    shared = hpke.software(key)
    for attempt in (
        lambda: hpke.open_with(hpke.software(other), point, enc, sealed, INFO, AAD),
        lambda: hpke.open_with(shared, point_of(other.public_key()), enc, sealed, INFO, AAD),
        lambda: hpke.open_with(shared, point, enc, sealed, INFO + b"2", AAD),
        lambda: hpke.open_with(shared, point, enc, sealed, INFO, b"fam-2026B"),
        lambda: hpke.open_with(shared, point, enc, sealed[:-1] + bytes([sealed[-1] ^ 1]), INFO, AAD),
    ):
        with pytest.raises(InvalidTag):
            attempt()


def test_a_point_off_the_curve_never_reaches_the_token() -> None:
    key = new_key()
    enc, sealed = hpke.seal(key.public_key(), bytes(32), INFO, AAD)

    def token(_: bytes) -> bytes:
        raise AssertionError("asked")

    for wrong in (enc[:-1] + bytes([enc[-1] ^ 1]), bytes(65), b"", enc[:33]):
        with pytest.raises(ValueError):
            hpke.open_with(token, point_of(key.public_key()), wrong, sealed, INFO, AAD)


def test_two_seals_of_one_secret_have_nothing_in_common() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert hpke.seal(key, bytes(32), INFO, AAD)[0] != hpke.seal(key, bytes(32), INFO, AAD)[0]
