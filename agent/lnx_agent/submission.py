"""Which days have reached a receiver whole: the numerator and denominator of 제출률.

A day is due when it is over and something was accepted on it. It is submitted when some uplink has delivered everything that was
accepted on it. Read from the footers, the journal and the positions alone; a segment over midnight belongs to both days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lnx_common.errors import PlantError

from lnx_agent.delivery.position import Positions
from lnx_agent.evidence.verify import journal_rows
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in


def submitted(data: Path, days: Sequence[date], zone: ZoneInfo, now: datetime) -> dict[date, bool]:
    """For each day that is due, whether it was submitted."""
    pieces = _pieces(data)
    delivered = _delivered(data)
    result: dict[date, bool] = {}
    for day in days:
        begin = datetime.combine(day, time(), zone)
        end = datetime.combine(day + timedelta(days=1), time(), zone)
        begin_ns, end_ns = int(begin.timestamp()) * 10**9, int(end.timestamp()) * 10**9
        held = [(stream, last) for stream, first_ns, last_ns, last in pieces if first_ns < end_ns and last_ns >= begin_ns]
        if held and end <= now:
            result[day] = any(all(last < reached.get(stream, 0) for stream, last in held) for reached in delivered)
    return result


def _pieces(data: Path) -> list[tuple[str, int, int, int]]:
    """(stream, first and last time of acceptance in ns, last number) of each segment and each record that is not sealed."""
    pieces = []
    for folder in sorted((data / "streams").glob("*")):
        end = 0
        for segment in segments_in(folder):
            try:
                footer = SegmentReader(segment.path).footer
            except PlantError:
                continue
            end = segment.end
            pieces.append((folder.name, footer.from_time, footer.to_time, segment.end - 1))
        if (folder / "journal.db").exists():
            pieces += [(folder.name, row.time_ns, row.time_ns, row.seq) for row in journal_rows(folder / "journal.db", end)]
    return pieces


def _delivered(data: Path) -> list[dict[str, int]]:
    """Per uplink: stream -> one past the last delivered number."""
    return [Positions(path).next for path in sorted((data / "uplinks").glob("*/position"))]
