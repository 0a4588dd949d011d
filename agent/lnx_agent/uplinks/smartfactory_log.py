"""The national smart-factory log service: a few fields per ten minutes, today's only. What it asks for stands in a table (TOML).

The events of a slot become one record: the most telling kind of use, the time of its newest event, and the bytes of all of them as
they are in the log. A slot is ten minutes; late in the evening (`day_end`) it is everything of today that still waits, so that a day
with an outage is not cut off at midnight. What the service cannot take any more (yesterday's events after a night without network)
is declared in the log as `agent.unsent`; the log itself keeps it, and the other uplinks deliver it.

Invariants: the position moves only when the service has answered that it accepted, or over events that are declared or not asked for.
"""

from __future__ import annotations

import json
import math
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from lnx_common.durable_log import Entry
from lnx_common.errors import PlantError
from lnx_common.service import StopSignal

from lnx_agent.delivery.backoff import Backoff, Pace
from lnx_agent.delivery.http import Connection, Endpoint, TransportError
from lnx_agent.delivery.otlp import Response
from lnx_agent.delivery.position import Positions
from lnx_agent.record import Parsed, parsed
from lnx_agent.uplinks.base import Lent, UplinkStatus, change_state

STEP = 2000
LOOK_S = 1.0


@dataclass(frozen=True)
class Table:
    """The service as the TOML file describes it."""

    fields: dict[str, str]
    use: dict[str, str]
    request: dict[str, str]
    reply: dict[str, Any]
    rules: dict[str, Any]

    @classmethod
    def load(cls, path: Path | None) -> Table:
        """The given table, or the built-in one. PlantError 602 when it lacks a part."""
        source = path or files("lnx_agent.uplinks").joinpath("smartfactory.toml")
        text = source.read_text(encoding="utf-8")
        try:
            value = tomllib.loads(text)
            return cls(value["fields"], value["use"], value["request"], value["reply"], value["rules"])
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise PlantError(602, where=str(path), found=str(error), expected="fields, use, request, reply, rules") from error


@dataclass(frozen=True)
class Slot:
    """What goes out as one record. ``end``: position after it; ``newest``: the event that names time and use; ``unsent``: too old."""

    end: int
    newest: Parsed | None
    use: str
    bytes: int
    unsent: tuple[int, int] | None = None


