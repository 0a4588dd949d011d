"""What the commands show: samples as a table, times in the local zone, and a missing library as an error like any other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from lnx_common import console
from lnx_common.errors import PlantError
from rich.table import Table

from lnx_collector import quality as q
from lnx_collector.cli.messages import say
from lnx_collector.sample import Sample, Tag


@contextlib.contextmanager
def reported(as_json: bool = False) -> Iterator[None]:
    """`lnx_common.console.reported`, which also tells of a library that is not installed (709)."""
    with console.reported(as_json):
        try:
            yield
        except ModuleNotFoundError as error:
            raise PlantError(709, found=f'no Python package "{error.name}"', expected="lnx-edge[collector]") from error


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
    console.out.print(grid)


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
