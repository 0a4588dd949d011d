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

from lnx_common import attribution
from lnx_common.files import write_durably
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from lnx_agent.config import AgentSettings
from lnx_agent.evidence.report import FINDINGS, Finding, Report

FONTS = (  # a Korean font of the system, embedded: the page looks the same in thirty years
    Path(r"C:\Windows\Fonts\malgun.ttf"),
    Path("/usr/share/fonts/truetype/nanum/NanumGothic.ttf"),
)
READERS_FONT = "HYGothic-Medium"  # without one: a CID font that PDF readers bring along
CLOSING = "이 확인서는 lnx agent verify의 결과입니다. 같은 파일을 검증하면 누구나 같은 루트를 얻습니다."
MOST_LISTED = 500
GREEN, RED, LINE = HexColor("#176b2c"), HexColor("#aa1111"), HexColor("#bbbbbb")


WORDS = {
    "reason": "사유",
    "kind": "종류",
    "seconds": "초",
    "stream": "스트림",
    "seq": "번호",
    "uplink": "전송 경로",
    "source": "이벤트 파일",
    "from_seq": "첫 번호",
    "to_seq": "끝 번호",
    "bytes": "바이트",
    "count": "건수",
    "salvaged": "복구한 기록",
    "old_stream": "이전 스트림",
    "old_size": "이전 기록 수",
    "stopped": "정지",
    "crash": "비정상 종료",
    "machine": "PC 꺼짐",
    "suspend": "절전",
    "sequence": "번호 누락",
    "shrunk": "파일이 줄어듦",
    "unreadable": "읽을 수 없는 줄",
    "jump": "시계 변경",
    "journal": "저널",
    "segment": "세그먼트",
    "damaged": "손상",
    "missing": "없어짐",
    "rolled-back": "이전 사본",
    "refused": "번호 충돌",
}
HASHES = ("leaf", "sha256")  # for machines; they are in the log


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


def from_its_beginning(report: Report, begin: int, end: int) -> Report:
    """The report of a month in which the log begins (the month of the installation): what was before it is not missing.

    The certificate names the beginning, so that nobody can take a log that was begun anew for an old one.
    """
    if begin <= report.first_time <= end:
        report.problems = [problem for problem in report.problems if problem.kind != "begins-later"]
        report.complete = not report.problems
    return report


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
        same = finding.from_time == finding.to_time
        times = when(finding.to_time) if same else f"{when(finding.from_time)} ~ {when(finding.to_time)}"
        return f"{FINDINGS[finding.kind][1]}{_details(finding.detail)}{f' ({times})' if finding.to_time else ''}"

    identity = settings.identity
    begin, end = month_bounds(month, settings.usage.timezone)
    began = begin <= report.first_time <= end
    facts = (
        ("사업장", identity.site or "-"),
        ("솔루션", f"{identity.solution} {identity.solution_version}".strip()),
        ("설비", identity.asset or "-"),
        ("대상 월", month),
        ("로그 시작", f"{when(report.first_time)}, 이 달에 시작함" if began else "이 달 이전"),
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
    declared = tuple(line(f) for f in report.declared if not f.to_time or (f.to_time >= begin and f.from_time <= end))
    return Content(f"시스템 로그 확인서 {month}", answer, report.complete, facts, problems, declared[:MOST_LISTED])


def _details(text: str) -> str:
    """ ": 사유 정지, 번호 77" of "reason stopped, seq 77"; other text as it is."""
    parts = [part.partition(" ") for part in text.split(", ")]
    known = [
        f"{WORDS[name]} {WORDS.get(value, value)}" if name in WORDS else f"{name} {value}".strip()
        for name, _, value in parts
        if name not in HASHES
    ]
    return f": {', '.join(known)}" if text else ""


def _page(content: Content) -> str:
    def rows(items: tuple[str, ...]) -> str:
        return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>" if items else "<p>없음</p>"

    facts = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in content.facts)
    colour = "#176b2c" if content.complete else "#a11"
    style = (
        "body{font-family:'Malgun Gothic','NanumGothic',sans-serif;max-width:50em;margin:2em auto}table{border-collapse:collapse}"
        "th{text-align:left;font-weight:normal;color:#555;padding-right:2em;white-space:nowrap;vertical-align:top}"
        "td{word-break:break-all}tr{border-bottom:1px solid #bbb}"
    )
    return (
        f"<!doctype html><html lang='ko'><meta charset='utf-8'><title>{content.title}</title><style>{style}</style>"
        f"<h1>{content.title}</h1><p style='font-size:1.6em;color:{colour}'><b>{content.answer}</b></p><table>{facts}</table>"
        f"<h2>문제</h2>{rows(content.problems)}<h2>신고된 공백</h2>{rows(content.declared)}"
        f"<p>{CLOSING}</p><p>{attribution.KOREAN}</p></html>"
    )


def _font() -> str:
    for path in FONTS:
        if path.exists():
            pdfmetrics.registerFont(TTFont(path.stem, path))
            return path.stem
    pdfmetrics.registerFont(UnicodeCIDFont(READERS_FONT))
    return READERS_FONT


def _pdf(content: Content) -> bytes:
    font = _font()
    plain = ParagraphStyle("plain", fontName=font, fontSize=9.5, leading=14, wordWrap="CJK")
    name = ParagraphStyle("name", parent=plain, textColor=HexColor("#555555"))
    head = ParagraphStyle("head", parent=plain, fontSize=13, leading=22, spaceBefore=10)
    title = ParagraphStyle("title", parent=plain, fontSize=19, leading=30)
    answer = ParagraphStyle("answer", parent=title, textColor=GREEN if content.complete else RED)
    facts = [[Paragraph(html.escape(key), name), Paragraph(html.escape(value), plain)] for key, value in content.facts]
    table = Table(facts, colWidths=[100, 355])
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("LINEABOVE", (0, 0), (-1, 0), 0.4, LINE),
            ]
        )
    )
    flow = [Paragraph(content.title, title), Paragraph(content.answer, answer), Spacer(1, 6), table]
    for words, items in (("문제", content.problems), ("신고된 공백", content.declared)):
        flow.append(Paragraph(f"{words} ({len(items)}건)" if items else words, head))
        flow += [Paragraph(html.escape(item), plain, bulletText="·") for item in items] or [Paragraph("없음", plain)]
    flow += [Spacer(1, 12), Paragraph(CLOSING, plain), Paragraph(attribution.KOREAN, plain)]

    def foot(canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.setFont(font, 8)
        canvas.drawCentredString(A4[0] / 2, 28, f"{content.title} · {document.page}쪽")

    target = io.BytesIO()
    document = SimpleDocTemplate(target, pagesize=A4, title=content.title, author="LNX Edge", lang="ko", invariant=1)
    document.build(flow, onFirstPage=foot, onLaterPages=foot)
    return target.getvalue()
