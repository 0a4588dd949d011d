"""``lnx run``: a file or a folder in; verdicts, overlays and JSON lines out. One bad image does not stop the others."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lnx.cli.messages import language, say
from lnx.cli.output import FAILED, INTERRUPTED, NG, err, error_dict, out, print_json, reported
from lnx.cli.progress import stage_reporter
from lnx.errors import LnxError
from lnx.images import find_images, read_image, write_image
from lnx.session import Session


def _counts(verdicts: Counter[str]) -> str:
    return "  ".join(f"{say('verdict.' + name)} {count}" for name, count in sorted(verdicts.items()))


class _Folder:
    """Runs images one after another and keeps account."""

    def __init__(self, session: Session, root: Path, overlay: Path | None, lines: IO[str] | None, as_json: bool) -> None:
        self.session = session
        self.root = root if root.is_dir() else root.parent
        self.overlay = overlay
        self.lines = lines
        self.as_json = as_json
        self.verdicts: Counter[str] = Counter()
        self.failures: list[dict[str, Any]] = []
        self.micros: list[int] = []

    def inspect(self, path: Path) -> None:
        name = path.relative_to(self.root).as_posix()
        try:
            image = read_image(path)
            result = self.session.run(image)
            if self.overlay is not None:
                write_image((self.overlay / name).with_suffix(".png"), result.draw(image, language="ko" if language() == "ko" else "en"))
        except LnxError as error:
            self.failures.append({"file": name, "error": error_dict(error)})
            self._write({"file": name, "error": error_dict(error)})
            if not self.as_json:
                err.print(f"{say('failed')}  {name}: LNX-{error.status} {error.found}", style="red", markup=False)
            return
        self.verdicts[str(result.verdict)] += 1
        self.micros.append(result.timings["total"])
        self._write({"file": name, **result.to_dict()})

    def _write(self, record: dict[str, Any]) -> None:
        if self.lines is not None:
            self.lines.write(json.dumps(record, ensure_ascii=False) + "\n")
            self.lines.flush()

    def summary(self, total: int) -> dict[str, Any]:
        median = statistics.median(self.micros) / 1000 if self.micros else None
        return {"images": total, "verdicts": dict(self.verdicts), "failed": len(self.failures), "median_ms": median}


def run_command(
    model: Annotated[Path, typer.Argument(help=say("arg.model"))],
    images: Annotated[Path, typer.Argument(help=say("arg.images"))],
    overlay: Annotated[Path | None, typer.Option("--overlay", help=say("opt.overlay"))] = None,
    lines: Annotated[Path | None, typer.Option("--json", help=say("opt.lines"))] = None,
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help=say("opt.threshold"))] = None,
    recursive: Annotated[bool, typer.Option("--recursive", help=say("opt.recursive"))] = False,
    record: Annotated[Path | None, typer.Option("--record", help=say("opt.record"))] = None,
    record_key: Annotated[Path | None, typer.Option("--record-key", help=say("opt.record-key"))] = None,
    fail_on_ng: Annotated[bool, typer.Option("--fail-on-ng", help=say("opt.fail"))] = False,
    as_json: Annotated[bool, typer.Option("--summary-json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        paths = find_images(images, recursive)
        if not paths:
            raise LnxError(201, found=say("no-images"), expected="JPEG, PNG, BMP or TIFF", where=str(images))
        if record is not None and record_key is None:
            raise LnxError(103, found="--record", expected="--record-key with it", where="--record-key")
        interrupted = False
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True, disable=as_json) as progress:
            loading = progress.add_task(model.name, total=1.0)
            session = Session(
                model,
                device=device,
                threshold=threshold,
                trusted_keys=trust or [],
                key_file=family,
                runtime_dir=runtime_dir,
                program="lnx run",
                progress=stage_reporter(progress, loading, model.name),
            )
            progress.remove_task(loading)
            if record is not None and record_key is not None:
                session.record(record, key=record_key)
            handle: IO[str] | None = None
            try:
                if lines is not None:
                    lines.parent.mkdir(parents=True, exist_ok=True)
                    handle = lines.open("w", encoding="utf-8", newline="\n")
                folder = _Folder(session, images, overlay, handle, as_json)
                task = progress.add_task("", total=len(paths))
                for path in paths:
                    folder.inspect(path)
                    progress.update(task, advance=1, description=_counts(folder.verdicts))
            except KeyboardInterrupt:
                interrupted = True  # what was inspected is kept and told
            finally:
                if handle is not None:
                    handle.close()
                session.close()
        summary = folder.summary(len(paths))
        if as_json:
            print_json(summary)
        else:
            table = Table(show_header=False, box=None)
            table.add_row(say("images"), str(summary["images"]))
            for name, count in sorted(folder.verdicts.items()):
                table.add_row(say("verdict." + name), str(count))
            if folder.failures:
                table.add_row(say("failed"), str(len(folder.failures)), style="red")
            if summary["median_ms"] is not None:
                table.add_row(say("median"), f"{summary['median_ms']:.2f} ms")
            out.print(table)
        if interrupted:
            raise typer.Exit(INTERRUPTED)
        if folder.failures:
            raise typer.Exit(FAILED)
        if fail_on_ng and folder.verdicts["NG"]:
            raise typer.Exit(NG)
