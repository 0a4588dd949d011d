"""``lnx bench``: how long runs take, as percentiles and stage by stage; never as one mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from lnx.bench import BenchReport, StageRow, measure, to_html
from lnx.bench.measure import resident_mb
from lnx.cli.messages import language, say
from lnx.cli.output import out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.images import read_image
from lnx.session import Session


def _pauses(text: str) -> list[float]:
    """ "0,10,100" as milliseconds."""
    try:
        values = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        values = [-1.0]
    if any(not 0 <= value <= 60_000 for value in values):
        raise typer.BadParameter(say("bad.gaps"))
    return values


def _show(report: BenchReport) -> None:
    width, height = report.image
    table = Table(title=f"{report.model}  {report.device}  ONNX Runtime {report.runtime['version']}  {width}x{height}")
    for column in (say("stage"), "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms"):
        table.add_column(column, justify="right")

    def add(name: str, row: StageRow) -> None:
        table.add_row(name, *(f"{value:.3f}" for value in vars(row).values()))

    for stage, row in report.stages.items():
        add(stage, row)
    table.add_section()
    add(say("bench.bare"), report.stages["infer"])
    add(say("bench.overhead"), report.overhead)
    out.print(table)
    out.print(say("bench.added").format(**report.added_percent), markup=False)
    most = max(count for _, count in report.histogram_ms)
    for edge, count in report.histogram_ms:
        out.print(f"{edge:9.3f} ms  {'█' * round(40 * count / most)} {count}", markup=False)
    for title, rows in (("bench.gaps", report.gaps), ("bench.gaps_warm", report.gaps_warm)):
        if not rows:
            continue
        pauses = Table(title=say(title))
        for column in (say("bench.pause"), "p50 ms", "p99 ms", "max ms"):
            pauses.add_column(column, justify="right")
        for gap in rows:
            pauses.add_row(f"{gap.gap_ms:g} ms", f"{gap.p50_ms:.3f}", f"{gap.p99_ms:.3f}", f"{gap.max_ms:.3f}")
        out.print(pauses)
    clocks = ", ".join(f"{name} {value}" for name, value in report.clocks.items()) or "-"
    out.print(say("bench.machine").format(first=report.first_run_ms, clocks=clocks, **report.memory_mb), markup=False)
    if report.other_load_percent > 20:
        out.print(say("bench.busy").format(percent=round(report.other_load_percent)), markup=False)


def bench_command(
    model: Annotated[Path, typer.Argument(help=say("arg.model"))],
    image: Annotated[Path | None, typer.Option("--image", help=say("opt.image"))] = None,
    runs: Annotated[int, typer.Option("--runs", min=10, max=1_000_000, help=say("opt.runs"))] = 200,
    gaps: Annotated[str, typer.Option("--gaps", help=say("opt.gaps"))] = "",
    keep_warm: Annotated[int, typer.Option("--keep-warm", min=0, max=3_600_000, help=say("opt.keep_warm"))] = 0,
    page: Annotated[Path | None, typer.Option("--html", help=say("opt.html"))] = None,
    threads: Annotated[int, typer.Option("--threads", min=0, help=say("opt.threads"))] = 0,
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    pauses = _pauses(gaps)
    with reported(as_json):
        options: dict[str, Any] = {
            "device": device,
            "cpu_threads": threads,
            "key_file": family,
            "runtime_dir": runtime_dir,
            "events": False,
        }
        given = read_image(image) if image else None
        if given is not None:
            options["warm_up_size"] = (given.shape[1], given.shape[0])
        before = resident_mb()
        with (
            progress_bar(model.name, as_json) as progress,
            Session(model, trusted_keys=trust or [], progress=progress, **options) as session,
        ):
            shape = session.describe()["inputs"][0]["shape"]
            sides = [side for side in shape[1:] if side > 4] or [640, 640]
            picture = np.random.default_rng(0).integers(0, 256, (sides[0], sides[-1], 3), np.uint8) if given is None else given
            warm = (lambda: Session(model, trusted_keys=trust or [], keep_warm=keep_warm / 1000, **options)) if keep_warm else None
            report = measure(session, picture, runs=runs, gaps_ms=pauses, open_warm=warm, memory_before_mb=before, progress=progress)
        if page is not None:
            page.write_text(to_html(report, language()), encoding="utf-8")
        if as_json:
            print_json(report.to_dict())
            return
        _show(report)
        if page is not None:
            out.print(f"{say('made')}  {page}", markup=False)
