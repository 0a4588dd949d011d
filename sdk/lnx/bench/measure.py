"""Measures runs of a session: percentiles by stage, the first run, pauses between runs, memory, clocks.

An inspection line runs one image at a time at irregular triggers, so what counts is the slowest of a thousand and the first after a
pause, not the mean. All times are wall time as the core measures them (``result.timings``), in milliseconds here.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from lnx.session import Session

STAGES = ("queue", "pre", "host_to_device", "infer", "device_to_host", "post", "total")
GAP_RUNS = 30  # runs after each length of pause, fewer where they would take longer than GAP_SECONDS
GAP_SECONDS = 20.0


@dataclass(frozen=True)
class StageRow:
    """Percentiles of one stage, milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


@dataclass(frozen=True)
class GapRow:
    """Runs that each follow a pause."""

    gap_ms: float
    runs: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class BenchReport:
    """What was measured, on what.

    ``overhead`` is the total of each run without the time inside ONNX Runtime, whose call on the prepared tensor is
    ``stages["infer"]``: the bare runtime, in the same runs. ``added_percent``: how much longer a run takes than that call, at the median
    and at the 99th percentile. ``gaps_warm``: the pauses again, in a session that keeps warm.
    """

    model: str
    device: str
    runtime: dict[str, Any]
    image: tuple[int, int]
    runs: int
    first_run_ms: float
    stages: dict[str, StageRow]
    overhead: StageRow
    added_percent: dict[str, float]
    gaps: list[GapRow]
    gaps_warm: list[GapRow]
    histogram_ms: list[tuple[float, int]]
    totals_ms: list[float]
    memory_mb: dict[str, float]
    clocks: dict[str, str]
    other_load_percent: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the single runs are left out."""
        told = asdict(self)
        del told["totals_ms"]
        return told


def percentiles(milliseconds: Sequence[float] | NDArray[np.float64]) -> StageRow:
    values = np.asarray(milliseconds, np.float64)
    p50, p95, p99, p999 = np.percentile(values, [50, 95, 99, 99.9])
    return StageRow(float(p50), float(p95), float(p99), float(p999), float(values.max()))


def histogram(milliseconds: Sequence[float], bins: int = 24) -> list[tuple[float, int]]:
    """Lower edge in milliseconds and count, over the range that was seen."""
    counts, edges = np.histogram(milliseconds, bins=bins)
    return [(float(edge), int(count)) for edge, count in zip(edges[:-1], counts, strict=True)]


def resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def clocks(device: str) -> dict[str, str]:
    """Clock rates at this moment, as far as the machine tells them."""
    told: dict[str, str] = {}
    frequency = psutil.cpu_freq()
    if frequency is not None and frequency.current:
        told["cpu"] = f"{frequency.current:.0f} MHz"
    program = shutil.which("nvidia-smi")
    if device.startswith("cuda") and program:
        index = device.partition(":")[2] or "0"
        fields = "clocks.sm,clocks.mem,power.draw,temperature.gpu"
        command = [program, f"--id={index}", f"--query-gpu={fields}", "--format=csv,noheader"]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        if finished.returncode == 0:
            told |= dict(zip(fields.split(","), (word.strip() for word in finished.stdout.split(",")), strict=False))
    return told


def gap_row(run: Callable[[], float], gap_ms: float) -> GapRow:
    """Runs that each follow a pause of this length."""
    count = max(5, min(GAP_RUNS, int(GAP_SECONDS * 1000 / gap_ms))) if gap_ms > 0 else GAP_RUNS
    totals = []
    for _ in range(count):
        time.sleep(gap_ms / 1000)
        totals.append(run())
    row = percentiles(totals)
    return GapRow(gap_ms, count, row.p50_ms, row.p99_ms, row.max_ms)


def added_percent(total: NDArray[np.float64], infer: NDArray[np.float64]) -> dict[str, float]:
    """By how much a percentile of the whole run exceeds that of the bare call."""
    told = {}
    for name, share in (("p50", 50), ("p99", 99)):
        whole, bare = (float(np.percentile(values, share)) for values in (total, infer))
        told[name] = 100 * (whole - bare) / bare if bare > 0 else 0.0
    return told


def measure(
    session: Session,
    picture: NDArray[Any],
    *,
    runs: int,
    gaps_ms: Sequence[float] = (),
    open_warm: Callable[[], Session] | None = None,
    memory_before_mb: float = 0.0,
    progress: Callable[[str, float], object] = lambda _stage, _fraction: None,
) -> BenchReport:
    """Runs ``picture`` on an open session, ``runs`` times back to back and then after each pause of ``gaps_ms`` (milliseconds).

    Args:
        open_warm: opens the same model in a session that keeps warm; the pauses are then measured in that one, too.
        memory_before_mb: resident memory before the session was opened, for the report.
        progress: called with a stage ("measure", "gaps") and a fraction 0..1.
    """
    told = session.describe()
    opened_mb = resident_mb()
    psutil.cpu_percent()
    own_begin, begin = time.process_time(), time.perf_counter()
    samples = np.zeros((runs, len(STAGES)), np.float64)
    for done in range(runs):
        timings = session.run(picture).timings
        samples[done] = [timings[stage] / 1000 for stage in STAGES]
        progress("measure", (done + 1) / runs)
    seconds, own = time.perf_counter() - begin, time.process_time() - own_begin
    busy = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)  # cores
    now = clocks(told["device"])
    ran_mb = resident_mb()
    rows = []
    for i, gap in enumerate(gaps_ms):
        rows.append(gap_row(lambda: session.run(picture).timings["total"] / 1000, gap))
        progress("gaps", (i + 1) / len(gaps_ms))
    warm_rows = []
    if open_warm is not None and gaps_ms:
        with open_warm() as warm:
            warm.run(picture)
            for i, gap in enumerate(gaps_ms):
                warm_rows.append(gap_row(lambda: warm.run(picture).timings["total"] / 1000, gap))
                progress("gaps", (i + 1) / len(gaps_ms))
    total, infer = samples[:, STAGES.index("total")], samples[:, STAGES.index("infer")]
    return BenchReport(
        model=told["name"],
        device=told["device"],
        runtime=told["runtime"],
        image=(int(picture.shape[1]), int(picture.shape[0])),
        runs=runs,
        first_run_ms=float(total[0]),
        stages={stage: percentiles(samples[:, i]) for i, stage in enumerate(STAGES)},
        overhead=percentiles(total - infer),
        added_percent=added_percent(total, infer),
        gaps=rows,
        gaps_warm=warm_rows,
        histogram_ms=histogram([float(value) for value in total]),
        totals_ms=[float(value) for value in total],
        memory_mb={"before": memory_before_mb, "opened": opened_mb, "after_runs": ran_mb},
        clocks=now,
        other_load_percent=max(0.0, 100 * (busy - own / seconds)) if seconds > 0.2 else 0.0,
    )
