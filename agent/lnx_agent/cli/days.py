"""Days and times of the log as people write and read them: in the local zone."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from lnx_common.errors import PlantError

DAY_NS = 86400 * 10**9


def when(time_ns: int) -> str:
    """A time of the log in the local zone; "-" for none."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S%z") if time_ns else "-"


def day_ns(text: str, *, end: bool = False) -> int:
    """Beginning (or end) of a local day in ns since 1970. Raises typer.BadParameter."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").astimezone()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: YYYY-MM-DD") from error
    return int(day.timestamp()) * 10**9 + (DAY_NS - 1 if end else 0)


def checked_month(text: str) -> str:
    """A month as YYYY-MM. PlantError 602 when it is none."""
    try:
        return datetime.strptime(text, "%Y-%m").strftime("%Y-%m")
    except ValueError as error:
        raise PlantError(602, where="MONTH", found=f'"{text}"', expected="YYYY-MM") from error
