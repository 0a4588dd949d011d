"""The card's end of vsmartcard's virtual reader: connecting inserts the card, hanging up pulls it.

Protocol: two bytes of length (big-endian), then the data; one byte of data is a control (0 off, 1 on, 2 reset, 4 asks for the ATR), more is
a command APDU.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from .card import PivCard

PORT = 0x8C7B  # of the reader's first slot; the second listens on the next one
POWER = (0, 1, 2)
ASK_ATR = 4


class Slot:
    """A place for a card. ``connect`` opens a socket to the reader's slot; after a restart of the reader it is called again."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._pulled = threading.Event()
        self._thread: threading.Thread | None = None
        self.card: PivCard | None = None

    def insert(self, card: PivCard) -> None:
        self.remove()
        card.reset()
        self.card = card
        self._pulled = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(card, self._pulled), name="virtual token", daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Pulls the card: a command under way is never answered."""
        card, self.card = self.card, None
        if card is None or self._thread is None:
            return
        self._pulled.set()
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
        card.faults.release()
        self._thread.join(10)

    def _serve(self, card: PivCard, pulled: threading.Event) -> None:
        while not pulled.is_set():
            try:
                connection = self._connect()
            except OSError:  # the reader is not there, or not yet
                pulled.wait(0.05)
                continue
            with self._lock:
                self._connection = connection
            with connection, contextlib.suppress(OSError, EOFError):
                if not pulled.is_set():
                    _talk(connection, card, pulled)
            with self._lock:
                self._connection = None


def _talk(connection: socket.socket, card: PivCard, pulled: threading.Event) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for message in _messages(connection):
        if len(message) > 1:
            answer = card.transmit(message)
        elif message[0] == ASK_ATR:
            answer = card.atr
        elif message[0] in POWER:
            card.reset()
            continue
        else:
            return
        if pulled.is_set():
            return
        connection.sendall(len(answer).to_bytes(2, "big") + answer)


def _messages(connection: socket.socket) -> Iterator[bytes]:
    while True:
        size = int.from_bytes(_receive(connection, 2), "big")
        if size == 0:
            raise EOFError
        yield _receive(connection, size)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # The reader writes length and data separately: without an immediate acknowledgement each command would take 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
