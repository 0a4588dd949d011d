"""The program `lnx-collector`: the commands of `lnx collect`, and on Windows the service. Also `python -m lnx_collector.program`."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lnx_common.windows_service import Service


def main(arguments: list[str] | None = None) -> int:
    """Runs what the arguments ask for; the exit code is the process's."""
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["service", "host"]:
        from lnx_common.windows_service import host

        from lnx_collector.service import SERVICE

        return host(SERVICE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"lnx-edge {version('lnx-edge')}")
        return 0
    from lnx_common.service_cli import service_app, service_program

    if sys.platform == "win32" and words[:1] == ["service"]:
        service_program(_service, "lnx-collector")(words)
    from lnx_collector.cli import app

    if sys.platform == "win32":
        app.add_typer(service_app(_service), name="service")
    app(words, prog_name="lnx-collector")
    return 0


def _service() -> Service:
    from lnx_collector.service import SERVICE

    return SERVICE


if __name__ == "__main__":
    sys.exit(main())
