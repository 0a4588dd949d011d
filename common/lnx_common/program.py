"""What the packaged programs of a plant have in common before their own commands begin: service host, UTF-8, `--version`.

What the service manager starts is kept apart from the commands: it loads neither the command line nor what the commands need, which keeps
an idle service small.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lnx_common.windows_service import Service


def begin(words: list[str], load: Callable[[], Service]) -> int | None:
    """Runs what every program knows; the exit code when that was all, None when ``words`` are for its own commands.

    ``load`` gives the program's service, and imports it only then.
    """
    if words == ["service", "host"]:
        from lnx_common.windows_service import host

        return host(load())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if words == ["--version"]:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"lnx-edge {version('lnx-edge')}")
        except PackageNotFoundError:
            print("lnx-edge 0")
        return 0
    return None