class SmartFactoryLog:
    """One account of the service."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        table: Table,
        values: dict[str, str],
        lent: Lent,
        timeout_s: float = 30.0,
        pace: Pace | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """values: key, account, address of the site."""
        self._path = urlsplit(endpoint.url).path
        root = endpoint.url.removesuffix(self._path) if self._path else endpoint.url
        self._connection = Connection(Endpoint(root, endpoint.headers, endpoint.ca), timeout_s)
        self._table, self._values, self._lent, self._now = table, values, lent, now
        self._zone = ZoneInfo(str(table.rules["timezone"]))
        self._positions = Positions(lent.folder / "position")
        self._backoff = Backoff(pace or Pace(60.0, 600.0, 1800.0))
        self._sent_today = ("", 0)
        self._not_before = 0.0
        self.status = UplinkStatus(name, "smartfactory_log", delivered=dict(self._positions.next))

    def run(self, stop: StopSignal) -> None:
        while not stop.is_set():
            if time.monotonic() >= self._not_before and not self._round(stop):
                stop.wait(LOOK_S)
            else:
                stop.wait(min(LOOK_S, max(0.0, self._not_before - time.monotonic())))

    def _round(self, stop: StopSignal) -> bool:
        for stream in [entry.id for entry in self._lent.ledger.streams]:
            first = self._positions.next.get(stream, 0)
            entries = self._lent.ledger.read(stream, first, STEP) if first < self._lent.ledger.end_of(stream) else []
            if entries:
                slot = self._slot(entries)
                if slot.unsent:
                    first_old, last_old = slot.unsent
                    told = {"uplink": self.status.name, "stream": stream, "from_seq": first_old, "to_seq": last_old, "reason": "same-day"}
                    self._lent.tell("agent.unsent", told)
                if slot.newest is None or self._send(slot, stop):
                    self._positions.next[stream] = slot.end
                    self._positions.save()
                    self.status.delivered = dict(self._positions.next)
                return slot.newest is None
        return False

    def _slot(self, entries: list[Entry]) -> Slot:
        """The first ten minutes of events that are asked for; events of past days come first, as unsent."""
        today = self._day(self._now() * 1e9)
        longest_ns = self._slot_ns()
        old: list[int] = []
        taken: list[tuple[Entry, Parsed]] = []
        end = entries[0].seq
        for entry in entries:
            record = parsed(entry.body)
            if record.event in self._table.use:
                if self._table.rules["same_day"] and self._day(record.time_ns) < today:
                    if taken:
                        break
                    old.append(entry.seq)
                elif old or (taken and record.time_ns - taken[0][1].time_ns >= longest_ns):
                    break
                else:
                    taken.append((entry, record))
            end = entry.seq + 1
        if old:
            return Slot(end, None, "", 0, (old[0], old[-1]))
        if not taken:
            return Slot(end, None, "", 0)
        return _as_one(self._table, taken, end)

    def _slot_ns(self) -> float:
        """How long a slot is now; without end once the day is nearly over."""
        clock = datetime.fromtimestamp(self._now(), self._zone).strftime("%H:%M")
        late = clock >= str(self._table.rules.get("day_end", "24:00"))
        return math.inf if late else float(self._table.rules["interval_s"]) * 1e9

    def _send(self, slot: Slot, stop: StopSignal) -> bool:
        day, count = self._sent_today
        today = self._day(self._now() * 1e9)
        if day == today and count >= int(self._table.rules["per_day"]):
            return False
        try:
            answer = self._connection.request("POST", self._path, *self._request(slot))
        except TransportError as error:
            self._fail("retrying", error.reason, error.detail)
            return False
        self.status.requests += 1
        code = self._code(answer)
        if code in self._table.reply["accepted"]:
            self._sent_today = (today, count + 1 if day == today else 1)
            self._not_before = time.monotonic() + float(self._table.rules["interval_s"])
            self._backoff.reset()
            self.status.records += 1
            change_state(self.status, self._lent.tell, "up")
            return True
        if code in self._table.reply["too_soon"]:
            self._not_before = time.monotonic() + float(self._table.rules["interval_s"])
            return False
        refused = code in self._table.reply["refused"] or answer.status in (401, 403, 404)
        self._fail("refused" if refused else "retrying", code or f"http-{answer.status}", "")
        return False

    def _fail(self, state: str, reason: str, detail: str) -> None:
        change_state(self.status, self._lent.tell, state, reason, detail)
        self._not_before = time.monotonic() + self._backoff.next_wait(refused=state == "refused")

    def _request(self, slot: Slot) -> tuple[bytes, dict[str, str]]:
        if slot.newest is None:
            raise AssertionError("nothing to send")
        body = json.dumps(_fields(self._table, self._values, slot, slot.newest), ensure_ascii=False)
        if self._table.request["form"] == "json":
            return body.encode(), {"Content-Type": "application/json; charset=utf-8"}
        return f"{self._table.request['form_field']}={quote(body)}".encode(), {"Content-Type": "application/x-www-form-urlencoded"}

    def _code(self, answer: Response) -> str:
        """The reply code, wherever it stands in the answer; empty when there is none."""
        try:
            value = json.loads(answer.body)
        except ValueError:
            return ""
        return _find(value, str(self._table.reply["field"]))

    def _day(self, ns: float) -> str:
        return datetime.fromtimestamp(ns / 1e9, self._zone).strftime("%Y-%m-%d")


def records_of(table: Table, values: Mapping[str, str], entries: Sequence[Entry]) -> list[dict[str, str]]:
    """The records of the service that these records of the log become, as if each were of today."""
    step = float(table.rules["interval_s"]) * 1e9
    slots: list[list[tuple[Entry, Parsed]]] = []
    for entry in entries:
        record = parsed(entry.body)
        if record.event in table.use:
            if not slots or record.time_ns - slots[-1][0][1].time_ns >= step:
                slots.append([])
            slots[-1].append((entry, record))
    made = [_as_one(table, taken, 0) for taken in slots]
    return [_fields(table, values, slot, slot.newest) for slot in made if slot.newest is not None]


def _as_one(table: Table, taken: Sequence[tuple[Entry, Parsed]], end: int) -> Slot:
    order = list(table.use)
    best = min((record for _, record in taken), key=lambda record: (order.index(record.event), -record.time_ns))
    return Slot(end, best, table.use[best.event], sum(len(entry.body) for entry, _ in taken))


def _fields(table: Table, values: Mapping[str, str], slot: Slot, newest: Parsed) -> dict[str, str]:
    when = datetime.fromtimestamp(newest.time_ns / 1e9, ZoneInfo(str(table.rules["timezone"])))
    stamp = when.strftime(table.request["time"]) + f".{when.microsecond // 1000:03d}"
    filled = {**values, "time": stamp, "use": slot.use, "bytes": str(slot.bytes)}
    return {name: text.format(**filled) for name, text in table.fields.items()}


def _find(value: Any, name: str, depth: int = 0) -> str:
    if isinstance(value, dict) and depth < 5:
        if isinstance(value.get(name), str):
            return str(value[name])
        return next((found for inner in value.values() if (found := _find(inner, name, depth + 1))), "")
    return ""
