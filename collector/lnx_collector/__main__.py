"""`python -m lnx_collector run plant.toml`: the commands of `lnx collect` without the rest of `lnx`, which a service does not need."""

from __future__ import annotations

import io
import sys

from lnx_collector.cli import app

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app()
