"""The monthly certificate: what the verifier found, as a page for the plant and the operating agency (HTML and PDF, Korean).

It states the answer, the period, how many records, the signed root, what a receiver has counter-signed, every declared gap and every
problem. It proves nothing by itself: whoever doubts it runs `lnx agent verify` on the same files and gets the same root.
"""

from __future__ import annotations

import calendar
import hashlib
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from lnx_common.files import write_durably
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from lnx_agent.cli.messages import TEXTS
from lnx_agent.config import AgentSettings
from lnx_agent.evidence.verify import Finding, Report

FONT = "HYGothic-Medium"  # a CID font that every PDF reader brings along; nothing is embedded
MOST_LISTED = 500


@dataclass(frozen=True)
class Content:
    """Title, lines of facts, and lists of findings, all in Korean."""

    title: str
    answer: str
    complete: bool
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    declared: tuple[str, ...]


def month_bounds(month: str, timezone: str) -> tuple[int, int]:
    """Beginning and end of a month (YYYY-MM) in ns since 1970."""
    year, number = (int(part) for part in month.split("-"))
    first = datetime(year, number, 1, tzinfo=ZoneInfo(timezone))
    end = first + timedelta(days=calendar.monthrange(year, number)[1])
    return int(first.timestamp()) * 10**9, int(end.timestamp()) * 10**9 - 1


def write_certificate(settings: AgentSettings, month: str, report: Report, folder: Path) -> list[Path]:
    """Writes certificate-YYYY-MM.html and .pdf; returns the paths."""
    content = _content(settings, month, report)
    paths = [folder / f"certificate-{month}.html", folder / f"certificate-{month}.pdf"]
    write_durably(paths[0], _page(content).encode())
    write_durably(paths[1], _pdf(content))
    return paths


def write_seal(month: str, report: Report, paths: Sequence[Path]) -> Path:
    """Writes certificate-YYYY-MM.seal, the text for a time stamp: SHA-256 of each file, and the signed root with its size."""
    lines = [f"{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]
    lines.append(f"root {report.root or '-'} {report.size}")
    seal = paths[0].with_name(f"certificate-{month}.seal")
    write_durably(seal, ("\n".join(lines) + "\n").encode())
    return seal


def _content(settings: AgentSettings, month: str, report: Report) -> Content:
    zone = ZoneInfo(settings.usage.timezone)

    def when(ns: int) -> str:
        return datetime.fromtimestamp(ns / 1e9, zone).strftime("%Y-%m-%d %H:%M:%S") if ns else "-"

    def line(finding: Finding) -> str:
        times = f" ({when(finding.from_time)} ~ {when(finding.to_time)})" if finding.to_time else ""
        return f"{TEXTS[finding.kind][1]}: {finding.detail}{times}"

    identity = settings.identity
    facts = (
        ("사업장", identity.site or "-"),
        ("솔루션", f"{identity.solution} {identity.solution_version}".strip()),
        ("설비", identity.asset or "-"),
        ("대상 월", month),
        ("로그 범위", f"{when(report.first_time)} ~ {when(report.last_time)}"),
        ("검증한 기록 수", f"{report.records:,}"),
        ("세그먼트 수", f"{report.segments:,}"),
        ("스트림", ", ".join(report.streams)),
        ("서명된 루트", f"{report.root or '-'} (기록 {report.size:,}건)"),
        ("수신 확인된 기록 수", f"{sum(report.confirmed.values()):,}"),
        ("발급 시각", when(int(datetime.now(zone).timestamp()) * 10**9)),
    )
    answer = "누락 없음" if report.complete else "누락 있음"
    problems = tuple(line(finding) for finding in report.problems[:MOST_LISTED])
    begin, end = month_bounds(month, settings.usage.timezone)
    declared = tuple(line(f) for f in report.declared if not f.to_time or (f.to_time >= begin and f.from_time <= end))
    return Content(f"시스템 로그 확인서 {month}", answer, report.complete, facts, problems, declared[:MOST_LISTED])


def _page(content: Content) -> str:
    def rows(items: tuple[str, ...]) -> str:
        return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>" if items else "<p>없음</p>"

    facts = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in content.facts)
    colour = "#176b2c" if content.complete else "#a11"
    style = "body{font-family:'Malgun Gothic',sans-serif;max-width:50em;margin:2em auto}th{text-align:left;padding-right:2em}"
    return (
        f"<!doctype html><html lang='ko'><meta charset='utf-8'><title>{content.title}</title><style>{style}</style>"
        f"<h1>{content.title}</h1><p style='font-size:1.6em;color:{colour}'><b>{content.answer}</b></p><table>{facts}</table>"
        f"<h2>문제</h2>{rows(content.problems)}<h2>신고된 공백</h2>{rows(content.declared)}"
        "<p>이 확인서는 <code>lnx agent verify</code>의 결과입니다. 같은 파일을 검증하면 누구나 같은 루트를 얻습니다.</p></html>"
    )


def _pdf(content: Content) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=10, leading=15)
    head = ParagraphStyle("head", parent=plain, fontSize=13, leading=22, spaceBefore=10)
    title = ParagraphStyle("title", parent=plain, fontSize=19, leading=30)
    answer = ParagraphStyle("answer", parent=title, textColor=HexColor("#176b2c" if content.complete else "#aa1111"))
    facts = [[Paragraph(html.escape(name), plain), Paragraph(html.escape(value), plain)] for name, value in content.facts]
    table = Table(facts, colWidths=[110, 370])
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP")]))
    flow = [Paragraph(content.title, title), Paragraph(content.answer, answer), table]
    for name, items in (("문제", content.problems), ("신고된 공백", content.declared)):
        flow.append(Paragraph(name, head))
        flow += [Paragraph(html.escape(item), plain) for item in items] or [Paragraph("없음", plain)]
    flow += [
        Spacer(1, 12),
        Paragraph("이 확인서는 lnx agent verify의 결과입니다. 같은 파일을 검증하면 누구나 같은 루트를 얻습니다.", plain),
    ]
    target = io.BytesIO()
    SimpleDocTemplate(target, pagesize=A4, title=content.title, invariant=1).build(flow)
    return target.getvalue()
