"""Tokens through PC/SC: winscard on Windows, pcscd on Linux. Each failure has its own status and says which reader and what to do.

A connection holds a transaction, so that no other program comes between two commands. It is kept short: Windows resets a token whose
transaction idles for five seconds.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from lnx.errors import LnxError

from lnx_licensing import status

NO_SERVICE = (0x8010001D, 0x8010001E)
NO_READERS = (0x8010002E, 0x80100009, 0x80100017)
NO_CARD = (0x8010000C, 0x80100069, 0x80100066, 0x80100067, 0x80100013, 0x80100016, 0x8010002F)  # the last three: pulled meanwhile
SHARING = 0x8010000B
WAS_RESET = 0x80100068
STATE_UNAWARE, STATE_PRESENT, STATE_EXCLUSIVE, STATE_MUTE = 0x0000, 0x0020, 0x0080, 0x0200
TRIES, PAUSE_S = 8, 0.25
ANSWER_S = 15.0
T = TypeVar("T")


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


class _Watch:
    """Runs calls of PC/SC in threads of their own, since a token that hangs blocks them for ever."""

    def __init__(self) -> None:
        self._stuck = False
        self._last = threading.Thread()

    def call(self, where: str, function: Callable[..., T], *arguments: Any) -> T:
        """The result of ``function``; LNX-327 when there is none within ``ANSWER_S`` seconds."""
        answers: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put(function(*arguments))
            except BaseException as error:
                answers.put(error)

        self._last = threading.Thread(target=work, name="pc/sc", daemon=True)
        self._last.start()
        try:
            answer = answers.get(timeout=ANSWER_S)
        except queue.Empty:
            self._stuck = True
            found = f"no answer within {ANSWER_S:g} s"
            raise LnxError(status.TOKEN_HANGS, found=found, expected="an answer", where=where) from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self, function: Callable[..., object], *arguments: Any) -> None:
        """Gives something back; when a call is stuck, as soon as it returns."""
        if not self._stuck:
            function(*arguments)
            return
        before = self._last

        def later() -> None:
            before.join()
            function(*arguments)

        self._last = threading.Thread(target=later, name="pc/sc", daemon=True)
        self._last.start()


@contextmanager
def _context() -> Iterator[tuple[Any, _Watch]]:
    scard = _scard()
    watch = _Watch()
    code, context = watch.call("smart-card service", scard.SCardEstablishContext, scard.SCARD_SCOPE_SYSTEM)
    if code != 0:
        raise failure(code, "smart-card service")
    try:
        yield context, watch
    finally:
        watch.close(scard.SCardReleaseContext, context)


def readers() -> list[ReaderState]:
    """All readers with what is in them; an empty list when there is none. LNX-320 or LNX-321 when the service is not there."""
    scard = _scard()
    with _context() as (context, watch):
        code, names = watch.call("smart-card service", scard.SCardListReaders, context, [])
        if code & 0xFFFFFFFF in NO_READERS:
            return []
        if code != 0:
            raise failure(code, "smart-card service")
        asked = [(name, STATE_UNAWARE) for name in names]
        code, states = watch.call("smart-card service", scard.SCardGetStatusChange, context, 0, asked)
        if code != 0:
            raise failure(code, "smart-card service")
    return [
        ReaderState(name, bool(now & STATE_PRESENT), bool(now & STATE_EXCLUSIVE), bool(now & STATE_MUTE), bytes(atr))
        for name, now, atr in states
    ]


class Connection:
    """A token in a reader, held in a transaction. Use ``connect``."""

    def __init__(self, reader: str, card: Any, protocol: int, watch: _Watch) -> None:
        self.reader = reader
        self._scard = _scard()
        self._card = card
        self._watch = watch
        self._header = self._scard.SCARD_PCI_T0 if protocol == self._scard.SCARD_PROTOCOL_T0 else self._scard.SCARD_PCI_T1

    def transmit(self, command: bytes) -> bytes:
        code, answer = self._watch.call(self.reader, self._scard.SCardTransmit, self._card, self._header, list(command))
        if code != 0:
            raise failure(code, self.reader)
        return bytes(answer)


@contextmanager
def connect(reader: str) -> Iterator[Connection]:
    """A token in ``reader``. Waits up to two seconds while another program holds it, then LNX-325; LNX-327 when the token hangs."""
    scard = _scard()
    with _context() as (context, watch):
        card, protocol = _connect(context, reader, watch)
        try:
            _begin(card, reader, watch)
            try:
                yield Connection(reader, card, protocol, watch)
            finally:
                watch.close(scard.SCardEndTransaction, card, scard.SCARD_LEAVE_CARD)
        finally:
            watch.close(scard.SCardDisconnect, card, scard.SCARD_LEAVE_CARD)


def _connect(context: Any, reader: str, watch: _Watch) -> tuple[Any, int]:
    scard = _scard()
    either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    for attempt in range(TRIES):
        code, card, protocol = watch.call(reader, scard.SCardConnect, context, reader, scard.SCARD_SHARE_SHARED, either)
        if code == 0:
            return card, protocol
        if code & 0xFFFFFFFF != SHARING or attempt + 1 == TRIES:
            raise failure(code, reader)
        time.sleep(PAUSE_S)
    raise AssertionError


def _begin(card: Any, reader: str, watch: _Watch) -> None:
    scard = _scard()
    either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    for _ in range(TRIES):
        code = watch.call(reader, scard.SCardBeginTransaction, card)
        if code == 0:
            return
        if code & 0xFFFFFFFF != WAS_RESET:
            raise failure(code, reader)
        code, _protocol = watch.call(reader, scard.SCardReconnect, card, scard.SCARD_SHARE_SHARED, either, scard.SCARD_LEAVE_CARD)
        if code != 0:
            raise failure(code, reader)
    raise failure(WAS_RESET, reader)
