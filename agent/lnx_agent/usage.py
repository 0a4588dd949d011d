"""Utilisation of a month, from the log alone: numerators and denominators per day, rates only at the end.

Definitions (minutes of the site's local time; a month is the sum of its days' numerators and denominators, never a mean of rates):

    plan     minutes of the shift calendar, without holidays; a day without plan is "not applicable", not 0 %
    up       plan minutes in which a session was open or a run happened         up / plan  = 가동률
    used     plan minutes with at least one run                                 used / up  = 활용률
    fault    plan minutes between a session that ended without its stop event and the next start      1 - fault / plan = 가용도
    overrides / runs = 개입률: verdicts that a person changed (lnx.override)
    submitted / due = 제출률: finished days of the log that an uplink has delivered whole (submission.py)
    stopped  plan minutes after a clean stop; unknown: plan minutes that nothing explains, never hidden

Latencies are means of the per-minute percentiles, weighted by runs; the maximum is the true one.
"""

from __future__ import annotations

import calendar
import csv
import html
import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_agent.config import AgentSettings, UsageSettings
from lnx_agent.evidence.verify import journal_rows
from lnx_agent.record import Parsed, parsed
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in
from lnx_agent.submission import submitted

MINUTE_NS = 60 * 10**9
QUIET_MINUTES = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVENTS = ("lnx.session.start", "lnx.session.stop", "lnx.run.summary", "lnx.error", "lnx.override")


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
    """The same from records in the order of time."""
    zone = ZoneInfo(settings.timezone)
    days = {first + timedelta(days=n): Usage((first + timedelta(days=n)).isoformat()) for n in range(count)}
    states = _Minutes()
    for record in sorted(records, key=lambda one: one.time_ns):
        states.take(record)
        usage = days.get(datetime.fromtimestamp(record.time_ns / 1e9, zone).date())
        if usage is not None:
            _count(usage, record)
    for day, usage in days.items():
        for minute in planned_minutes(settings, day, zone):
            usage.plan += 1
            kind = states.kind(minute)
            usage.up += kind in ("used", "open")
            if kind != "open":
                setattr(usage, kind, getattr(usage, kind) + 1)
    total = Usage(first.strftime("%Y-%m"))
    for usage in days.values():
        total.add(usage)
    return Month(total, list(days.values()))


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


class _Minutes:
    """What the solution did in each minute, from its events."""

    def __init__(self) -> None:
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

    def kind(self, minute: int) -> str:
        """used, open, fault, stopped or unknown."""
        if minute in self._used:
            return "used"
        at = bisect_right(self._changes, minute, key=lambda change: change[0]) - 1  # records come in the order of time
        if at < 0:
            return "unknown"
        if at == len(self._changes) - 1 and self._open and minute > max(self._open.values()) + QUIET_MINUTES:
            return "unknown"  # no sign of life any more, and nothing says why
        return self._changes[at][1]


def _count(usage: Usage, record: Parsed) -> None:
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
    """Events of the solution in an agent's folder, by the time at which they happened."""
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
    return (record for record in records if record.event in EVENTS and begin <= record.time_ns < end)


COLUMNS = (
    ("day", "날짜"),
    ("plan", "계획 가동시간(분)"),
    ("up", "솔루션 가동시간(분)"),
    ("availability_of_use", "가동률"),
    ("used", "사용시간(분)"),
    ("utilisation", "활용률"),
    ("availability", "가용도"),
    ("fault", "장애(분)"),
    ("stopped", "정지(분)"),
    ("unknown", "미상(분)"),
    ("runs", "검사 수"),
    ("ok", "양품"),
    ("ng", "불량"),
    ("review", "재검"),
    ("undefined", "판정불가"),
    ("ng_rate", "불량률"),
    ("overrides", "판정 변경 수"),
    ("override_rate", "개입률"),
    ("errors", "오류"),
    ("error_rate", "오류율"),
    ("latency_p50_ms", "응답 p50(ms)"),
    ("latency_p95_ms", "응답 p95(ms)"),
    ("latency_p99_ms", "응답 p99(ms)"),
    ("latency_max_us", "응답 최대(µs)"),
    ("due", "제출 대상(일)"),
    ("submitted", "제출(일)"),
    ("submission_rate", "제출률"),
)
NOT_APPLICABLE = "해당 없음"


def write_usage(month: Month, folder: Path) -> list[Path]:
    """Writes usage-YYYY-MM.csv (for Excel: UTF-8 with BOM) and .html; returns the paths."""
    rows = [_cells(usage) for usage in [*month.days, month.total]]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([korean for _, korean in COLUMNS])
    writer.writerows(rows)
    name = f"usage-{month.total.day}"
    table = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{korean}</th>" for _, korean in COLUMNS)
    cells = "td,th{border:1px solid #999;padding:2px 6px;text-align:right}"
    style = "body{font-family:'Malgun Gothic',sans-serif}table{border-collapse:collapse}" + cells
    page = (
        f"<!doctype html><html lang='ko'><meta charset='utf-8'><title>활용 현황 {month.total.day}</title><style>{style}</style>"
        f"<h1>활용 현황 {month.total.day}</h1><table><tr>{head}</tr>{table}</table>"
    )
    paths = [folder / f"{name}.csv", folder / f"{name}.html"]
    write_durably(paths[0], text.getvalue().encode("utf-8-sig"))
    write_durably(paths[1], page.encode())
    return paths


def _cells(usage: Usage) -> list[str]:
    values: dict[str, object] = {**asdict(usage), **usage.rates()}
    return [_cell(name, values[name]) for name, _ in COLUMNS]


def _cell(name: str, value: object) -> str:
    if value is None:
        return NOT_APPLICABLE
    if isinstance(value, float):
        return f"{value:.2f}" if name.endswith("_ms") else f"{value:.1%}"
    return str(value)


def _share(part: float, whole: float) -> float | None:
    return None if not whole else part / whole
