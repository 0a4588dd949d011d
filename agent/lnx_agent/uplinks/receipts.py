"""Asks the receiver to counter-sign: "I have the same records, here is my signature under your checkpoint".

    POST /v1/checkpoints   body: the signed checkpoint
    200  the receiver's cosignature line (C2SP tlog-cosignature)
    409  JSON {"missing": [[first, end], ...]}: the receiver lacks records; they are sent again and it is asked again
    422  JSON {"conflict": true, ...}: the receiver knows other records under these numbers; the stream is forked
    404  this upstream gives no receipts; it is asked again an hour later

Invariant: a receipt is kept only when its signature fits the checkpoint and the receiver's known key; the first key seen is pinned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from lnx_common.files import write_durably
from lnx_common.service import StopSignal

from lnx_agent.delivery.http import Connection, TransportError
from lnx_agent.delivery.otlp import Response
from lnx_agent.delivery.position import Positions
from lnx_agent.evidence.notes import COSIGNATURE, NoteError, Verifier, cosigned_at, split
from lnx_agent.uplinks.base import Lent

Resend = Callable[[str, list[tuple[int, int]], StopSignal], None]
ASK_AGAIN_S = 30.0
UNKNOWN_S = 3600.0
MAX_RANGES = 1000


class Receipts:
    """Exchanges checkpoints for cosignatures with one receiver."""

    def __init__(self, uplink: str, connection: Connection, lent: Lent, positions: Positions, resend: Resend) -> None:
        self._uplink, self._connection, self._lent = uplink, connection, lent
        self._positions, self._resend = positions, resend
        self._not_before = 0.0
        self.conflict: tuple[str, int] | None = None
        self.problem = ""

    def exchange(self, stop: StopSignal) -> None:
        """Asks for the newest checkpoint that was delivered completely and is not confirmed yet."""
        newest = self._lent.checkpoint()
        if newest is None or time.monotonic() < self._not_before:
            return
        stream, size, note = newest
        if self._positions.next.get(stream, 0) < size or self._positions.confirmed.get(stream, 0) >= size:
            return
        self._not_before = time.monotonic() + ASK_AGAIN_S
        try:
            answer = self._connection.request("POST", "/v1/checkpoints", note.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        except TransportError as error:
            self.problem = error.reason
            return
        self._judge(stream, size, note, answer, stop)

    def _judge(self, stream: str, size: int, note: str, answer: Response, stop: StopSignal) -> None:
        self.problem = "" if answer.status == 200 else f"http-{answer.status}"
        if answer.status == 200:
            self._keep(stream, size, note, answer.body)
        elif answer.status == 409:
            ranges = _ranges(answer.body, size)
            if ranges:
                self._resend(stream, ranges, stop)
                self._not_before = 0.0
        elif answer.status == 422:
            self.conflict = (stream, self._positions.confirmed.get(stream, 0))
        elif answer.status == 404:
            self._not_before = time.monotonic() + UNKNOWN_S

    def _keep(self, stream: str, size: int, note: str, body: bytes) -> None:
        try:
            line = body.decode("utf-8")
            cosigned_at(split(note)[0], line, self._receiver_key())
        except (UnicodeDecodeError, NoteError, ValueError) as error:
            self.problem = f"receipt: {error}"
            return
        self._lent.tell("audit.receipt", {"uplink": self._uplink, "size": size, "signature": line})
        self._positions.confirmed[stream] = size
        self._positions.save()
        self._not_before = 0.0

    def _receiver_key(self) -> Verifier:
        """The pinned key of the receiver; fetched and pinned the first time."""
        path = self._lent.folder / "receiver.vkey"
        if path.exists():
            return Verifier.from_text(path.read_text(encoding="utf-8"))
        try:
            answer = self._connection.request("GET", "/v1/key")
        except TransportError as error:
            raise NoteError(error.reason) from error
        if answer.status != 200:
            raise NoteError(f"the receiver's key: http-{answer.status}")
        verifier = Verifier.from_text(answer.body.decode("utf-8"))
        write_durably(path, verifier.to_text(COSIGNATURE).encode())
        return verifier


def _ranges(body: bytes, size: int) -> list[tuple[int, int]]:
    """The missing ranges of an answer, within the stream; empty when the answer makes no sense."""
    try:
        rows = json.loads(body)["missing"][:MAX_RANGES]
        ranges = [(max(0, int(first)), min(size, int(end))) for first, end in rows]
    except (ValueError, KeyError, TypeError):
        return []
    return [(first, end) for first, end in ranges if first < end]
