"""How the commands talk. Exit codes: 0 good, 1 not complete or not well, 2 wrong use or configuration, 4 disk, key or upstream does
not work, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import typer
from lnx_common.errors import PlantError
from lnx_common.text import language
from rich.console import Console

OK, NOT_WELL, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 4, 130
DAY_NS = 86400 * 10**9
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def reported(as_json: bool = False) -> Iterator[None]:
    """Turns what goes wrong into a message and an exit code."""
    try:
        yield
    except PlantError as error:
        if as_json:
            fields = ("status", "name", "found", "expected", "where", "fix", "page")
            print_json({"error": {field: getattr(error, field) for field in fields}})
        else:
            err.print(error.text(language()), style="red", markup=False)
        raise typer.Exit(USAGE if error.status // 10 == 60 else BROKEN) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def when(time_ns: int) -> str:
    """A time of the log in the local zone."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S%z") if time_ns else "-"


def day_ns(text: str, *, end: bool = False) -> int:
    """Beginning (or end) of a local day in ns since 1970. Raises typer.BadParameter."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").astimezone()
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: YYYY-MM-DD") from error
    return int(day.timestamp()) * 10**9 + (DAY_NS - 1 if end else 0)
