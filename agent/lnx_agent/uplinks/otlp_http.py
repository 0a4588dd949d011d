"""Delivers records over OTLP/HTTP, in order, for as long as it takes.

Records that come one by one are gathered: a request that is not full goes off GATHER_S after the one before it, so that a steady line costs
few requests, and the first record after a pause goes at once.

A batch that cannot be delivered is tried again with the same records. A batch that is refused for what it is (400, partial success)
is searched by halves for the first record that the upstream does not take; it alone becomes a dead letter, and its declaration with
the leaf hash goes upstream instead. Several such records in a row with nothing accepted between them mean that the upstream is
wrong, not the records: then nothing is given up, the uplink alarms and probes slowly.

Invariants: the position moves only over records that were accepted or are dead letters; nothing else is ever skipped.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass

from lnx_common.durable_log import Entry
from lnx_common.service import StopSignal

from lnx_agent.delivery.backoff import Backoff, Pace
from lnx_agent.delivery.deadletter import DeadLetters
from lnx_agent.delivery.http import Connection, Endpoint, TransportError
from lnx_agent.delivery.otlp import CONTENT_TYPE, Answer, Verdict, judge, request_body, resource_bytes
from lnx_agent.delivery.position import Positions
from lnx_agent.evidence.merkle import leaf_hash
from lnx_agent.record import parsed
from lnx_agent.uplinks.base import Lent, UplinkStatus, change_state
from lnx_agent.uplinks.receipts import Receipts

IDLE_S = 0.5
GATHER_S = 0.5
SUSPICIOUS = 5  # dead letters in a row before the upstream itself is doubted


@dataclass(frozen=True)
class Limits:
    """Records and bytes of one request, records per second while catching up (0 = no limit), seconds for one exchange."""

    records: int = 512
    bytes: int = 1_000_000
    per_second: float = 0.0
    timeout_s: float = 30.0


class OtlpHttp:
    """One OTLP/HTTP upstream."""

    def __init__(self, name: str, endpoint: Endpoint, lent: Lent, limits: Limits, pace: Pace, *, receipts: bool) -> None:
        self._lent, self._limits = lent, limits
        self._connection = Connection(endpoint, limits.timeout_s)
        self._backoff = Backoff(pace)
        self._positions = Positions(lent.folder / "position")
        self._dead = DeadLetters(lent.folder / "deadletter")
        self._refused_in_a_row = 0
        self._full_only_until = 0.0  # monotonic seconds
        self.conflict: tuple[str, int] | None = None
        self.status = UplinkStatus(name, "otlp_http", dead_letters=self._dead.count())
        self.receipts = Receipts(name, self._connection, lent, self._positions, self._resend) if receipts else None
        self._publish()

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, stop: StopSignal) -> None:
        while not stop.is_set():
            moved = self._one_round(stop)
            if self.receipts is not None and self.status.state == "up":
                self.receipts.exchange(stop)
            if not moved:
                self._lent.wake.wait(IDLE_S)
                self._lent.wake.clear()
        self._connection.close()

    def _one_round(self, stop: StopSignal) -> bool:
        """Delivers one batch of the oldest stream that has something; False when there is nothing."""
        for stream in [entry.id for entry in self._lent.ledger.streams]:
            first = self._positions.next.get(stream, 0)
            waiting = self._lent.ledger.end_of(stream) - first
            if waiting <= 0 or (waiting < self._limits.records and time.monotonic() < self._full_only_until):
                continue
            entries = self._lent.ledger.read(stream, first, self._limits.records, self._limits.bytes)
            if not entries:
                if stream != self._lent.ledger.live.id:  # a hole up to the end of a closed stream, declared by the ledger
                    self._move(stream, self._lent.ledger.end_of(stream))
                continue
            begin = time.monotonic()
            self._full_only_until = begin + GATHER_S
            self._deliver(stream, entries, stop)
            if self._limits.per_second:
                stop.wait(len(entries) / self._limits.per_second - (time.monotonic() - begin))
            return True
        return False

    def _deliver(self, stream: str, entries: list[Entry], stop: StopSignal) -> None:
        answer = self._until_answered(entries, stop)
        if answer is None:
            return
        if answer.verdict is Verdict.ACCEPTED:
            self._accepted(stream, entries)
        elif answer.verdict is Verdict.CONFLICT:
            self._report_conflict(stream, entries[0].seq, stop)
        else:
            self._narrow(stream, entries, answer, stop)

    def _narrow(self, stream: str, entries: list[Entry], answer: Answer, stop: StopSignal) -> None:
        """``entries`` were refused as a whole: delivers what comes before the first refused record, by halves."""
        while len(entries) > 1:
            half = entries[: len(entries) // 2]
            answer_half = self._until_answered(half, stop)
            if answer_half is None:
                return
            if answer_half.verdict is Verdict.ACCEPTED:
                self._accepted(stream, half)
                entries = entries[len(half) :]
            else:
                entries, answer = half, answer_half
            if answer.verdict is Verdict.TOO_LARGE and answer_half.verdict is Verdict.ACCEPTED:
                return  # the rest may fit now; the next round sends it
        alone = self._until_answered(entries, stop)
        if alone is None:
            return
        if alone.verdict is Verdict.ACCEPTED:
            self._accepted(stream, entries)
        else:
            self._give_up(stream, entries[0], alone.reason, stop)

    def _report_conflict(self, stream: str, seq: int, stop: StopSignal) -> None:
        """Waits until the agent has given these records other numbers, in a stream of their own."""
        self.conflict = (stream, seq)
        change_state(self.status, self._lent.tell, "refused", "conflict", "the receiver knows other records under these numbers")
        while self.conflict is not None and not stop.wait(IDLE_S):
            pass

    def _give_up(self, stream: str, entry: Entry, reason: str, stop: StopSignal) -> None:
        if self._refused_in_a_row >= SUSPICIOUS:
            change_state(self.status, self._lent.tell, "refused", reason, "every record is refused; is this the right upstream?")
            stop.wait(self._backoff.next_wait(refused=True))
            return
        self._refused_in_a_row += 1
        self._dead.keep(stream, entry, reason)
        self.status.dead_letters = self._dead.count()
        if parsed(entry.body).event != "agent.dead_letter":
            leaf = base64.b64encode(leaf_hash(entry.body)).decode()
            told = {"uplink": self.status.name, "stream": stream, "seq": entry.seq, "leaf": leaf, "reason": reason}
            if self._lent.tell("agent.dead_letter", told) is False:
                stop.wait(IDLE_S)
                return  # not declared, so not given up: the next round comes here again
        self._move(stream, entry.seq + 1)

    # ── one exchange ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _until_answered(self, entries: list[Entry], stop: StopSignal) -> Answer | None:
        """Sends until somebody judges the records themselves; None when the agent stops first."""
        body = request_body(resource_bytes(self._lent.identity), [entry.body for entry in entries], self._lent.version)
        while not stop.is_set():
            answer = self._send(body)
            if answer.verdict in (Verdict.ACCEPTED, Verdict.POISON, Verdict.TOO_LARGE, Verdict.CONFLICT):
                return answer
            refused = answer.verdict is Verdict.REFUSED
            change_state(self.status, self._lent.tell, "refused" if refused else "retrying", answer.reason, self.status.detail)
            if stop.wait(self._backoff.next_wait(asked=answer.wait_s, refused=refused)):
                return None
        return None

    def _send(self, body: bytes) -> Answer:
        self.status.requests += 1
        self.status.wire_bytes += len(body)
        try:
            headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"}
            return judge(self._connection.request("POST", "/v1/logs", body, headers))
        except TransportError as error:
            self.status.detail = error.detail
            return Answer(Verdict.RETRY, error.reason)

    def _accepted(self, stream: str, entries: list[Entry]) -> None:
        self._backoff.reset()
        self._refused_in_a_row = 0
        self.status.records += len(entries)
        self.status.detail = ""
        self._move(stream, entries[-1].seq + 1)
        change_state(self.status, self._lent.tell, "up")

    def _move(self, stream: str, position: int) -> None:
        self._positions.next[stream] = position
        self._positions.save()
        self._publish()

    def _publish(self) -> None:
        self.status.delivered = dict(self._positions.next)
        self.status.confirmed = dict(self._positions.confirmed)

    def _resend(self, stream: str, ranges: list[tuple[int, int]], stop: StopSignal) -> None:
        """Sends ranges [first, end) again that the receiver says it lacks, from wherever they are kept."""
        for first, end in ranges:
            while first < end and not stop.is_set():
                entries = self._lent.ledger.read(stream, first, min(self._limits.records, end - first), self._limits.bytes)
                entries = [entry for entry in entries if entry.seq < end]
                if not entries:
                    break
                if self._until_answered(entries, stop) is None:
                    return
                first = entries[-1].seq + 1
