"""The one bar that long commands show: on stderr, gone when the command ends, silent with --json."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lnx.cli.messages import TEXTS, say
from lnx.cli.output import err

Report = Callable[[str, float], None]


def stage_name(stage: str) -> str:
    """A stage of the core or of packing in the language of this process."""
    key = f"stage.{stage}"
    return say(key) if key in TEXTS else stage


def stage_reporter(progress: Progress, task: TaskID, title: str) -> Report:
    """Moves one task of a bar: stage and fraction 0..1; below 0 when nobody knows how long the stage takes.

    A new stage is shown at once, however short it is.
    """
    shown = ""

    def report(stage: str, fraction: float) -> None:
        nonlocal shown
        text, fresh = f"{title}  {stage_name(stage)}", stage != shown
        shown = stage
        if fraction < 0:
            progress.update(task, total=None, description=text, refresh=fresh)
        else:
            progress.update(task, total=1.0, completed=fraction, description=text, refresh=fresh)

    return report


@contextlib.contextmanager
def progress_bar(title: str, silent: bool) -> Iterator[Report]:
    """Gives the function that moves the bar; see stage_reporter."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=silent) as progress:
        yield stage_reporter(progress, progress.add_task(title, total=1.0), title)
