"""``lnx agent verify | certificate | usage | rotate-key``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from lnx_common.console import NOT_WELL, out, print_json, reported
from lnx_common.files import InstanceLock

from lnx_agent.certificate import from_its_beginning, month_bounds, write_certificate, write_seal
from lnx_agent.cli.days import checked_month, day_ns, when
from lnx_agent.cli.messages import say
from lnx_agent.config import load_agent
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.evidence.notes import NoteError, Verifier
from lnx_agent.evidence.timestamp import stamp
from lnx_agent.evidence.verify import Report, verify_folder
from lnx_agent.inbox import leave_note
from lnx_agent.usage import month_usage
from lnx_agent.usage_report import write_usage


def verify_command(
    folder: Annotated[Path, typer.Argument(help=say("arg.folder"))],
    from_day: Annotated[str, typer.Option("--from", help=say("opt.from"))] = "",
    to_day: Annotated[str, typer.Option("--to", help=say("opt.to"))] = "",
    key: Annotated[list[str] | None, typer.Option("--key", help=say("opt.key"))] = None,
    quick: Annotated[bool, typer.Option("--quick", help=say("opt.quick"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        begin = day_ns(from_day) if from_day else 0
        end = day_ns(to_day, end=True) if to_day else 1 << 62
        report = verify_folder(folder, begin, end, keys=[_verifier(text) for text in key or []], quick=quick)
        if as_json:
            print_json(asdict(report))
        else:
            show(report)
        raise typer.Exit(0 if report.complete else NOT_WELL)


def _verifier(text: str) -> Verifier:
    try:
        return Verifier.from_text(text)
    except NoteError as error:
        raise typer.BadParameter(str(error)) from error


def show(report: Report) -> None:
    """The report for people: the answer first."""
    out.print(say("complete" if report.complete else "not-complete"), style="bold green" if report.complete else "bold red")
    out.print(f"  {say('period')}: {when(report.first_time)} – {when(report.last_time)}")
    size = f"{report.bytes / 1e6:.1f} MB, {report.seconds:.1f} {say('took')}"
    out.print(f"  {say('records')}: {report.records:,}   {say('segments')}: {report.segments:,}   ({size})")
    out.print(f"  {say('root')}: {report.root or '-'} ({report.size:,})", markup=False)
    for stream, size_confirmed in report.confirmed.items():
        out.print(f"  {say('confirmed')}: {stream} {size_confirmed:,}")
    for title, findings in (("problems", report.problems), ("declared", report.declared)):
        out.print(f"  {say(title)}: {len(findings) or say('none')}")
        for finding in findings:
            times = f" {when(finding.from_time)} – {when(finding.to_time)}" if finding.to_time else ""
            out.print(f"    {say(finding.kind)}: {finding.stream} {finding.detail}{times}", markup=False)


def certificate_command(
    config: Annotated[Path, typer.Argument(help=say("arg.config"))],
    month: Annotated[str, typer.Argument(help=say("arg.month"))],
    output: Annotated[Path, typer.Option("--out", help=say("opt.out"))] = Path(),
) -> None:
    with reported():
        month, settings = checked_month(month), load_agent(config)
        begin, end = month_bounds(month, settings.usage.timezone)
        report = from_its_beginning(verify_folder(settings.data, begin, end), begin, end)
        paths = write_certificate(settings, month, report, output)
        if settings.timestamp is not None:
            seal = write_seal(month, report, paths)
            stamp(seal, settings.timestamp)
            paths += [seal, seal.with_name(seal.name + ".tsr")]
        for path in paths:
            out.print(f"{say('written')}: {path}", markup=False)
        raise typer.Exit(0 if report.complete else NOT_WELL)


def usage_command(
    config: Annotated[Path, typer.Argument(help=say("arg.config"))],
    month: Annotated[str, typer.Argument(help=say("arg.month"))],
    output: Annotated[Path, typer.Option("--out", help=say("opt.out"))] = Path(),
) -> None:
    with reported():
        month, settings = checked_month(month), load_agent(config)
        for path in write_usage(month_usage(settings, month), output):
            out.print(f"{say('written')}: {path}", markup=False)


def rotate_key_command(config: Annotated[Path, typer.Argument(help=say("arg.config"))]) -> None:
    """Works while the agent is stopped: the key is replaced and the note waits in the inbox for the next start."""
    with reported():
        settings = load_agent(config)
        with InstanceLock(settings.data / "lock"):
            keys = AgentKeys(settings.data / "keys")
            leave_note(settings.data / "inbox", keys.rotate())
        out.print(keys.signer.verifier.to_text(), markup=False)
