"""``lnx dongle provision``."""

from __future__ import annotations

from typing import Annotated

import typer
from lnx.cli.output import USAGE, err, out, print_json, reported
from rich.progress import Progress

from lnx_licensing import attestation, token
from lnx_licensing.cli.messages import say
from lnx_licensing.cli.options import DeskFolder, DryRun, Json, MakerRoots, Serial, bad, desk_folder, shown
from lnx_licensing.provision import Plan, examine, provision
from lnx_licensing.record import Record, path_of


def provision_command(
    desk: DeskFolder = None,
    serial: Serial = None,
    reset: Annotated[bool, typer.Option("--reset", help=say("opt.reset"))] = False,
    allow_unattested: Annotated[bool, typer.Option("--allow-unattested", help=say("opt.unattested"))] = False,
    maker_roots: MakerRoots = None,
    yes: Annotated[bool, typer.Option("--yes", help=say("opt.yes"))] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    with reported(as_json):
        folder = desk_folder(desk)
        roots = attestation.load_roots(maker_roots or [])
        with token.only(serial) as (card, _, reader):
            plan = examine(card, reset=reset, allow_unattested=allow_unattested)
        if dry_run:
            _tell_plan(plan, reader, as_json)
            return
        if not yes:
            if as_json:
                raise bad("--json without --yes: nobody can be asked", "--yes", "lnx dongle provision")
            _confirm(plan)
        with (
            Progress(console=err, transient=True, disable=as_json) as progress,
            token.only(plan.serial or serial) as (card, _, _reader),  # asked again: another may have been plugged in meanwhile
        ):
            task = progress.add_task(plan.serial, total=1.0)
            made, plan = provision(
                card,
                folder,
                roots=roots,
                reset=reset,
                allow_unattested=allow_unattested,
                progress=lambda step, done: progress.update(task, completed=done, description=f"{plan.serial} {say('step.' + step)}"),
            )
        _tell(made, plan, shown(path_of(folder, made.serial)), as_json)


def _confirm(plan: Plan) -> None:
    """A token that would be erased is named by hand; everything else is a yes."""
    if plan.erase:
        agreed = typer.prompt(say("ask.reset").format(serial=plan.serial), err=True) == plan.serial
    else:
        agreed = typer.confirm(say("ask.provision").format(serial=plan.serial), err=True)
    if not agreed:
        err.print(say("stopped"), markup=False)
        raise typer.Exit(USAGE)


def _tell_plan(plan: Plan, reader: str, as_json: bool) -> None:
    if as_json:
        told = {"dry_run": True, "reader": reader, "serial": plan.serial, "firmware": plan.firmware, "steps": plan.steps}
        print_json({**told, "erase": plan.erase})
        return
    out.print(f"{say('plan')}  {plan.serial}  {say('firmware')} {plan.firmware}  {reader}", markup=False)
    for step in plan.steps:
        out.print(f"  {say('step.' + step)}", style="red" if step == "erase" else None, markup=False)


def _tell(made: Record, plan: Plan, path: str, as_json: bool) -> None:
    """The secrets stay in the record; nothing here tells them."""
    if as_json:
        told = {"serial": made.serial, "pub": made.pub, "firmware": made.firmware, "attested": made.attested}
        print_json({"provisioned": True, **told, "record": path, "warnings": plan.warnings})
        return
    out.print(f"{say('provisioned')}  {made.serial}  {path}", style="green", markup=False)
    for warning in plan.warnings:
        out.print(f"{say('warning')}  {warning}", style="yellow", markup=False)
    out.print(say("label"), markup=False)
