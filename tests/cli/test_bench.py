"""`lnx bench` and what it measures with: pauses, pictures, memory, and the first run apart from the others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import lnx
import numpy as np
import pytest
from lnx import attribution
from lnx.bench import measure, to_html
from lnx.bench.measure import STAGES, percentiles


def bench(*words: object, language: str = "en") -> subprocess.CompletedProcess[str]:
    program = f"import os; os.environ['LNX_LANG'] = {language!r}; from lnx.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "bench", *map(str, words)], capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_pauses_are_measured_each_with_runs_of_its_own(classifier: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "시간.html"
    ran = bench(
        classifier,
        "--trust",
        keys[1],
        "--device",
        "cpu",
        "--runs",
        50,
        "--gaps",
        "0,5",
        "--keep-warm",
        2,
        "--html",
        page,
        "--json",
        language="ko",
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [gap["gap_ms"] for gap in told["gaps"]] == [0, 5] and all(gap["runs"] >= 5 for gap in told["gaps"])
    assert [gap["gap_ms"] for gap in told["gaps_warm"]] == [0, 5]
    assert told["added_percent"]["p50"] > 0
    assert told["first_run_ms"] > 0 and told["memory_mb"]["opened"] > told["memory_mb"]["before"] > 1
    assert sum(count for _, count in told["histogram_ms"]) == 50
    assert set(told["stages"]) == set(STAGES)
    total, overhead = told["stages"]["total"], told["overhead"]
    assert 0 < overhead["p50_ms"] < total["p50_ms"] <= total["p99_ms"] <= total["p999_ms"] <= total["max_ms"]
    text = page.read_text(encoding="utf-8")
    assert '<html lang="ko">' in text and "쉬었다가 실행할 때" in text
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    assert "예열 유지" in text and "ONNX Runtime 단독 호출" in text
    assert len(pictures) == 4, "histogram, course, pauses, pauses kept warm"
    assert len(pictures[1].findall("circle")) == 50, "every run is a dot"


@pytest.mark.parametrize("pauses", ["a", "-1", "0,70000"])
def test_pauses_that_are_none_are_refused(classifier: Path, keys: tuple[Path, Path], pauses: str) -> None:
    ran = bench(classifier, "--trust", keys[1], "--gaps", pauses)
    assert ran.returncode == 2 and "0,10,100,1000" in ran.stderr


def test_the_slowest_run_is_never_lost_in_the_picture(classifier: Path, keys: tuple[Path, Path]) -> None:
    seen: list[tuple[str, float]] = []
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        report = measure(session, np.zeros((8, 8, 3), np.uint8), runs=4100, progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert seen[-1] == ("measure", 1.0) and len(report.totals_ms) == 4100
    slow = list(report.totals_ms)
    slow[1234] = 1e4
    page = to_html(type(report)(**{**vars(report), "totals_ms": slow}))
    dots = [float(y) for y in re.findall(r'cy="([\d.]+)" r="1.6"', page)]
    assert len(dots) < 2100 and min(dots) == 12.0, "the top of the picture is the slowest run"
    assert percentiles([1.0, 2.0, 3.0]).p50_ms == 2.0


def test_the_page_shows_names_as_text(classifier: Path, keys: tuple[Path, Path]) -> None:
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        report = measure(session, np.zeros((8, 8, 3), np.uint8), runs=10)
    page = to_html(type(report)(**{**vars(report), "model": "<script>alert(1)</script>"}))
    assert "<script" not in page and "&lt;script" in page
    assert attribution.KOREAN in page
