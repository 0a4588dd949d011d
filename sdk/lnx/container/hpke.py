"""HPKE base mode (RFC 9180): seals a short secret for the holder of one P-256 key, be that a file or a token.

Suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (0x0010, 0x0001, 0x0002); one message per context. ``open_with`` takes the
Diffie-Hellman step as a function, because the private half may sit in a token that does nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lnx.container.keys import point_of

ENC_BYTES = 65
TAG_BYTES = 16
_KEM = b"KEM" + (0x0010).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0010, 0x0001, 0x0002))

DiffieHellman = Callable[[bytes], bytes]
"""Takes the 65-byte point of the other side, gives the 32-byte x coordinate of the shared point."""


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(key, labelled + b"\x01", hashlib.sha256).digest()[:length]


def _cipher(shared_x: bytes, enc: bytes, receiver: bytes, info: bytes) -> tuple[AESGCM, bytes]:
    """Key schedule of base mode: the cipher and the nonce of the one message."""
    secret = _expand(_KEM, _extract(_KEM, b"", b"eae_prk", shared_x), b"shared_secret", enc + receiver, 32)
    context = b"\x00" + _extract(_SUITE, b"", b"psk_id_hash", b"") + _extract(_SUITE, b"", b"info_hash", info)
    schedule = _extract(_SUITE, secret, b"secret", b"")
    return AESGCM(_expand(_SUITE, schedule, b"key", context, 32)), _expand(_SUITE, schedule, b"base_nonce", context, 12)


def seal(receiver: ec.EllipticCurvePublicKey, plain: bytes, info: bytes, aad: bytes) -> tuple[bytes, bytes]:
    """Seals ``plain`` for ``receiver``. Returns ``enc`` (65 bytes) and the ciphertext (16 bytes longer than ``plain``)."""
    return seal_with(ec.generate_private_key(ec.SECP256R1()), receiver, plain, info, aad)


def seal_with(
    ephemeral: ec.EllipticCurvePrivateKey, receiver: ec.EllipticCurvePublicKey, plain: bytes, info: bytes, aad: bytes
) -> tuple[bytes, bytes]:
    """``seal`` with a given ephemeral key: for test vectors alone, since a key used twice gives the secret away."""
    enc = point_of(ephemeral.public_key())
    cipher, nonce = _cipher(ephemeral.exchange(ec.ECDH(), receiver), enc, point_of(receiver), info)
    return enc, cipher.encrypt(nonce, plain, aad)


def open_with(shared: DiffieHellman, receiver: bytes, enc: bytes, sealed: bytes, info: bytes, aad: bytes) -> bytes:
    """Opens what was sealed for the 65-byte point ``receiver``. Raises ``cryptography.exceptions.InvalidTag`` or ValueError."""
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)  # a point off the curve never reaches a token
    cipher, nonce = _cipher(shared(enc), enc, receiver, info)
    return cipher.decrypt(nonce, sealed, aad)


def software(key: ec.EllipticCurvePrivateKey) -> DiffieHellman:
    """The Diffie-Hellman step by a key in memory."""

    def shared(point: bytes) -> bytes:
        return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))

    return shared
