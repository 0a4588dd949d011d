"""The PIV application: SELECT, GET/PUT DATA, PINs, GENERAL AUTHENTICATE, GENERATE. The standard and nothing more.

Slot 9E works without PIN, 9C asks for it each time, the others once: as SP 800-73-4 fixes it for tokens that have no policies of their own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from . import tlv
from .apdu import Channel, Command, RefusedError
from .faults import Faults
from .state import ALWAYS, ATTESTATION_SLOT, CURVES, NEVER, ONCE, TRIPLE_DES, Secret, SlotKey, State, point_of

try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:  # Debian's cryptography
    TripleDES = algorithms.TripleDES

AID = bytes.fromhex("A000000308000010000100")
SLOTS = (0x9A, 0x9C, 0x9D, 0x9E, *range(0x82, 0x96))
MANAGEMENT_SLOT = 0x9B
MANAGEMENT: dict[int, tuple[Callable[[bytes], object], int, int]] = {  # cipher, block bytes, key bytes
    TRIPLE_DES: (TripleDES, 8, 24),
    0x08: (algorithms.AES, 16, 16),
    0x0A: (algorithms.AES, 16, 24),
    0x0C: (algorithms.AES, 16, 32),
}
STANDARD_POLICY = {0x9C: ALWAYS, 0x9E: NEVER}
PIN_PROTECTED = (0x5FC103, 0x5FC108, 0x5FC109, 0x5FC121)
CHUID = 0x5FC102


def _atr(historical: bytes) -> bytes:
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical  # T=0 offered, T=1 used
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes([check])


class PivCard:
    """A token of any maker. ``transmit`` takes a command APDU and gives the answer, from one thread at a time."""

    atr = _atr(b"LNXPIV01")
    factory_management_algorithm = TRIPLE_DES

    def __init__(self, state: State) -> None:
        self.state = state
        self.faults = Faults()
        self.commands = 0
        self._lock = threading.Lock()
        self._channel = Channel(self._dispatch)
        if not state.load():
            self.factory_reset()
        self.reset()

    def factory_reset(self) -> None:
        self.state.erase(self.factory_management_algorithm)
        guid = self.state.serial.to_bytes(16, "big")
        fasc_n = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")
        chuid = [tlv.encode(0x30, fasc_n), tlv.encode(0x34, guid), tlv.encode(0x35, b"20500101"), tlv.encode(0x3E), tlv.encode(0xFE)]
        self.state.objects[CHUID] = b"".join(chuid)

    def reset(self) -> None:
        """Power: what was selected, shown and begun is forgotten."""
        self._channel.reset()
        self.selected = self.pin_shown = self.pin_fresh = self.admin = False
        self._witness: bytes | None = None
        self._challenge: bytes | None = None

    def transmit(self, raw: bytes) -> bytes:
        refused = self.faults.before_command()
        if refused is not None:
            return refused
        with self._lock:
            self.commands += 1
            try:
                return self._channel.transmit(raw)
            except tlv.MalformedError:
                self._channel.reset()
                return b"\x6a\x80"
            except Exception as error:  # a token that fails answers 6F00; it never takes the reader down
                print(f"virtual token: {error!r}", file=sys.stderr)
                return b"\x6f\x00"

    def _dispatch(self, command: Command) -> bytes:
        if command.ins == 0xA4:
            return self.select(command)
        if not self.selected:
            raise RefusedError(0x6985)
        handler = self.handlers().get(command.ins)
        if handler is None:
            raise RefusedError(0x6D00)
        return handler(command)

    def handlers(self) -> dict[int, Callable[[Command], bytes]]:
        return {
            0xCB: self.get_data,
            0xDB: self.put_data,
            0x20: self.verify,
            0x24: self.change_reference,
            0x2C: self.unblock,
            0x87: self.general_authenticate,
            0x47: self.generate,
        }

    def select(self, command: Command) -> bytes:
        if command.p1 != 4:
            raise RefusedError(0x6A86)
        if len(command.data) < 5 or not AID.startswith(command.data) or self.faults.name == "no-piv":
            raise RefusedError(0x6A82)
        self.reset()
        self.selected = True
        version = tlv.encode(0x4F, bytes.fromhex("000010000100"))
        authority = tlv.encode(0x79, tlv.encode(0x4F, AID[:5]))
        return tlv.encode(0x61, version + authority + tlv.encode(0x50, b"LNX test PIV"))

    def get_data(self, command: Command) -> bytes:
        wanted = tlv.decode(command.data).get(0x5C)
        if (command.p1, command.p2) != (0x3F, 0xFF) or wanted is None:
            raise RefusedError(0x6A80)
        if wanted == b"\x7e":
            return tlv.encode(0x7E, tlv.encode(0x4F, AID) + tlv.encode(0x5F2F, b"\x40\x00"))
        name = int.from_bytes(wanted, "big")
        if name in PIN_PROTECTED and not self.pin_shown:
            raise RefusedError(0x6982)
        if name not in self.state.objects:
            raise RefusedError(0x6A82)
        return tlv.encode(0x53, self.state.objects[name])

    def put_data(self, command: Command) -> bytes:
        self.need_admin()
        fields = tlv.decode(command.data)
        if (command.p1, command.p2) != (0x3F, 0xFF) or len(fields.get(0x5C, b"")) != 3 or 0x53 not in fields:
            raise RefusedError(0x6A80)
        if len(fields[0x53]) > 3063:
            raise RefusedError(0x6A84)
        name = int.from_bytes(fields[0x5C], "big")
        if fields[0x53]:
            self.state.objects[name] = fields[0x53]
        else:
            self.state.objects.pop(name, None)
        self.state.save()
        return b""

    def need_admin(self) -> None:
        if not self.admin:
            raise RefusedError(0x6982)

    def _compare(self, secret: Secret, shown: bytes) -> None:
        if secret.left == 0:
            raise RefusedError(0x6983)
        if shown.ljust(8, b"\xff") != secret.value.ljust(8, b"\xff"):
            secret.left -= 1
            self.state.save()
            raise RefusedError(0x63C0 | secret.left if secret.left else 0x6983)
        secret.left = secret.tries

    def verify(self, command: Command) -> bytes:
        if command.p2 != 0x80:
            raise RefusedError(0x6A88)
        if not command.data:
            if self.pin_shown:
                return b""
            left = self.state.pin.left
            raise RefusedError(0x63C0 | left if left else 0x6983)
        self.pin_shown = False
        self._compare(self.state.pin, command.data)
        self.pin_shown = self.pin_fresh = True
        return b""

    def change_reference(self, command: Command) -> bytes:
        secret = {0x80: self.state.pin, 0x81: self.state.puk}.get(command.p2)
        if secret is None or len(command.data) != 16:
            raise RefusedError(0x6A80)
        self._compare(secret, command.data[:8])
        secret.value = command.data[8:]
        self.state.save()
        return b""

    def unblock(self, command: Command) -> bytes:
        if command.p2 != 0x80 or len(command.data) != 16:
            raise RefusedError(0x6A80)
        self._compare(self.state.puk, command.data[:8])
        self.state.pin.value, self.state.pin.left = command.data[8:], self.state.pin.tries
        self.state.save()
        return b""

    def general_authenticate(self, command: Command) -> bytes:
        fields = tlv.decode(tlv.decode(command.data).get(0x7C, b""))
        if command.p2 == MANAGEMENT_SLOT:
            return self._authenticate_host(command.p1 or TRIPLE_DES, fields)
        slot = self.state.keys.get(command.p2)
        if slot is None or command.p2 == ATTESTATION_SLOT:
            raise RefusedError(0x6A88 if command.p2 in SLOTS else 0x6A86)
        if command.p1 != slot.algorithm:
            raise RefusedError(0x6A86)
        self._check_pin(slot)
        key = ec.generate_private_key(slot.key.curve) if self.faults.name == "wrong-key" else slot.key
        if 0x85 in fields:
            return tlv.encode(0x7C, tlv.encode(0x82, self._agree(key, fields[0x85])))
        if 0x81 in fields and 0x82 in fields:
            return tlv.encode(0x7C, tlv.encode(0x82, self._sign(key, fields[0x81])))
        raise RefusedError(0x6A80)

    def _check_pin(self, slot: SlotKey) -> None:
        if slot.pin_policy == NEVER:
            return
        if not self.pin_shown or (slot.pin_policy == ALWAYS and not self.pin_fresh):
            raise RefusedError(0x6982)
        self.pin_fresh = False

    def _agree(self, key: ec.EllipticCurvePrivateKey, point: bytes) -> bytes:
        try:
            peer = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point)
        except ValueError:
            raise RefusedError(0x6A80) from None  # not on the curve
        return self.faults.agreed(key.exchange(ec.ECDH(), peer))

    def _sign(self, key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
        kind = {32: hashes.SHA256(), 48: hashes.SHA384()}.get(len(digest))
        if kind is None:
            raise RefusedError(0x6A80)
        return key.sign(digest, ec.ECDSA(utils.Prehashed(kind)))

    def _encrypt(self, block: bytes) -> bytes:
        cipher = Cipher(MANAGEMENT[self.state.management_algorithm][0](self.state.management_key), modes.ECB()).encryptor()
        return cipher.update(block) + cipher.finalize()

    def _authenticate_host(self, algorithm: int, fields: dict[int, bytes]) -> bytes:
        """The host proves that it knows the management key: mutually (witness and challenge) or one way (challenge and response)."""
        if algorithm != self.state.management_algorithm:
            raise RefusedError(0x6A86)
        block = MANAGEMENT[algorithm][1]
        if fields.get(0x80) == b"":
            self._witness = os.urandom(block)
            return tlv.encode(0x7C, tlv.encode(0x80, self._encrypt(self._witness)))
        if 0x80 in fields and 0x81 in fields:
            witness, self._witness = self._witness, None
            if witness is None or fields[0x80] != witness or len(fields[0x81]) != block:
                raise RefusedError(0x6982)
            self.admin = True
            return tlv.encode(0x7C, tlv.encode(0x82, self._encrypt(fields[0x81])))
        if fields.get(0x81) == b"":
            self._challenge = os.urandom(block)
            return tlv.encode(0x7C, tlv.encode(0x81, self._challenge))
        if 0x82 in fields:
            challenge, self._challenge = self._challenge, None
            if challenge is None or fields[0x82] != self._encrypt(challenge):
                raise RefusedError(0x6982)
            self.admin = True
            return b""
        raise RefusedError(0x6A80)

    def policies(self, slot: int, fields: dict[int, bytes]) -> tuple[int, int]:
        """PIN and touch policy of a new key; a token without policies of its own overlooks what was asked."""
        return STANDARD_POLICY.get(slot, ONCE), 1

    def generate(self, command: Command) -> bytes:
        self.need_admin()
        fields = tlv.decode(tlv.decode(command.data).get(0xAC, b""))
        algorithm = int.from_bytes(fields.get(0x80, b"\0"), "big")
        if command.p2 not in (*SLOTS, ATTESTATION_SLOT) or algorithm not in CURVES:
            raise RefusedError(0x6A80)
        key = ec.generate_private_key(CURVES[algorithm])
        self.state.keys[command.p2] = SlotKey(key, algorithm, *self.policies(command.p2, fields), generated=True)
        self.state.save()
        return tlv.encode(0x7F49, tlv.encode(0x86, point_of(key)))
