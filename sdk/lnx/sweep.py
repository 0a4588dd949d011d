"""What each threshold would do to a labelled folder: how many bad parts it finds, how many good parts it throws away.

The folder has one folder per kind of part. Kinds named as good are good; all others are bad. A part counts as NG at a threshold when its
score reaches it, as the verdict's score and count rules do (one finding is enough).
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lnx import attribution
from lnx.errors import LnxError
from lnx.images import find_images
from lnx.session import Session


@dataclass(frozen=True)
class Scored:
    """One image of the folder: the kind it was put under, whether that is a bad one, and its score in the space of the threshold."""

    path: Path
    kind: str
    bad: bool
    score: float


@dataclass(frozen=True)
class Point:
    """One threshold: share of bad parts found, share of good parts thrown away, and how many escape or are thrown away."""

    threshold: float
    recall: float
    overkill: float
    escaped: int
    overkilled: int


def score_folder(
    session: Session, folder: str | Path, good: Sequence[str], progress: Callable[[float], None] | None = None
) -> list[Scored]:
    """Scores every image under ``folder``. Raises LnxError LNX-103 when a kind is missing or one side is empty."""
    root = Path(folder)
    kinds = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    unknown = [name for name in good if name not in kinds]
    if unknown or len(kinds) < 2 or len(unknown) == len(good):
        found = f"folders {', '.join(kinds) or 'none'}"
        raise LnxError(103, found=found, expected=f"folders {', '.join(good)} with good parts, and others with bad ones", where=str(root))
    jobs = [(path, kind) for kind in kinds for path in find_images(root / kind)]
    if not any(kind in good for _, kind in jobs) or all(kind in good for _, kind in jobs):
        raise LnxError(103, found=f"{len(jobs)} images on one side only", expected="images of good and of bad parts", where=str(root))
    lowest: dict[str, Any] = {"threshold": 0.0, "guard_band": 0.0} if session.describe()["task"] != "anomaly" else {}
    anomaly = not lowest
    scored = []
    for i, (path, kind) in enumerate(jobs):
        result = session.run(str(path), **lowest)
        score = result.classes[0].score if anomaly else result.score
        scored.append(Scored(path, kind, kind not in good, float(score)))
        if progress:
            progress((i + 1) / len(jobs))
    return scored


def sweep(scored: Sequence[Scored]) -> list[Point]:
    """Every threshold that changes something, ascending, and one above the highest score."""
    bad = [s.score for s in scored if s.bad]
    fine = [s.score for s in scored if not s.bad]
    scores = sorted({s.score for s in scored})
    steps = [*scores, scores[-1] + max(1e-6, abs(scores[-1]) * 1e-6)]
    points = []
    for threshold in steps:
        found, thrown = sum(s >= threshold for s in bad), sum(s >= threshold for s in fine)
        points.append(Point(threshold, found / len(bad), thrown / len(fine), len(bad) - found, thrown))
    return points


def suggest(points: Sequence[Point], most_overkill: float) -> Point:
    """The point that finds most bad parts with at most this share of good ones thrown away; of equals the highest."""
    allowed = [p for p in points if p.overkill <= most_overkill]
    return max(allowed, key=lambda p: (p.recall, -p.overkill, p.threshold))


def to_csv(points: Sequence[Point]) -> str:
    """Columns: threshold, recall, overkill, escaped, overkilled."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["threshold", "recall", "overkill", "escaped", "overkilled"])
    writer.writerows([f"{p.threshold:.9g}", f"{p.recall:.6f}", f"{p.overkill:.6f}", p.escaped, p.overkilled] for p in points)
    return text.getvalue()


TEXTS = {
    "en": ("Thresholds", "threshold", "bad parts found", "good parts thrown away", "suggested", "now", "escape", "thrown away", "parts"),
    "ko": ("임계값 비교", "임계값", "검출률", "과검률", "제안", "현재", "미검", "과검", "부품"),
}


def _line(points: Sequence[Point], value: Callable[[Point], float], x: Callable[[float], float], colour: str) -> str:
    """A curve that steps down at each score."""
    places = []
    for i, p in enumerate(points):
        y = 240 - 220 * value(p)
        if i:
            places.append(f"{x(points[i - 1].threshold):.1f},{y:.1f}")
        places.append(f"{x(p.threshold):.1f},{y:.1f}")
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(places)}"/>'


def to_html(points: Sequence[Point], chosen: Point, current: float, title: str, language: str) -> str:
    """A page with both curves, the suggested and the present threshold, and a table. Stands alone, without scripts."""
    name, axis, recall, overkill, suggested, now, escape, thrown, _ = TEXTS[language]
    low, high = min(points[0].threshold, current), max(points[-1].threshold, current)
    span = (high - low) or 1.0

    def x(threshold: float) -> float:
        return 50 + 620 * (threshold - low) / span

    def mark(threshold: float, colour: str, text: str) -> str:
        at = x(threshold)
        line = f'<line x1="{at:.1f}" y1="20" x2="{at:.1f}" y2="240" stroke="{colour}" stroke-dasharray="4 3"/>'
        return line + f'<text x="{at + 3:.1f}" y="32" font-size="11" fill="{colour}">{text} {threshold:.4g}</text>'

    def level(k: int) -> str:
        y = 240 - 22 * k
        return f'<line x1="50" y1="{y}" x2="670" y2="{y}" stroke="#ddd"/><text x="8" y="{y + 4}" font-size="11">{10 * k} %</text>'

    grid = "".join(level(k) for k in range(0, 11, 2))
    ticks = "".join(
        f'<text x="{50 + 155 * k}" y="258" font-size="11" text-anchor="middle">{low + span * k / 4:.4g}</text>' for k in range(5)
    )
    shown = points if len(points) <= 200 else [points[round(i * (len(points) - 1) / 199)] for i in range(200)]
    rows = "".join(
        f"<tr{' class=s' if p == chosen else ''}><td>{p.threshold:.4g}</td><td>{p.recall:.1%}</td><td>{p.overkill:.1%}</td>"
        f"<td>{p.escaped}</td><td>{p.overkilled}</td></tr>"
        for p in shown
    )
    legend = f'<text x="60" y="285" font-size="12" fill="#1f6fb2">— {recall}</text>'
    legend += f'<text x="320" y="285" font-size="12" fill="#c0392b">— {overkill}</text>'
    curves = _line(points, lambda p: p.recall, x, "#1f6fb2") + _line(points, lambda p: p.overkill, x, "#c0392b")
    picture = f"{grid}{ticks}{curves}{mark(chosen.threshold, '#27772c', suggested)}{mark(current, '#777', now)}{legend}"
    head = "".join(f"<th>{column}</th>" for column in (axis, recall, overkill, escape, thrown))
    style = "body{font-family:sans-serif;margin:2em}td,th{padding:2px 12px;text-align:right}.s{background:#dff0d8}"
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{style}</style>'
        f"<h1>{name}: {html.escape(title)}</h1>"
        f"<p>{suggested}: <b>{chosen.threshold:.6g}</b> — {recall} {chosen.recall:.1%}, {overkill} {chosen.overkill:.1%}</p>"
        f'<svg viewBox="0 0 700 300" width="900" role="img">{picture}</svg><table><tr>{head}</tr>{rows}</table>'
        f"<p><small>{attribution.KOREAN}</small></p></html>\n"
    )
