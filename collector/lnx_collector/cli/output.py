"""How the commands talk: tables for people, JSON for scripts, errors as everywhere. Exit codes: 0 done, 1 some values are missing,
2 wrong use or configuration, 4 a source, sink or disk does not work, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from lnx_common.errors import PlantError
from lnx_common.text import language
from rich.console import Console
from rich.table import Table

from lnx_collector import quality as q
from lnx_collector.cli.messages import say
from lnx_collector.sample import Sample, Tag

OK, MISSING, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 4, 130
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
    except ModuleNotFoundError as error:
        err.print(PlantError(709, found=f'no Python package "{error.name}"', expected="lnx-edge[collector]").text(language()), style="red")
        raise typer.Exit(BROKEN) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def clock(time_ns: int | None) -> str:
    """Local time with milliseconds; empty for none."""
    if not time_ns:
        return ""
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table whose headings are keys of messages."""
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(say(column), overflow="fold")
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    out.print(grid)


def show_samples(tags: Sequence[Tag], latest: dict[str, Sample]) -> None:
    """One row per tag with its last value, or that there is none."""
    known = {tag.name: tag for tag in tags} | {name: Tag(name, "") for name in latest if name not in {tag.name for tag in tags}}
    rows: list[tuple[object, ...]] = []
    for name, tag in sorted(known.items()):
        sample = latest.get(name)
        if sample is None:
            rows.append((name, say("no-value"), tag.unit, "", ""))
        else:
            value = "" if sample.value is None else f"{sample.value:.6g}" if isinstance(sample.value, float) else sample.value
            rows.append((name, value, tag.unit, q.name(sample.quality), clock(sample.time)))
    table(("tag", "value", "unit", "quality", "time"), rows)
