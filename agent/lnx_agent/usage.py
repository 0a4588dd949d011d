"""Utilisation of a month, from the log alone: numerators and denominators per day, rates only at the end.

Definitions (minutes of the site's local time; a month is the sum of its days' numerators and denominators, never a mean of rates):

    plan     minutes of the shift calendar, without holidays; a day without plan is "not applicable", not 0 %
    up       plan minutes in which a session was open or a run happened         up / plan  = 가동률
    used     plan minutes with at least one run                                 used / up  = 활용률
    fault    plan minutes between a session that ended without its stop event and the next start, and those in which the licence
             was blocked                                                        1 - fault / plan = 가용도
    idle     up minutes without a run (nothing to inspect: 비생산)
    service  plan minutes of announced maintenance ([usage] maintenance) in which nothing ran: 점검
    overrides / runs = 개입률: verdicts that a person changed (lnx.override)
    submitted / due = 제출률: finished days of the log that an uplink has delivered whole (submission.py)
    stopped  plan minutes after a clean stop; unknown: plan minutes that nothing explains, never hidden
    events / (events + lost) = 로그 연속성: records of programs that are here, and numbers that were declared missing or lost

Latencies are means of the per-minute percentiles, weighted by runs; the maximum is the true one.
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lnx_common.errors import PlantError

from lnx_agent.config import AgentSettings, UsageSettings
from lnx_agent.evidence.verify import journal_rows
from lnx_agent.record import Parsed, parsed
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in
from lnx_agent.submission import submitted

MINUTE_NS = 60 * 10**9
QUIET_MINUTES = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ORDERED = ("lnx.session.start", "lnx.session.stop", "lnx.run.summary", "lnx.license.state", "lnx.parameter.change")
LOST = {"agent.gap": ("from_seq", "to_seq"), "agent.loss": ("from_seq", "to_seq")}  # numbers declared missing: first, last


@dataclass
class Usage:
    """Counts of a day or a month; minutes unless the name says otherwise."""

    day: str
    plan: int = 0
    up: int = 0
    used: int = 0
    fault: int = 0
    stopped: int = 0
    unknown: int = 0
    idle: int = 0
    service: int = 0
    events: int = 0
    """Records of programs, as the next."""
    lost: int = 0
    runs: int = 0
    ok: int = 0
    ng: int = 0
    review: int = 0
    undefined: int = 0
    errors: int = 0
    overrides: int = 0
    due: int = 0
    """Days, as the next."""
    submitted: int = 0
    latency_p50: float = 0.0
    """Sum over minutes of runs × µs, as the next two; divide by runs."""
    latency_p95: float = 0.0
    latency_p99: float = 0.0
    latency_max_us: int = 0

    def rates(self) -> dict[str, float | None]:
        """Rates; None where the denominator is 0."""
        return {
            "availability_of_use": _share(self.up, self.plan),
            "utilisation": _share(self.used, self.up),
            "availability": None if not self.plan else 1 - self.fault / self.plan,
            "ng_rate": _share(self.ng, self.runs),
            "override_rate": _share(self.overrides, self.runs),
            "submission_rate": _share(self.submitted, self.due),
            "continuity": _share(self.events, self.events + self.lost),
            "error_rate": _share(self.errors, self.runs + self.errors),
            "latency_p50_ms": _share(self.latency_p50, self.runs * 1000.0),
            "latency_p95_ms": _share(self.latency_p95, self.runs * 1000.0),
            "latency_p99_ms": _share(self.latency_p99, self.runs * 1000.0),
        }

    def add(self, other: Usage) -> None:
        """Adds the counts of another day."""
        for name, value in asdict(other).items():
            if name == "latency_max_us":
                self.latency_max_us = max(self.latency_max_us, value)
            elif name != "day":
                setattr(self, name, getattr(self, name) + value)


@dataclass
class Month:
    """A month: the sum and its days."""

    total: Usage
    days: list[Usage] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    """Models that were opened, {day, model, version, model_id, threshold}, and thresholds that changed, {day, model, key, old, new}."""


def month_usage(settings: AgentSettings, month: str) -> Month:
    """Reads the log of a month (YYYY-MM)."""
    zone = ZoneInfo(settings.usage.timezone)
    year, number = (int(part) for part in month.split("-"))
    first = datetime(year, number, 1, tzinfo=zone)
    count = calendar.monthrange(year, number)[1]
    begin = int(first.timestamp()) * 10**9
    end = int((first + timedelta(days=count)).timestamp()) * 10**9
    usage = usage_of(records_between(settings.data, begin - 7 * 86400 * 10**9, end), settings.usage, first.date(), count)
    for day, whole in submitted(settings.data, [date.fromisoformat(one.day) for one in usage.days], zone, datetime.now(zone)).items():
        row = usage.days[(day - first.date()).days]
        row.due, row.submitted = 1, int(whole)
    usage.total.due, usage.total.submitted = sum(row.due for row in usage.days), sum(row.submitted for row in usage.days)
    return usage


def day_usage(settings: AgentSettings, day: date) -> Usage:
    """The same of one day."""
    zone = ZoneInfo(settings.usage.timezone)
    begin = int(datetime.combine(day, time(), zone).timestamp()) * 10**9
    end = int(datetime.combine(day + timedelta(days=1), time(), zone).timestamp()) * 10**9
    return usage_of(records_between(settings.data, begin - 86400 * 10**9, end), settings.usage, day, 1).days[0]


def usage_of(records: Iterable[Parsed], settings: UsageSettings, first: date, count: int) -> Month:
    """The same from records in any order; keeps only those in memory whose order matters."""
    zone = ZoneInfo(settings.timezone)
    days = {first + timedelta(days=n): Usage((first + timedelta(days=n)).isoformat()) for n in range(count)}
    ordered: list[Parsed] = []
    for record in records:
        usage = days.get(datetime.fromtimestamp(record.time_ns / 1e9, zone).date())
        if usage is not None:
            _count(usage, record)
        if record.event in ORDERED:
            ordered.append(record)
    ordered.sort(key=lambda one: one.time_ns)
    states = _Minutes(maintenance_minutes(settings, zone))
    models: list[dict[str, Any]] = []
    for record in ordered:
        states.take(record)
        day = datetime.fromtimestamp(record.time_ns / 1e9, zone).date()
        if day in days:
            _note_model(models, day.isoformat(), record)
    for day, usage in days.items():
        for minute in planned_minutes(settings, day, zone):
            usage.plan += 1
            kind = states.kind(minute)
            usage.up += kind in ("used", "idle")
            setattr(usage, kind, getattr(usage, kind) + 1)
    total = Usage(first.strftime("%Y-%m"))
    for usage in days.values():
        total.add(usage)
    return Month(total, list(days.values()), models)


def _note_model(models: list[dict[str, Any]], day: str, record: Parsed) -> None:
    names = {"lnx.session.start": ("model", "version", "model_id", "threshold"), "lnx.parameter.change": ("model", "key", "old", "new")}
    row = {name: record.attributes[name] for name in names.get(record.event, ()) if name in record.attributes}
    if row and all(row != {name: value for name, value in known.items() if name != "day"} for known in models):
        models.append({"day": day, **row})


def planned_minutes(settings: UsageSettings, day: date, zone: ZoneInfo) -> Iterator[int]:
    """Minutes since 1970 that the calendar plans on a day; a shift may end after midnight."""
    if DAYS[day.weekday()] not in settings.days or day.isoformat() in settings.holidays:
        return
    for shift in settings.shifts:
        begin_text, end_text = shift.split("-")
        begin = datetime.combine(day, time.fromisoformat(begin_text), zone)
        end = datetime.combine(day, time.fromisoformat(end_text), zone)
        if end <= begin:
            end += timedelta(days=1)
        yield from range(int(begin.timestamp()) // 60, int(end.timestamp()) // 60)


def maintenance_minutes(settings: UsageSettings, zone: ZoneInfo) -> set[int]:
    """Minutes since 1970 of announced maintenance."""
    minutes: set[int] = set()
    for text in settings.maintenance:
        day, _, span = text.partition(" ")
        begin, end = (datetime.combine(date.fromisoformat(day), time.fromisoformat(part), zone) for part in span.split("-"))
        minutes.update(range(int(begin.timestamp()) // 60, int(end.timestamp()) // 60))
    return minutes


class _Minutes:
    """What the solution did in each minute, from its events."""

    def __init__(self, maintenance: set[int]) -> None:
        self._maintenance = maintenance
        self._blocked: list[tuple[int, bool]] = []  # (minute, whether the licence is blocked from then on)
        self._used: set[int] = set()
        self._changes: list[tuple[int, str]] = []  # (minute, open | stopped | fault)
        self._open: dict[str, int] = {}  # session -> minute of its last sign of life

    def take(self, record: Parsed) -> None:
        minute = record.time_ns // MINUTE_NS
        session = str(record.attributes.get("session", ""))
        process = session.partition("-")[0]
        if record.event == "lnx.session.start":
            if self._open and all(one.partition("-")[0] != process for one in self._open):
                self._changes.append((max(self._open.values()) + 1, "fault"))  # the one before never said goodbye
                self._open.clear()
            self._open[session] = minute
            self._changes.append((minute, "open"))
        elif record.event == "lnx.run.summary":
            self._used |= {minute - 1, minute} if int(record.attributes.get("runs") or 0) > 1 else {minute}
            self._open[session] = minute
        elif record.event == "lnx.session.stop":
            self._open.pop(session, None)
            if not self._open:
                self._changes.append((minute + 1, "stopped"))
        elif record.event == "lnx.license.state":
            self._blocked.append((minute, record.attributes.get("phase") == "blocked"))

    def kind(self, minute: int) -> str:
        """used, idle, service, fault, stopped or unknown."""
        if minute in self._used:
            return "used"
        if minute in self._maintenance:
            return "service"
        last = bisect_right(self._blocked, minute, key=lambda change: change[0]) - 1
        if last >= 0 and self._blocked[last][1]:
            return "fault"
        state = self._state(minute)
        return "idle" if state == "open" else state

    def _state(self, minute: int) -> str:
        """open, fault, stopped or unknown."""
        at = bisect_right(self._changes, minute, key=lambda change: change[0]) - 1  # records come in the order of time
        if at < 0:
            return "unknown"
        if at == len(self._changes) - 1 and self._open and minute > max(self._open.values()) + QUIET_MINUTES:
            return "unknown"  # no sign of life any more, and nothing says why
        return self._changes[at][1]


def _count(usage: Usage, record: Parsed) -> None:
    usage.events += bool(record.source)
    if record.event == "lnx.loss":
        usage.lost += int(record.attributes.get("count") or 0)
    first, last = LOST.get(record.event, ("", ""))
    if first in record.attributes and last in record.attributes:
        usage.lost += int(record.attributes[last]) - int(record.attributes[first]) + 1
    if record.event == "lnx.error":
        usage.errors += 1
    if record.event == "lnx.override":
        usage.overrides += int(record.attributes.get("count") or 0)
    if record.event != "lnx.run.summary":
        return
    values = {name: record.attributes.get(name) or 0 for name in record.attributes}
    runs = int(values.get("runs", 0))
    for name in ("runs", "ok", "ng", "review", "undefined"):
        setattr(usage, name, getattr(usage, name) + int(values.get(name, 0)))
    for name in ("p50", "p95", "p99"):
        setattr(usage, f"latency_{name}", getattr(usage, f"latency_{name}") + runs * float(values.get(f"latency_{name}_us", 0)))
    usage.latency_max_us = max(usage.latency_max_us, int(values.get("latency_max_us", 0)))


def records_between(data: Path, begin: int, end: int) -> Iterator[Parsed]:
    """Records in an agent's folder, by the time at which they happened."""
    for folder in sorted((data / "streams").glob("*")):
        for segment in segments_in(folder):
            try:
                reader = SegmentReader(segment.path)
            except PlantError:
                continue
            if reader.footer.to_time >= begin and reader.footer.from_time <= end + 86400 * 10**9:
                yield from _within((parsed(entry.body) for entry in reader.salvage()), begin, end)
        if (folder / "journal.db").exists():
            yield from _within((parsed(entry.body) for entry in journal_rows(folder / "journal.db", 0)), begin, end)


def _within(records: Iterable[Parsed], begin: int, end: int) -> Iterator[Parsed]:
    return (record for record in records if begin <= record.time_ns < end)


def _share(part: float, whole: float) -> float | None:
    return None if not whole else part / whole
