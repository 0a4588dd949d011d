"""``lnx selftest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lnx.cli.messages import say
from lnx.cli.output import NG, out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.session import Session


def selftest_command(
    model: Annotated[Path, typer.Argument(help=say("arg.model"))],
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        options: dict[str, Any] = {"device": device, "key_file": family, "runtime_dir": runtime_dir, "events": False}
        with (
            progress_bar(model.name, as_json) as progress,
            Session(model, trusted_keys=trust or [], progress=progress, **options) as session,
        ):
            progress("golden", -1)
            report = session.self_test()
        if as_json:
            print_json(report)
        else:
            table = Table()
            for column in (say("stage"), say("largest"), say("tolerance"), ""):
                table.add_column(column)
            for stage in ("pre", "model", "post"):
                error, tolerance = report[f"{stage}_max_error"], report[f"{stage}_tolerance"]
                table.add_row(stage, f"{error:.3g}", f"{tolerance:.3g}", say("passed" if error <= tolerance else "differs"))
            out.print(table)
        if not report["passed"]:
            raise typer.Exit(NG)
