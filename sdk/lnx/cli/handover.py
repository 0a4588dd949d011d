"""``lnx handover make`` and ``lnx handover check``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lnx import handover
from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.container import load_signing_key
from lnx.container.trust import load_trust
from lnx.session import doctor

app = typer.Typer(no_args_is_help=True)


def _runtime() -> tuple[Path, str] | None:
    """The ONNX Runtime library that this machine would use."""
    chosen = next((c for c in doctor().get("candidates", []) if c.get("usable")), None)
    return (Path(chosen["path"]), str(chosen["version"])) if chosen else None


def _files(given: list[Path]) -> list[Path]:
    """Files, and the files of folders (not of their folders)."""
    found: list[Path] = []
    for path in given:
        found += sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")) if path.is_dir() else [path]
    return found


def _show(listed: dict[str, Any]) -> None:
    table = Table()
    for column in (say("handover.kind"), say("handover.file"), say("handover.size"), "SHA-256"):
        table.add_column(column)
    for item in listed["files"]:
        table.add_row(item["kind"], item["name"], f"{item['size']:,}", item["sha256"][:16] + "...")
    out.print(table)


@app.command("make", help=say("handover.make"))
def make_command(
    files: Annotated[list[Path], typer.Argument(help=say("arg.handover"))],
    key: Annotated[Path, typer.Option("--key", help=say("opt.key"))],
    output: Annotated[Path, typer.Option("--output", "-o", help=say("opt.handover.output"))] = Path("handover.zip"),
    command: Annotated[list[str] | None, typer.Option("--command", help=say("opt.handover.command"))] = None,
    note: Annotated[str, typer.Option("--note", help=say("opt.handover.note"))] = "",
    password: Annotated[str | None, typer.Option("--password", help=say("opt.password"))] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("opt.handover.dry"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        parts = [handover.take_in(path) for path in _files(files)]
        if dry_run:
            told = [{"kind": part.kind, "name": part.name, "source": str(part.source)} for part in parts]
            if as_json:
                print_json({"files": told})
            for item in () if as_json else told:
                out.print(f"{item['kind']:14} {item['name']}  <-  {item['source']}", markup=False)
            return
        signing = load_signing_key(key, password)
        with progress_bar(output.name, as_json) as progress:
            listed = handover.make(
                output, parts, signing, commands=command or [], note=note, runtime=_runtime(), moment=datetime.now(UTC), progress=progress
            )
        digest = hashlib.sha256(output.read_bytes()).hexdigest()
        if as_json:
            print_json({"archive": str(output), "sha256": digest, **listed})
            return
        _show(listed)
        out.print(f"{say('made')}  {output}\nSHA-256  {digest}", markup=False)


@app.command("check", help=say("handover.check"))
def check_command(
    archive: Annotated[Path, typer.Argument(help=say("arg.handover.archive"))],
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        keys = load_trust(trust or []).keys("container", datetime.now(UTC))
        with progress_bar(archive.name, as_json) as progress:
            checked = handover.check(archive, keys, progress)
        if as_json:
            print_json({"holds": True, "keyid": checked.keyid, **checked.listed})
            return
        _show(checked.listed)
        for line in checked.listed["commands"]:
            out.print(f"$ {line}", markup=False)
        out.print(say("handover.holds").format(keyid=checked.keyid), style="green")
