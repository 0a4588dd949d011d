"""The program `lnx-collector`: the commands of `lnx collect`, and on Windows the service. Also `python -m lnx_collector.program`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lnx_common.program import begin

if TYPE_CHECKING:
    from lnx_common.windows_service import Service


def main(arguments: list[str] | None = None) -> int:
    """Runs what the arguments ask for; the exit code is the process's."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) == 2 and words[0] == "parquet":  # a child of the collector, see there
        from lnx_collector.historian.parquet_process import serve

        serve(Path(words[1]))
    if (code := begin(words, _service)) is not None:
        return code
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
