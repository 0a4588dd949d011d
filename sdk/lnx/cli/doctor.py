"""``lnx doctor``: what was found, what is missing, and the fix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lnx.cli.messages import say
from lnx.cli.output import RUNTIME, out, print_json, reported
from lnx.session import doctor


def doctor_command(
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        report = doctor(runtime_dir)
        ready = report["runtime"] is not None
        if as_json:
            print_json(report)
            raise typer.Exit(0 if ready else RUNTIME)
        table = Table(show_header=False, box=None)
        runtime = report["runtime"]
        table.add_row(say("runtime"), f"{runtime['version']}  {runtime['path']}" if ready else say("not-found"))
        if ready:
            table.add_row(say("providers"), ", ".join(runtime["providers"]))
        for candidate in report["candidates"]:
            table.add_row(say("looked"), f"{candidate['path']} ({candidate['source']}): {candidate['verdict']}")
        driver = report["driver"]
        version = driver["cuda_version"]
        cuda = f"{driver['version']} CUDA {version // 1000}.{version % 1000 // 10}".strip()
        table.add_row(say("driver"), cuda if driver["present"] else driver["reason"])
        for gpu in report["gpus"]:
            table.add_row(say("gpu"), f"cuda:{gpu['index']} {gpu['name']}, compute {gpu['compute_capability']}, {gpu['memory_mb']} MB")
        pack = report["pack"]
        table.add_row(say("runtime-pack"), f"{pack['name']}  {pack['onnxruntime']}".strip() + f"  (lnx-edge\\[{pack['extra']}])")
        for verdict in pack["verdicts"]:
            if verdict["fit"] != "serves":
                table.add_row("", f"{verdict['pack']}: {verdict['found']}; {say('runtime-pack.needs')} {verdict['needed']}")
        for name in report["missing"]:
            table.add_row(say("missing"), name, style="red")
        table.add_row(say("cores"), str(report["physical_cores"]))
        out.print(table)
        if not ready:
            out.print(report["problem"], style="red", markup=False)
        out.print(say("ready" if ready else "not-ready"), style="green" if ready else "red")
        raise typer.Exit(0 if ready else RUNTIME)
