"""How commands talk: tables for people, JSON for scripts, errors in the four-line form, exit codes that scripts can use.

Exit codes: 0 ok, 1 an image is NG (with --fail-on-ng) or the self-test differs, 2 usage, 3 model, key or licence refused,
4 runtime or device, 5 some images failed, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console

from lnx.cli.messages import language, say
from lnx.errors import LnxError

OK, NG, USAGE, REFUSED, RUNTIME, FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def exit_code(status: int) -> int:
    """Exit code of an error status."""
    return {1: USAGE, 2: REFUSED, 3: REFUSED, 4: RUNTIME}.get(status // 100, FAILED)


def use_utf8() -> None:
    """Korean text must survive consoles and pipes of another code page."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def error_dict(error: LnxError) -> dict[str, Any]:
    fields = ("status", "name", "found", "expected", "where", "fix", "page")
    return {field: getattr(error, field) for field in fields}


@contextlib.contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turns what goes wrong into a message and an exit code."""
    try:
        try:
            yield
        except BrokenPipeError:  # whoever reads our output has seen enough
            raise typer.Exit(FAILED) from None
        except OSError as error:
            where = str(error.filename or error.filename2 or "")
            raise LnxError(510, found=error.strerror or str(error), expected="access", where=where) from None
    except LnxError as error:
        if as_json:
            print_json({"error": error_dict(error)})
        else:
            err.print(error.text(language()), style="red", markup=False)
        raise typer.Exit(exit_code(error.status)) from None
    except KeyboardInterrupt:
        err.print(say("interrupted"))
        raise typer.Exit(INTERRUPTED) from None
