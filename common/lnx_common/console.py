"""How commands talk: text for people, JSON for scripts, errors with the same words everywhere.

Exit codes: 0 done, 1 done but something is missing or not well, 2 wrong use or configuration, 4 a disk, key, source or receiver does not
work, 130 interrupted. Status 60x (configuration) ends with 2, every other one with 4.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console

from lnx_common.errors import PlantError
from lnx_common.text import language

OK, NOT_WELL, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 4, 130
ERROR_FIELDS = ("status", "name", "found", "expected", "where", "fix", "page")
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def reported(as_json: bool = False) -> Iterator[None]:
    """Turns a PlantError into a message (stderr, or a JSON object on stdout) and an exit code."""
    try:
        yield
    except PlantError as error:
        if as_json:
            print_json({"error": {field: getattr(error, field) for field in ERROR_FIELDS}})
        else:
            err.print(error.text(language()), style="red", markup=False)
        raise typer.Exit(USAGE if error.status // 10 == 60 else BROKEN) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    """One JSON value on a line of stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()
