"""``lnx replay``: recordings of a line, run again at a desk. Ends with 1 when an answer is another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lnx.cli.messages import say
from lnx.cli.output import NG, out, print_json, reported
from lnx.container import load_signing_key
from lnx.errors import LnxError
from lnx.recording import ENDING, Recording, Replayed, environment, open_for, read_recording, replay


def _files(paths: list[Path]) -> list[Path]:
    files = [file for path in paths for file in (sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path])]
    if not files:
        raise LnxError(201, found=say("no-recordings"), expected=f"*{ENDING}", where=", ".join(str(path) for path in paths))
    return files


def _row(recording: Recording, told: list[Replayed], changed: list[str]) -> dict[str, Any]:
    return {
        "file": str(recording.path),
        "reason": recording.head["reason"],
        "runs": len(told),
        "same": sum(one.same for one in told),
        "changed": changed,
        "different": [{"run": one.index, "error": one.error, "differences": one.differences} for one in told if not one.same],
    }


def _show(recording: Recording, told: list[Replayed], row: dict[str, Any]) -> None:
    out.print(f"{recording.path.name}  {recording.head['model']['name']}  {recording.head['reason']}", markup=False)
    for line in row["changed"]:
        out.print(f"  {say('changed')}  {line}", style="yellow", markup=False)
    for one in told:
        verdicts = ", ".join(str(entry["result"]["verdict"]) for entry in one.recorded) or one.error
        word = say("same") if one.same else say("different")
        out.print(f"  {one.index:4d}  {word}  {verdicts}", style="green" if one.same else "red", markup=False)
        for line in one.differences[:10]:
            out.print(f"        {line}", markup=False)


def replay_command(
    recordings: Annotated[list[Path], typer.Argument(help=say("arg.recordings"))],
    key: Annotated[Path, typer.Option("--key", help=say("opt.recording-key"))],
    model: Annotated[Path | None, typer.Option("--model", help=say("opt.replay-model"))] = None,
    export: Annotated[Path | None, typer.Option("--export", help=say("opt.export"))] = None,
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    password: Annotated[str | None, typer.Option("--password", help=say("opt.password"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        private = load_signing_key(key, password)
        rows = []
        for path in _files(recordings):
            recording = read_recording(path, private)
            if export is not None:
                recording.export(export / path.stem)
            told: list[Replayed] = []
            changed: list[str] = []
            if model is not None:
                options = {"device": device, "trusted_keys": trust or [], "key_file": family, "runtime_dir": runtime_dir}
                with open_for(recording, model, **options) as session:
                    changed = environment(recording, session)
                    told = replay(recording, session)
            rows.append(_row(recording, told, changed))
            if not as_json:
                _show(recording, told, rows[-1])
        if as_json:
            print_json({"recordings": rows})
        if any(row["different"] for row in rows):
            raise typer.Exit(NG)
