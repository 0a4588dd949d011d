"""``lnx bench``: how long runs take, as percentiles and stage by stage; never as one mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.images import read_image
from lnx.session import Session

STAGES = ("queue", "pre", "host_to_device", "infer", "device_to_host", "post", "total")


def percentiles(values: list[int]) -> dict[str, float]:
    """p50, p95, p99, max in milliseconds."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99]) / 1000
    return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99), "max_ms": max(values) / 1000}


def histogram(values: list[int], bins: int = 16) -> list[tuple[float, int]]:
    """Lower edge in milliseconds and count, over the range that was seen."""
    counts, edges = np.histogram(np.array(values) / 1000, bins=bins)
    return [(float(edge), int(count)) for edge, count in zip(edges[:-1], counts, strict=True)]


def bench_command(
    model: Annotated[Path, typer.Argument(help=say("arg.model"))],
    image: Annotated[Path | None, typer.Option("--image", help=say("opt.image"))] = None,
    runs: Annotated[int, typer.Option("--runs", min=10, max=1_000_000, help=say("opt.runs"))] = 200,
    threads: Annotated[int, typer.Option("--threads", min=0, help=say("opt.threads"))] = 0,
    trust: Annotated[list[Path] | None, typer.Option("--trust", help=say("opt.trust"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    device: Annotated[str, typer.Option("--device", help=say("opt.device"))] = "auto",
    runtime_dir: Annotated[Path | None, typer.Option("--runtime-dir", help=say("opt.runtime"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        options: dict[str, Any] = {
            "device": device,
            "cpu_threads": threads,
            "key_file": family,
            "runtime_dir": runtime_dir,
            "events": False,
        }
        with (
            progress_bar(model.name, as_json) as progress,
            Session(model, trusted_keys=trust or [], progress=progress, **options) as session,
        ):
            told = session.describe()
            shape = told["inputs"][0]["shape"]
            sides = [side for side in shape[1:] if side > 4] or [640, 640]
            picture = read_image(image) if image else np.random.default_rng(0).integers(0, 256, (sides[0], sides[-1], 3), np.uint8)
            samples: dict[str, list[int]] = {stage: [] for stage in STAGES}
            for done in range(runs):
                timings = session.run(picture).timings
                for stage in STAGES:
                    samples[stage].append(timings[stage])
                progress("measure", (done + 1) / runs)
        rows = {stage: percentiles(values) for stage, values in samples.items()}
        bars = histogram(samples["total"])
        report = {
            "model": told["name"],
            "device": told["device"],
            "runtime": told["runtime"],
            "runs": runs,
            "stages": rows,
            "histogram_ms": bars,
        }
        if as_json:
            print_json(report)
            return
        table = Table(
            title=f"{told['name']}  {told['device']}  ONNX Runtime {told['runtime']['version']}  {picture.shape[1]}x{picture.shape[0]}"
        )
        for column in (say("stage"), "p50 ms", "p95 ms", "p99 ms", "max ms"):
            table.add_column(column, justify="right")
        for stage, row in rows.items():
            table.add_row(stage, *(f"{value:.3f}" for value in row.values()))
        out.print(table)
        most = max(count for _, count in bars)
        for edge, count in bars:
            out.print(f"{edge:9.3f} ms  {'█' * round(40 * count / most)} {count}", markup=False)
