"""The page of ``lnx bench``: where people would rather look than read. One file, no scripts, nothing fetched."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from lnx import attribution
from lnx.bench.measure import BenchReport, GapRow

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Run times",
        "median": "median",
        "slowest": "slowest",
        "spread": "p99 / median",
        "first": "first run",
        "overhead": "beside the model",
        "distribution": "How the runs are spread",
        "course": "Run after run",
        "gaps": "After a pause",
        "gaps_warm": "After a pause, kept warm",
        "bare": "bare ONNX Runtime call",
        "added": "longer than the bare call, p50 / p99",
        "stages": "Where the time goes",
        "stage": "stage",
        "pause": "pause",
        "runs": "runs",
        "machine": "Machine",
        "memory": "memory before / opened / after the runs, MB",
        "clocks": "clocks",
        "load": "load of other programs, percent of a core",
    },
    "ko": {
        "title": "실행 시간",
        "median": "중앙값",
        "slowest": "가장 느린 실행",
        "spread": "p99 / 중앙값",
        "first": "첫 실행",
        "overhead": "모델 외 시간",
        "distribution": "실행 시간 분포",
        "course": "실행 순서별 시간",
        "gaps": "쉬었다가 실행할 때",
        "gaps_warm": "쉬었다가 실행할 때(예열 유지)",
        "bare": "ONNX Runtime 단독 호출",
        "added": "단독 호출보다 더 걸린 시간, p50 / p99",
        "stages": "단계별 시간",
        "stage": "단계",
        "pause": "쉬는 시간",
        "runs": "실행 수",
        "machine": "PC 상태",
        "memory": "메모리(열기 전 / 연 뒤 / 실행 뒤), MB",
        "clocks": "클록",
        "load": "다른 프로그램의 부하(코어 하나 대비 %)",
    },
}
STYLE = """
body{font:16px/1.5 "Segoe UI","Noto Sans KR","Malgun Gothic",sans-serif;margin:0;background:#f3f6f9;color:#14202b}
header{background:#14283c;color:#fff;padding:24px 40px}h1{margin:0;font-size:26px}header p{margin:4px 0 0;color:#b9c9d8}
main{max-width:1000px;margin:0 auto;padding:24px}.tiles{display:flex;gap:14px;flex-wrap:wrap}.tile{flex:1;min-width:140px;background:#fff;
border-radius:10px;padding:14px 18px;box-shadow:0 1px 3px #0002}.tile b{display:block;font-size:26px}h2{margin:28px 0 8px;font-size:19px}
svg{background:#fff;border-radius:10px;width:100%;height:auto}table{border-collapse:collapse;background:#fff}td,th{padding:4px 14px;
text-align:right;border-bottom:1px solid #e3e9ef}
"""
WIDTH, HEIGHT, LEFT, BOTTOM = 960, 240, 60, 28
HALO = 'stroke="#fff" stroke-width="3" paint-order="stroke"'  # readable where it stands on a bar


def _svg(inside: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="12" fill="#456">{inside}</svg>'


def _levels(top: float) -> str:
    """Horizontal lines with their milliseconds."""
    lines = []
    for k in range(5):
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 12) * k / 4
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e9ef"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * k / 4:.3g}</text>')
    return "".join(lines)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 12) * min(value / top, 1.0)


def _histogram(bars: Sequence[tuple[float, int]], median: float, p99: float) -> str:
    step = (WIDTH - LEFT - 10) / len(bars)
    most, low = max(count for _, count in bars), bars[0][0]
    width = bars[1][0] - bars[0][0] if len(bars) > 1 else 1.0
    high = low + width * len(bars)
    parts = []
    for i, (_, count) in enumerate(bars):
        tall = (HEIGHT - BOTTOM - 12) * count / most
        place = f'x="{LEFT + i * step + 1:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{step - 2:.1f}" height="{tall:.1f}"'
        parts.append(f'<rect {place} fill="#4a7bd0"/>')
    for value, colour, name in ((median, "#187a34", "p50"), (p99, "#b3261e", "p99")):
        x = LEFT + (WIDTH - LEFT - 10) * (value - low) / (high - low or 1.0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="10" y2="{HEIGHT - BOTTOM}" stroke="{colour}" stroke-dasharray="5 4"/>')
        parts.append(f'<text x="{x + 4:.1f}" y="20" fill="{colour}" {HALO}>{name} {value:.3g} ms</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">{low:.3g} ms</text>')
    parts.append(f'<text x="{WIDTH - 10}" y="{HEIGHT - 8}" text-anchor="end">{high:.3g} ms</text>')
    return _svg("".join(parts))


def _course(totals: Sequence[float]) -> str:
    """Every run as a dot; of very many runs the slowest of each slice, so that no outlier is lost."""
    slices = max(1, math.ceil(len(totals) / 2000))
    shown = [max(totals[i : i + slices]) for i in range(0, len(totals), slices)]
    top = max(shown) or 1.0
    dots = "".join(
        f'<circle cx="{LEFT + (WIDTH - LEFT - 10) * i / max(1, len(shown) - 1):.1f}" cy="{_y(value, top):.1f}" r="1.6" fill="#4a7bd0"/>'
        for i, value in enumerate(shown)
    )
    return _svg(_levels(top) + dots + f'<text x="{WIDTH - 10}" y="{HEIGHT - 8}" text-anchor="end">{len(totals)}</text>')


def _gaps(rows: Sequence[GapRow]) -> str:
    top = max(row.max_ms for row in rows) or 1.0
    step = (WIDTH - LEFT - 10) / len(rows)
    parts = [_levels(top)]
    for i, row in enumerate(rows):
        x = LEFT + step * (i + 0.5)
        ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_y(row.p50_ms, top):.1f}" y2="{_y(row.max_ms, top):.1f}"'
        parts.append(f'<line {ends} stroke="#b9c9d8" stroke-width="3"/>')
        for value, colour in ((row.p50_ms, "#187a34"), (row.p99_ms, "#b3261e")):
            parts.append(f'<circle cx="{x:.1f}" cy="{_y(value, top):.1f}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{row.gap_ms:g} ms</text>')
    parts.append(f'<text x="{WIDTH - 90}" y="16" fill="#187a34">● p50</text><text x="{WIDTH - 45}" y="16" fill="#b3261e">● p99</text>')
    return _svg("".join(parts))


def _pauses(t: dict[str, str], title: str, rows: Sequence[GapRow]) -> str:
    """The picture and the table of one sweep, nothing when there was none."""
    if not rows:
        return ""
    names = "".join(f"<th>{name}</th>" for name in (t["pause"], t["runs"], "p50 ms", "p99 ms", "max ms"))
    lines = "".join(
        f"<tr><td>{g.gap_ms:g} ms</td><td>{g.runs}</td><td>{g.p50_ms:.3f}</td><td>{g.p99_ms:.3f}</td><td>{g.max_ms:.3f}</td></tr>"
        for g in rows
    )
    return f"<h2>{t[title]}</h2>{_gaps(rows)}<table><tr>{names}</tr>{lines}</table>"


def to_html(report: BenchReport, language: str = "en") -> str:
    """The whole page. ``language``: "en" or "ko"."""
    t = TEXTS[language]
    total = report.stages["total"]
    tiles = (
        (t["median"], f"{total.p50_ms:.3g} ms"),
        ("p99", f"{total.p99_ms:.3g} ms"),
        (t["slowest"], f"{total.max_ms:.3g} ms"),
        (t["spread"], f"{total.p99_ms / total.p50_ms:.2f}" if total.p50_ms > 0 else "-"),
        (t["first"], f"{report.first_run_ms:.3g} ms"),
        (t["overhead"], f"{report.overhead.p50_ms:.3g} ms"),
    )
    head = "".join(f'<div class="tile">{name}<b>{value}</b></div>' for name, value in tiles)
    columns = "".join(f"<th>{name}</th>" for name in (t["stage"], "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms"))
    rows = "".join(
        f"<tr><td>{name}</td>" + "".join(f"<td>{value:.3f}</td>" for value in vars(row).values()) + "</tr>"
        for name, row in report.stages.items()
    )
    rows += f"<tr><td>{t['bare']}</td>" + "".join(f"<td>{value:.3f}</td>" for value in vars(report.stages["infer"]).values()) + "</tr>"
    rows += f"<tr><td>{t['overhead']}</td>" + "".join(f"<td>{value:.3f}</td>" for value in vars(report.overhead).values()) + "</tr>"
    added = f"{report.added_percent['p50']:.1f} % / {report.added_percent['p99']:.1f} %"
    gaps = _pauses(t, "gaps", report.gaps) + _pauses(t, "gaps_warm", report.gaps_warm)
    memory = " / ".join(f"{value:.0f}" for value in report.memory_mb.values())
    clocks = ", ".join(f"{name} {value}" for name, value in report.clocks.items()) or "-"
    subtitle = f"{report.device} · ONNX Runtime {report.runtime.get('version', '')} · {report.image[0]} x {report.image[1]} · {report.runs}"
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(report.model)}: {t["title"]}</title>'
        f"<style>{STYLE}</style><header><h1>{html.escape(report.model)}: {t['title']}</h1><p>{html.escape(subtitle)}</p></header><main>"
        f'<div class="tiles">{head}</div>'
        f"<h2>{t['distribution']}</h2>{_histogram(report.histogram_ms, total.p50_ms, total.p99_ms)}"
        f"<h2>{t['course']}</h2>{_course(report.totals_ms)}{gaps}"
        f"<h2>{t['stages']}</h2><table><tr>{columns}</tr>{rows}</table><p>{t['added']}: {added}</p>"
        f"<h2>{t['machine']}</h2><p>{t['memory']}: {memory}<br>{t['clocks']}: {html.escape(clocks)}<br>"
        f"{t['load']}: {report.other_load_percent:.0f}</p><p><small>{attribution.KOREAN}</small></p></main></html>\n"
    )
