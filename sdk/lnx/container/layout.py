"""Constants and derivations of container version 1, shared by the writer and the plain reader."""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import NamedTuple

MAGIC = bytes([0x89]) + b"LNX\r\n\x1a\n"
MAJOR, MINOR = 1, 0
PREAMBLE = struct.Struct("<8sHHIB3sIQ32s32sIIQIIQ")
SIGNED_PREAMBLE = 112
ALGORITHMS = bytes([1, 1, 1])  # AES-256-GCM, HKDF-SHA256, ECDSA P-256
PAGE = 4096
TAG = 16
MAX_MANIFEST, MAX_SIGNATURE, MAX_RECIPIENTS, MAX_PLAIN, MAX_TABLE = 1 << 20, 16 << 10, 256 << 10, 8 << 30, 1 << 20
PAYLOAD_TYPE = b"application/vnd.lnx.container;v=1"


class Preamble(NamedTuple):
    """The first 128 bytes, field by field."""

    magic: bytes
    major: int
    minor: int
    flags: int
    log2_chunk: int
    algorithms: bytes
    reserved1: int
    plain_bytes: int
    salt: bytes
    commitment: bytes
    manifest_bytes: int
    hash_bytes: int
    reserved2: int
    signature_bytes: int
    recipient_bytes: int
    payload_offset: int

    @property
    def chunk_bytes(self) -> int:
        return 1 << self.log2_chunk

    @property
    def chunks(self) -> int:
        return -(-self.plain_bytes // self.chunk_bytes)

    @property
    def file_bytes(self) -> int:
        return self.payload_offset + self.plain_bytes + self.chunks * TAG


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    pseudo_random = hmac.new(salt, key, hashlib.sha256).digest()
    block, out = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.new(pseudo_random, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
    return out[:length]


def commitment(cek: bytes, salt: bytes) -> bytes:
    return hkdf(cek, salt, b"lnx/1 commit", 32)


def nonce(prefix: bytes, index: int, last: bool) -> bytes:
    """Of chunk ``index``: 7 derived bytes, the index big-endian, and whether it is the last (STREAM construction)."""
    return prefix + index.to_bytes(4, "big") + bytes([1 if last else 0])


def pae(body: bytes) -> bytes:
    """DSSE pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(body), body)


def align(offset: int) -> int:
    return -(-offset // PAGE) * PAGE
