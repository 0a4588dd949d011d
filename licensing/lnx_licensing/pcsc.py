"""Tokens through PC/SC: winscard on Windows, pcscd on Linux. Each failure has its own status and says which reader and what to do.

A connection holds a transaction, so that no other program comes between two commands. It is kept short: Windows resets a token whose
transaction idles for five seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from lnx.errors import LnxError

from lnx_licensing import status

NO_SERVICE = (0x8010001D, 0x8010001E)
NO_READERS = (0x8010002E, 0x80100009, 0x80100017)
NO_CARD = (0x8010000C, 0x80100069, 0x80100066, 0x80100067, 0x80100013, 0x80100016, 0x8010002F)  # the last three: pulled meanwhile
SHARING = 0x8010000B
WAS_RESET = 0x80100068
STATE_UNAWARE, STATE_PRESENT, STATE_EXCLUSIVE, STATE_MUTE = 0x0000, 0x0020, 0x0080, 0x0200
TRIES, PAUSE_S = 8, 0.25


class ReaderState(NamedTuple):
    """A reader as the service sees it."""

    name: str
    present: bool
    exclusive: bool  # somebody holds it for himself alone
    mute: bool  # a card is there and says nothing
    atr: bytes


def _scard() -> ModuleType:
    try:
        from smartcard import scard
    except ImportError:
        fix = "pip install 'lnx-edge[dongle]' (on Linux with the packages libpcsclite-dev and gcc)"
        raise LnxError(status.NO_PCSC_SERVICE, found="the Python package pyscard is not installed", expected="pyscard", fix=fix) from None
    module: ModuleType = scard
    return module


def failure(code: int, where: str) -> LnxError:
    """The error for a code of PC/SC."""
    code &= 0xFFFFFFFF
    text = str(_scard().SCardGetErrorMessage(code)).strip().rstrip(".")
    found = f"PC/SC {code:08X}: {text}"
    if code in NO_SERVICE:
        number = status.RDP_SESSION if in_remote_session() else status.NO_PCSC_SERVICE
        return LnxError(number, found=found, expected="a running smart-card service", where=where)
    if code in NO_READERS:
        return LnxError(status.NO_READER, found=found, expected="a plugged-in dongle", where=where)
    if code in NO_CARD:
        return LnxError(status.NO_TOKEN, found=found, expected="a token in the reader", where=where)
    if code == SHARING:
        return LnxError(status.TOKEN_BUSY, found=found, expected="a token that is free", where=where)
    return LnxError(status.TOKEN_REFUSED, found=found, expected="an answer", where=where)


def in_remote_session() -> bool:
    """Whether this is a remote desktop session, which does not see the readers of this PC."""
    if sys.platform != "win32":
        return False
    import ctypes

    remote_session = 0x1000
    return bool(ctypes.windll.user32.GetSystemMetrics(remote_session))


@contextmanager
def _context() -> Iterator[Any]:
    scard = _scard()
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if code != 0:
        raise failure(code, "smart-card service")
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def readers() -> list[ReaderState]:
    """All readers with what is in them; an empty list when there is none. LNX-320 or LNX-321 when the service is not there."""
    scard = _scard()
    with _context() as context:
        code, names = scard.SCardListReaders(context, [])
        if code & 0xFFFFFFFF in NO_READERS:
            return []
        if code != 0:
            raise failure(code, "smart-card service")
        code, states = scard.SCardGetStatusChange(context, 0, [(name, STATE_UNAWARE) for name in names])
        if code != 0:
            raise failure(code, "smart-card service")
    return [
        ReaderState(name, bool(now & STATE_PRESENT), bool(now & STATE_EXCLUSIVE), bool(now & STATE_MUTE), bytes(atr))
        for name, now, atr in states
    ]


class Connection:
    """A token in a reader, held in a transaction. Use ``connect``."""

    def __init__(self, reader: str, card: Any, protocol: int) -> None:
        self.reader = reader
        self._scard = _scard()
        self._card = card
        self._header = self._scard.SCARD_PCI_T0 if protocol == self._scard.SCARD_PROTOCOL_T0 else self._scard.SCARD_PCI_T1

    def transmit(self, command: bytes) -> bytes:
        code, answer = self._scard.SCardTransmit(self._card, self._header, list(command))
        if code != 0:
            raise failure(code, self.reader)
        return bytes(answer)


@contextmanager
def connect(reader: str) -> Iterator[Connection]:
    """A token in ``reader``. Waits up to two seconds while another program holds it, then LNX-325."""
    scard = _scard()
    with _context() as context:
        card, protocol = _connect(context, reader)
        try:
            _begin(card, reader)
            try:
                yield Connection(reader, card, protocol)
            finally:
                scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD)
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


def _connect(context: Any, reader: str) -> tuple[Any, int]:
    scard = _scard()
    for attempt in range(TRIES):
        either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, card, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, either)
        if code == 0:
            return card, protocol
        if code & 0xFFFFFFFF != SHARING or attempt + 1 == TRIES:
            raise failure(code, reader)
        time.sleep(PAUSE_S)
    raise AssertionError


def _begin(card: Any, reader: str) -> None:
    scard = _scard()
    for _ in range(TRIES):
        code = scard.SCardBeginTransaction(card)
        if code == 0:
            return
        if code & 0xFFFFFFFF != WAS_RESET:
            raise failure(code, reader)
        either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, _protocol = scard.SCardReconnect(card, scard.SCARD_SHARE_SHARED, either, scard.SCARD_LEAVE_CARD)
        if code != 0:
            raise failure(code, reader)
    raise failure(WAS_RESET, reader)


def service_socket() -> str:
    """Where clients look for pcscd on Linux."""
    return os.environ.get("PCSCLITE_CSOCK_NAME") or "/run/pcscd/pcscd.comm"
