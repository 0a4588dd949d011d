"""The utilisation of a month for people: a table for Excel and a page, in Korean."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from lnx_common import attribution
from lnx_common.files import write_durably

from lnx_agent.usage import Month, Usage

COLUMNS = (
    ("day", "날짜"),
    ("plan", "계획 가동시간(분)"),
    ("up", "솔루션 가동시간(분)"),
    ("availability_of_use", "가동률"),
    ("used", "사용시간(분)"),
    ("utilisation", "활용률"),
    ("availability", "가용도"),
    ("idle", "비생산(분)"),
    ("service", "점검(분)"),
    ("fault", "장애(분)"),
    ("stopped", "정지(분)"),
    ("unknown", "미상(분)"),
    ("runs", "검사 수"),
    ("ok", "양품"),
    ("ng", "불량"),
    ("review", "재검"),
    ("undefined", "판정불가"),
    ("ng_rate", "불량률"),
    ("overrides", "판정 변경 수"),
    ("override_rate", "개입률"),
    ("errors", "오류"),
    ("error_rate", "오류율"),
    ("latency_p50_ms", "응답 p50(ms)"),
    ("latency_p95_ms", "응답 p95(ms)"),
    ("latency_p99_ms", "응답 p99(ms)"),
    ("latency_max_us", "응답 최대(µs)"),
    ("lost", "누락 기록"),
    ("continuity", "로그 연속성"),
    ("due", "제출 대상(일)"),
    ("submitted", "제출(일)"),
    ("submission_rate", "제출률"),
)
HEADLINE = (
    "availability_of_use",
    "utilisation",
    "availability",
    "ng_rate",
    "override_rate",
    "latency_p95_ms",
    "continuity",
    "submission_rate",
)
REASONS = ("idle", "service", "fault", "stopped", "unknown")
NOT_APPLICABLE = "해당 없음"
STYLE = (
    "body{font-family:'Malgun Gothic','NanumGothic',sans-serif;margin:2em}table{border-collapse:collapse;margin-bottom:1.5em}"
    "td,th{border:1px solid #999;padding:2px 6px;text-align:right}th{background:#eee}td:first-child,th:first-child{text-align:left}"
    ".wide{font-size:.8em;white-space:nowrap}.off{color:#888}tr:last-child td{font-weight:bold}"
)


def write_usage(month: Month, folder: Path) -> list[Path]:
    """Writes usage-YYYY-MM.csv (for Excel: UTF-8 with BOM) and .html; returns the paths."""
    rows = [_cells(usage) for usage in [*month.days, month.total]]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([korean for _, korean in COLUMNS])
    writer.writerows(rows)
    name = f"usage-{month.total.day}"
    paths = [folder / f"{name}.csv", folder / f"{name}.html"]
    write_durably(paths[0], text.getvalue().encode("utf-8-sig"))
    write_durably(paths[1], _page(month, rows).encode())
    return paths


def _page(month: Month, rows: list[list[str]]) -> str:
    values = dict(zip((name for name, _ in COLUMNS), rows[-1], strict=True))
    titles = dict(COLUMNS)
    total = month.total
    off = sum(1 for usage in month.days if not usage.plan)
    reasons = [[titles[name].removesuffix("(분)"), f"{getattr(total, name):,}"] for name in REASONS]
    days = "".join(f"<tr{'' if usage.plan else ' class=off'}>{_line(row)}</tr>" for usage, row in zip(month.days, rows, strict=False))
    models = [[row["day"], row.get("model", ""), _change(row)] for row in month.models]
    return (
        f"<!doctype html><html lang='ko'><meta charset='utf-8'><title>활용 현황 {total.day}</title><style>{STYLE}</style>"
        f"<h1>활용 현황 {total.day}</h1>{_table([titles[name] for name in HEADLINE], [[values[name] for name in HEADLINE]])}"
        f"<h2>미가동 사유(분)</h2><p>휴무 {off}일은 계획에 없는 날이며 비율에 들어가지 않습니다.</p>{_table(['사유', '분'], reasons)}"
        f"<h2>모델</h2>{_table(['날짜', '모델', '내용'], models) if models else '<p>없음</p>'}"
        f"<h2>일별</h2><table class='wide'><tr>{_line(titles.values(), 'th')}</tr>{days}<tr>{_line(rows[-1])}</tr></table>"
        f"<p>{attribution.KOREAN}</p></html>"
    )


def _change(row: dict[str, object]) -> str:
    if "key" in row:
        return f"{row['key']}: {row.get('old', '')} → {row.get('new', '')}"
    return f"버전 {row.get('version', '-')}, 임계값 {row.get('threshold', '-')}, 식별자 {row.get('model_id', '-')}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"<table><tr>{_line(titles, 'th')}</tr>{''.join(f'<tr>{_line(row)}</tr>' for row in rows)}</table>"


def _line(cells: Iterable[object], tag: str = "td") -> str:
    return "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)


def _cells(usage: Usage) -> list[str]:
    values: dict[str, object] = {**asdict(usage), **usage.rates()}
    return [_cell(name, values[name]) for name, _ in COLUMNS]


def _cell(name: str, value: object) -> str:
    if value is None:
        return NOT_APPLICABLE
    if isinstance(value, float):
        return f"{value:.2f}" if name.endswith("_ms") else f"{value:.2%}" if name == "continuity" else f"{value:.1%}"
    return str(value)
