"""``lnx agent export | import``: the log by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from lnx_common.console import out, reported

from lnx_agent.cli.days import day_ns
from lnx_agent.cli.messages import say
from lnx_agent.config import load_agent
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.identity import resource_of
from lnx_agent.inbox import leave_receipt
from lnx_agent.transfer import export_log

Config = Annotated[Path, typer.Argument(help=say("arg.config"))]


def export_command(
    config: Config,
    output: Annotated[Path, typer.Option("--out", help=say("opt.out"))],
    from_day: Annotated[str, typer.Option("--from", help=say("opt.from"))] = "",
    to_day: Annotated[str, typer.Option("--to", help=say("opt.to"))] = "",
) -> None:
    with reported():
        settings = load_agent(config)
        begin, end = day_ns(from_day) if from_day else 0, day_ns(to_day, end=True) if to_day else 1 << 62
        resource = resource_of(settings.identity, AgentKeys(settings.data / "keys"))
        count = export_log(settings.data, output, resource, begin, end)
        out.print(f"{say('written')}: {output} ({count} {say('segments')}, {output.stat().st_size / 1e6:.1f} MB)", markup=False)


def import_command(config: Config, receipt: Annotated[Path, typer.Argument(help=say("import"))]) -> None:
    with reported():
        leave_receipt(load_agent(config).data / "inbox", receipt)
        out.print(say("fine"))
