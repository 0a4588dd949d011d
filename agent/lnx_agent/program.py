"""The program `lnx-agent`: the commands of `lnx agent` and `lnx receiver`, and on Windows the service. Also `python -m lnx_agent.program`.

What the service manager starts is kept apart from the commands: it loads neither the command line nor what the commands need, which
keeps an idle agent small.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lnx_common.program import begin

if TYPE_CHECKING:
    from lnx_common.windows_service import Service


def main(arguments: list[str] | None = None) -> int:
    """Runs what the arguments ask for; the exit code is the process's."""
    words = sys.argv[1:] if arguments is None else arguments
    if (code := begin(words, _service)) is not None:
        return code
    if words[:1] == ["run"] and len(words) == 2 and not words[1].startswith("-"):
        return _run(words[1])
    from lnx_common.service_cli import service_app, service_program

    if sys.platform == "win32" and words[:1] == ["service"]:
        service_program(_service, "lnx-agent")(words)
    from lnx_agent.cli import app, receiver

    if sys.platform == "win32":
        app.add_typer(service_app(_service), name="service")
    app.add_typer(receiver, name="receiver")
    app(words, prog_name="lnx-agent")
    return 0


def _run(config: str) -> int:
    """`run` without the command line, for the same reason as the service."""
    from pathlib import Path

    from lnx_common.errors import PlantError

    from lnx_agent.main import run_agent

    try:
        run_agent(Path(config))
    except PlantError as error:
        sys.stderr.write(error.text() + "\n")
        return 2 if error.status // 10 == 60 else 4
    return 0


def _service() -> Service:
    from lnx_agent.windows_service import SERVICE

    return SERVICE


if __name__ == "__main__":
    sys.exit(main())
