"""A YubiKey 5: the PIV application with the maker's commands, and the management application that ykman asks first."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from . import attestation, tlv
from .apdu import Command, RefusedError
from .attestation import Maker
from .card import MANAGEMENT, MANAGEMENT_SLOT, SLOTS, PivCard
from .state import (
    ATTESTATION_SLOT,
    CURVES,
    FACTORY_MANAGEMENT_KEY,
    FACTORY_PIN,
    FACTORY_PUK,
    TRIPLE_DES,
    Secret,
    SlotKey,
    State,
    point_of,
)

MANAGEMENT_AID = bytes.fromhex("A000000527471117")
AES192 = 0x0A


class YubiKey(PivCard):
    """``firmware`` as three numbers; from 5.7 on the factory's management key is AES-192."""

    atr = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")

    def __init__(self, state: State, maker: Maker, firmware: tuple[int, int, int] = (5, 7, 1)) -> None:
        self.firmware = bytes(firmware)
        self.factory_management_algorithm = AES192 if firmware >= (5, 7, 0) else TRIPLE_DES
        self.managing = False
        super().__init__(state)
        if ATTESTATION_SLOT not in state.keys:
            maker.equip(state)

    def reset(self) -> None:
        super().reset()
        self.managing = False

    def select(self, command: Command) -> bytes:
        if command.p1 == 4 and command.data.startswith(MANAGEMENT_AID):
            self.reset()
            self.managing = True
            return "Virtual mgr - FW version {}.{}.{}".format(*self.firmware).encode()
        return super().select(command)

    def _dispatch(self, command: Command) -> bytes:
        if self.managing and command.ins == 0x1D:
            return self.read_config(command)
        if self.managing and command.ins != 0xA4:
            raise RefusedError(0x6D00)
        return super()._dispatch(command)

    def handlers(self) -> dict[int, Callable[[Command], bytes]]:
        own: dict[int, Callable[[Command], bytes]] = {
            0xFD: lambda _: self.firmware,
            0xF8: lambda _: self.state.serial.to_bytes(4, "big"),
            0xF7: self.metadata,
            0xF9: self.attest,
            0xFE: self.import_key,
            0xFF: self.set_management_key,
            0xFA: self.set_retries,
            0xFB: self.erase,
        }
        return {**super().handlers(), **own}

    def read_config(self, _: Command) -> bytes:
        fields = {1: b"\x10", 2: self.state.serial.to_bytes(4, "big"), 3: b"\x10", 4: b"\x01", 5: self.firmware}
        fields.update({6: b"\0\0", 7: b"\0", 8: b"\0", 0xA: b"\0"})
        config = b"".join(tlv.encode(tag, value) for tag, value in fields.items())
        return bytes([len(config)]) + config

    def metadata(self, command: Command) -> bytes:
        slot = command.p2
        if slot == MANAGEMENT_SLOT:
            factory = self.state.management_key == FACTORY_MANAGEMENT_KEY
            return tlv.encode(1, bytes([self.state.management_algorithm])) + tlv.encode(2, b"\x00\x01") + tlv.encode(5, bytes([factory]))
        if slot in (0x80, 0x81):
            secret, factory_value = (self.state.pin, FACTORY_PIN) if slot == 0x80 else (self.state.puk, FACTORY_PUK)
            counters = tlv.encode(6, bytes([secret.tries, secret.left]))
            return tlv.encode(1, b"\xff") + tlv.encode(5, bytes([secret.value == factory_value])) + counters
        key = self.state.keys.get(slot)
        if key is None:
            raise RefusedError(0x6A88)
        origin = b"\x01" if key.generated else b"\x02"
        policy = tlv.encode(2, bytes([key.pin_policy, key.touch_policy]))
        return tlv.encode(1, bytes([key.algorithm])) + policy + tlv.encode(3, origin) + tlv.encode(4, tlv.encode(0x86, point_of(key.key)))

    def policies(self, slot: int, fields: dict[int, bytes]) -> tuple[int, int]:
        pin, touch = super().policies(slot, fields)
        return (fields.get(0xAA, b"\0")[0] or pin), (fields.get(0xAB, b"\0")[0] or touch)

    def attest(self, command: Command) -> bytes:
        key = self.state.keys.get(command.p1)
        if key is None or command.p1 == ATTESTATION_SLOT:
            raise RefusedError(0x6A88)
        if not key.generated:
            raise RefusedError(0x6A80)  # a key that came from outside is never attested
        return attestation.attest(self.state, command.p1, self.firmware)

    def import_key(self, command: Command) -> bytes:
        self.need_admin()
        fields = tlv.decode(command.data)
        if command.p1 not in CURVES or 0x06 not in fields or command.p2 not in SLOTS:
            raise RefusedError(0x6A80)
        key = ec.derive_private_key(int.from_bytes(fields[0x06], "big"), CURVES[command.p1])
        self.state.keys[command.p2] = SlotKey(key, command.p1, *self.policies(command.p2, fields), generated=False)
        self.state.save()
        return b""

    def set_management_key(self, command: Command) -> bytes:
        self.need_admin()
        data = command.data
        if len(data) < 3 or data[0] not in MANAGEMENT or data[1] != MANAGEMENT_SLOT:
            raise RefusedError(0x6A80)
        if len(data) - 3 != data[2] or data[2] != MANAGEMENT[data[0]][2]:
            raise RefusedError(0x6A80)
        self.state.management_algorithm, self.state.management_key = data[0], data[3:]
        self.state.save()
        return b""

    def set_retries(self, command: Command) -> bytes:
        self.need_admin()
        if not self.pin_shown:
            raise RefusedError(0x6982)
        self.state.pin = Secret(FACTORY_PIN, command.p1, command.p1)
        self.state.puk = Secret(FACTORY_PUK, command.p2, command.p2)
        self.state.save()
        return b""

    def erase(self, _: Command) -> bytes:
        """Possible once PIN and PUK are both blocked: a customer can always wipe a token, never read it."""
        if self.state.pin.left or self.state.puk.left:
            raise RefusedError(0x6985)
        self.factory_reset()
        self.reset()
        self.selected = True
        return b""
