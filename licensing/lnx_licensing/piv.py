"""The commands of a PIV token (NIST SP 800-73-4) that the desk needs, and those of Yubico's that others have taken over.

A token is anything with ``transmit``: bytes of a command APDU in, bytes of the answer out. Long commands are chained, long answers
collected. Every refusal is LNX-326 with the status word and what it means; a token without PIV is LNX-324.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from lnx.container.keys import point_of
from lnx.errors import LnxError

from lnx_licensing import status, tlv

AID = bytes.fromhex("A000000308")
SLOT, SLOT_CERTIFICATE = 0x9E, 0x5FC101
CHUID, LICENCE_OBJECT, MAKER_CERTIFICATE = 0x5FC102, 0x5FC120, 0x5FFF01
P256 = 0x11
TRIPLE_DES, AES192 = 0x03, 0x0A
FACTORY_MANAGEMENT_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
FACTORY_PIN, FACTORY_PUK = "123456", "12345678"
PIN, PUK = 0x80, 0x81
MAX_PIECES = 64  # of one answer, each of up to 256 bytes; the largest object has 3063
NO_OBJECT, NO_COMMAND, NO_KEY = 0x6A82, 0x6D00, 0x6A88
MEANING = {
    0x6300: "wrong",
    0x6700: "wrong length",
    0x6882: "unknown kind of command",
    0x6982: "not allowed without PIN or management key",
    0x6983: "blocked after too many tries",
    0x6985: "not possible in this state",
    0x6A80: "wrong data",
    0x6A81: "not supported",
    0x6A82: "not found",
    0x6A84: "no space left",
    0x6A86: "wrong parameters",
    0x6A88: "no such key",
    0x6D00: "unknown command",
    0x6E00: "unknown class",
    0x6F00: "internal error",
}


class Transport(Protocol):
    """Carries one command to a token and its answer back."""

    def transmit(self, command: bytes) -> bytes:
        """The answer with its two status bytes. Raises LnxError when the token is gone or held."""


class RefusedError(LnxError):
    """The token answered with a status word that is no success."""

    def __init__(self, sw: int, doing: str) -> None:
        self.sw = sw
        left = f", {sw & 15} tries left" if sw & 0xFFF0 == 0x63C0 else ""
        meaning = MEANING.get(sw, "wrong PIN or key" if left else "no known meaning")
        super().__init__(status.TOKEN_REFUSED, found=f"status {sw:04X}: {meaning}{left}", expected="status 9000", where=doing)


@dataclass(frozen=True)
class KeyInfo:
    """What a token tells about a key (Yubico's metadata): policies are 1 never, 2 once or always, 3 always or cached."""

    point: bytes
    generated: bool
    pin_policy: int
    touch_policy: int


class Piv:
    """The PIV application of a token, selected."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.select()

    def select(self) -> None:
        try:
            self.command("select PIV", 0xA4, 0x04, 0x00, AID)
        except RefusedError as refusal:
            found = f"status {refusal.sw:04X}: {MEANING.get(refusal.sw, 'no known meaning')}"
            raise LnxError(status.NOT_PIV, found=found, expected="a PIV application", where="token") from None

    def command(self, doing: str, ins: int, p1: int, p2: int, data: bytes = b"") -> bytes:
        """Sends one command, in pieces where it is long. ``doing`` names it in an error."""
        while len(data) > 255:
            self._check(self._transport.transmit(bytes([0x10, ins, p1, p2, 255]) + data[:255]), doing)
            data = data[255:]
        body = bytes([len(data)]) + data if data else b""
        answer = self._transport.transmit(bytes([0x00, ins, p1, p2]) + body + b"\x00")
        collected = answer[:-2]
        for _ in range(MAX_PIECES):
            if len(answer) < 2 or answer[-2] != 0x61:
                break
            answer = self._transport.transmit(bytes([0x00, 0xC0, 0x00, 0x00, answer[-1]]))
            collected += answer[:-2]
        self._check(answer, doing)
        return collected

    def _check(self, answer: bytes, doing: str) -> None:
        sw = int.from_bytes(answer[-2:], "big") if len(answer) >= 2 else 0x6F00
        if sw != 0x9000:
            raise RefusedError(sw, doing)

    def _fields(self, doing: str, data: bytes) -> dict[int, bytes]:
        try:
            return tlv.decode(data)
        except ValueError as error:
            raise LnxError(status.TOKEN_REFUSED, found=f"an answer with {error}", expected="a PIV answer", where=doing) from None

    # Objects

    def get_object(self, name: int) -> bytes | None:
        """A data object, or None when the token holds none of that name."""
        doing = f"read object {name:06X}"
        try:
            answer = self.command(doing, 0xCB, 0x3F, 0xFF, tlv.encode(0x5C, name.to_bytes(3, "big")))
        except RefusedError as refusal:
            if refusal.sw == NO_OBJECT:
                return None
            raise
        return self._fields(doing, answer).get(0x53) or None

    def put_object(self, name: int, content: bytes) -> None:
        """Writes a data object; needs the management key. Empty content deletes it."""
        self.command(f"write object {name:06X}", 0xDB, 0x3F, 0xFF, tlv.encode(0x5C, name.to_bytes(3, "big")) + tlv.encode(0x53, content))

    def certificate(self, name: int) -> bytes | None:
        """The DER certificate inside a certificate object."""
        content = self.get_object(name)
        return self._fields(f"object {name:06X}", content).get(0x70) if content else None

    def put_certificate(self, name: int, der: bytes) -> None:
        self.put_object(name, tlv.encode(0x70, der) + tlv.encode(0x71, b"\x00") + tlv.encode(0xFE))

    # Keys

    def agree(self, point: bytes) -> bytes:
        """The key agreement of slot 9E: the x coordinate, 32 bytes. LNX-311 for an answer of another form."""
        doing = "key agreement in slot 9E"
        answer = self.command(doing, 0x87, P256, SLOT, tlv.encode(0x7C, tlv.encode(0x82) + tlv.encode(0x85, point)))
        shared = self._fields(doing, self._fields(doing, answer).get(0x7C, b"")).get(0x82, b"")
        if len(shared) != 32:
            raise LnxError(status.WRONG_ANSWER, found=f"{len(shared)} bytes", expected="32 bytes", where=doing)
        return shared

    def challenge(self, key: ec.EllipticCurvePublicKey) -> None:
        """Proves that the token holds the private half of ``key``, now: a fresh point each time. LNX-311 when it does not."""
        fresh = ec.generate_private_key(ec.SECP256R1())
        if not hmac.compare_digest(self.agree(point_of(fresh.public_key())), fresh.exchange(ec.ECDH(), key)):
            raise LnxError(status.WRONG_ANSWER, found="an answer of another key", expected="the key in slot 9E", where="challenge")

    def generate(self, policies: bool) -> ec.EllipticCurvePublicKey:
        """Makes a new P-256 key inside slot 9E; returns its public half. ``policies``: ask for no PIN and no touch."""
        wanted = tlv.encode(0x80, bytes([P256])) + (tlv.encode(0xAA, b"\x01") + tlv.encode(0xAB, b"\x01") if policies else b"")
        answer = self.command("generate the key", 0x47, 0x00, SLOT, tlv.encode(0xAC, wanted))
        point = self._fields("generate the key", self._fields("generate the key", answer).get(0x7F49, b"")).get(0x86, b"")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            found = "an answer without a point of P-256"
            raise LnxError(status.TOKEN_REFUSED, found=found, expected="the new public key", where="generate the key") from None

    def authenticate(self, key: bytes, algorithm: int) -> None:
        """Shows the management key and has the token show that it knows it too."""
        doing = "authenticate with the management key"
        witness = self._mutual(doing, algorithm, tlv.encode(0x80)).get(0x80, b"")
        if len(witness) != (8 if algorithm == TRIPLE_DES else 16):
            raise LnxError(status.TOKEN_REFUSED, found=f"a witness of {len(witness)} bytes", expected="one block", where=doing)
        challenge = os.urandom(len(witness))
        proof = tlv.encode(0x80, _block(key, algorithm, witness, encrypt=False)) + tlv.encode(0x81, challenge)
        answer = self._mutual(doing, algorithm, proof).get(0x82, b"")
        if not hmac.compare_digest(answer, _block(key, algorithm, challenge, encrypt=True)):
            raise LnxError(status.WRONG_ANSWER, found="a token that does not know its management key", expected="its answer", where=doing)

    def _mutual(self, doing: str, algorithm: int, data: bytes) -> dict[int, bytes]:
        answer = self.command(doing, 0x87, algorithm, 0x9B, tlv.encode(0x7C, data))
        return self._fields(doing, self._fields(doing, answer).get(0x7C, b""))

    def change_reference(self, which: int, old: str, new: str) -> None:
        """Changes the PIN or the PUK; each 6 to 8 digits."""
        data = b"".join(text.encode().ljust(8, b"\xff") for text in (old, new))
        self.command("change the PIN" if which == PIN else "change the PUK", 0x24, 0x00, which, data)

    # Yubico's commands; None or RefusedError where a token has none of them

    def _optional(self, doing: str, ins: int, p1: int = 0, p2: int = 0) -> bytes | None:
        try:
            return self.command(doing, ins, p1, p2)
        except RefusedError as refusal:
            if refusal.sw in (NO_COMMAND, NO_KEY, NO_OBJECT, 0x6A81, 0x6A86):
                return None
            raise

    def firmware(self) -> tuple[int, ...] | None:
        answer = self._optional("read the firmware version", 0xFD)
        return tuple(answer) if answer and len(answer) == 3 else None

    def maker_serial(self) -> int | None:
        answer = self._optional("read the serial number", 0xF8)
        return int.from_bytes(answer, "big") if answer and len(answer) == 4 else None

    def key_info(self) -> KeyInfo | None:
        answer = self._optional("read the key's description", 0xF7, 0x00, SLOT)
        if not answer:
            return None
        fields = self._fields("key's description", answer)
        point = self._fields("key's description", fields.get(4, b"")).get(0x86, b"")
        policy = fields.get(2, b"\0\0").ljust(2, b"\0")
        return KeyInfo(point, fields.get(3) == b"\x01", policy[0], policy[1])

    def management_algorithm(self) -> int | None:
        answer = self._optional("read the management key's description", 0xF7, 0x00, 0x9B)
        kind = self._fields("management key's description", answer).get(1) if answer else None
        return kind[0] if kind else None

    def attest(self) -> bytes | None:
        """The maker's certificate (DER) for the key in slot 9E, or None when this token makes none."""
        return self._optional("attest the key", 0xF9, SLOT, 0x00)

    def set_management_key(self, key: bytes, algorithm: int) -> None:
        self.command("set the management key", 0xFF, 0xFF, 0xFF, bytes([algorithm, 0x9B, len(key)]) + key)

    def erase(self) -> None:
        """Back to the factory: blocks PIN and PUK by wrong tries, then erases, as the maker has it. Every key is lost."""
        for ins, which, size in ((0x20, PIN, 8), (0x2C, PIN, 16)):
            for _ in range(256):
                try:
                    self.command("block the PIN", ins, 0x00, which, os.urandom(size))
                except RefusedError as refusal:
                    if refusal.sw == 0x6983:
                        break
        self.command("erase the token", 0xFB, 0x00, 0x00)
        self.select()


def _block(key: bytes, algorithm: int, block: bytes, *, encrypt: bool) -> bytes:
    """One block under the management key."""
    cipher = Cipher(TripleDES(key) if algorithm == TRIPLE_DES else algorithms.AES(key), modes.ECB())  # one random block: no pattern shows
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(block) + context.finalize()
