"""The token as a USB device: descriptors of a CCID reader with the token inside, and its bulk messages (USB CCID 1.10).

Exchange level is extended APDU, so each XfrBlock carries one command. Only what pcscd's driver asks for is there.
"""

from __future__ import annotations

import struct

from .card import PivCard

VENDOR, PRODUCT = 0x1050, 0x0407
STRINGS = {1: "Yubico", 2: "YubiKey OTP+FIDO+CCID"}
SERIAL_STRING = 3
BULK_OUT, BULK_IN, INTERRUPT_IN = 0x02, 0x82, 0x83
DATA_BLOCK, SLOT_STATUS, PARAMETERS = 0x80, 0x81, 0x82
ACTIVE, INACTIVE, FAILED = 0, 1, 0x40
T1 = 1


def device_descriptor() -> bytes:
    return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, VENDOR, PRODUCT, 0x0543, 1, 2, SERIAL_STRING, 1)


def configuration_descriptor(ccid: bool = True) -> bytes:
    """One interface: smart card, or (when that was switched off on the token) a keyboard."""
    interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 3 if ccid else 0, 0x0B if ccid else 0x03, 0, 0, 0)
    body = interface + (_ccid_class() + _endpoints() if ccid else b"")
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 1, 1, 0, 0x80, 15) + body


def _ccid_class() -> bytes:
    """One slot, 5 V, T=1, automatic everything, extended APDUs of up to 3072 bytes."""
    clock, rate, features, message = 4000, 1200, 0x0004_00FE, 3072
    fields = (54, 0x21, 0x0110, 0, 7, 2, clock, clock, 0, rate, rate, 0, 2038, 0, 0, features, message, 0xFF, 0xFF, 0, 0, 1)
    return struct.pack("<BBHBBIIIBIIBIIIIIBBHBB", *fields)


def _endpoints() -> bytes:
    bulk, interrupt = 2, 3
    listed = ((BULK_OUT, bulk, 64, 0), (BULK_IN, bulk, 64, 0), (INTERRUPT_IN, interrupt, 8, 32))
    return b"".join(struct.pack("<BBBBHB", 7, 5, *endpoint) for endpoint in listed)


def string_descriptor(index: int, serial: int) -> bytes | None:
    if index == 0:
        return b"\x04\x03\x09\x04"  # English alone
    text = str(serial) if index == SERIAL_STRING else STRINGS.get(index)
    if text is None:
        return None
    raw = text.encode("utf-16-le")
    return bytes([2 + len(raw), 3]) + raw


class Ccid:
    """Bulk messages in, bulk messages out (``answers``, oldest first)."""

    def __init__(self, card: PivCard) -> None:
        self.answers: list[bytes] = []
        self._card = card
        self._received = b""
        self._powered = False

    def reset(self) -> None:
        self.answers.clear()
        self._received, self._powered = b"", False

    def receive(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 10:
            kind, size, slot, sequence = struct.unpack_from("<BIBB", self._received)
            if len(self._received) < 10 + size:
                return
            body, self._received = self._received[10 : 10 + size], self._received[10 + size :]
            self.answers.append(self._answer(kind, slot, sequence, body))

    def _answer(self, kind: int, slot: int, sequence: int, body: bytes) -> bytes:
        def message(answer: int, data: bytes = b"", state: int = ACTIVE, last: int = 0) -> bytes:
            return struct.pack("<BIBBBBB", answer, len(data), slot, sequence, state, 0, last) + data

        if kind == 0x62:  # power on
            self._card.reset()
            self._powered = True
            return message(DATA_BLOCK, self._card.atr)
        if kind == 0x63:  # power off
            self._powered = False
            return message(SLOT_STATUS, state=INACTIVE)
        if kind == 0x65:  # slot status
            return message(SLOT_STATUS, state=ACTIVE if self._powered else INACTIVE)
        if kind == 0x6F:  # a command APDU
            return message(DATA_BLOCK, self._card.transmit(body))
        if kind == 0x61:  # set parameters
            return message(PARAMETERS, body, last=T1)
        if kind == 0x6C:  # get parameters
            return message(PARAMETERS, bytes([0x11, 0x10, 0, 0x15, 0, 0xFE, 0]), last=T1)
        return message(SLOT_STATUS, state=FAILED)
