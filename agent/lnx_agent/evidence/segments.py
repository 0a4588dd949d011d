"""Looks at one sealed segment: structure, checksums, numbers, and how its records continue the hash tree of the stream.

It answers from the file, its footer and the footer of the file before; whether the answer is the one that was signed is judged in
`verify.py`.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lnx_common.errors import PlantError

from lnx_agent.evidence.merkle import Frontier
from lnx_agent.evidence.scan import Scanner, new_scanner
from lnx_agent.record import parsed
from lnx_agent.segment import Footer, SegmentReader
from lnx_agent.stream import DECLARED, Sealed

_NAMES = tuple(sorted(DECLARED))


@dataclass(frozen=True)
class Checked:
    """What one segment turned out to be."""

    first: int
    end: int
    count: int
    size: int
    footer: Footer | None
    problem: str = ""
    missing: tuple[tuple[int, int], ...] = ()
    digest: bytes = b""


@dataclass(frozen=True)
class Job:
    """A segment to look at, and the file before it, whose footer says what the tree was there."""

    segment: Sealed
    stream: str
    before: Path | None
    quick: bool


def check_segment(job: Job) -> Checked:
    """Reads one file: structure, checksums, numbers, and how its records continue the tree."""
    path, first, end = job.segment.path, job.segment.first, job.segment.end
    size = path.stat().st_size
    try:
        reader = SegmentReader(path)
    except PlantError as error:
        return Checked(first, end, 0, size, None, error.found, ((first, end - 1),))
    if reader.header.stream != job.stream or reader.header.first != first or reader.footer.end != end:
        return Checked(first, end, 0, size, None, "the name does not fit the content", ((first, end - 1),))
    whole = reader.footer.count == end - first
    if job.quick and whole:
        return Checked(first, end, reader.footer.count, size, reader.footer, digest=reader.digest())
    before = _tree_before(job) if whole else Frontier()
    scan = new_scanner(job.stream, _NAMES, before)
    damaged = sum(1 for block in reader.blocks() if block is None or not scan.take(block))
    problem = "damaged records" if damaged or scan.count != reader.footer.count else ""
    if not job.quick:
        problem = problem or _content_problem(job, scan, before, reader.footer)
    return Checked(first, end, scan.count, size, reader.footer, problem, holes(first, end, scan.runs), reader.digest())


def _content_problem(job: Job, scan: Scanner, before: Frontier, footer: Footer) -> str:
    tree = Frontier(scan.size, scan.hashes)
    goes_on = before.size == job.segment.first and tree.size == job.segment.end
    if (tree.to_text() if goes_on else base64.b64encode(tree.root()).decode()) != (footer.frontier if goes_on else footer.root):
        return "the records have another root"
    if any(earlier[1] >= later[0] for earlier, later in itertools.pairwise(scan.runs)):
        return "the numbers do not rise"
    if (scan.from_time, scan.to_time, scan.longest_silence) != (footer.from_time, footer.to_time, footer.longest_silence_ns):
        return "the footer tells other times"
    declared = []
    for seq, record in scan.looks:
        try:
            read = parsed(record)
        except ValueError:
            return f"record {seq} is not a log record"
        if read.uid != f"{job.stream}:{seq:012d}":
            return f"record {seq} names another number"
        if read.event in DECLARED:
            declared.append(seq)
    return "" if declared == [row["seq"] for row in footer.declared] else "the footer hides a declaration"


def _tree_before(job: Job) -> Frontier:
    """The stream's tree where the segment begins; an empty one when the file before cannot say."""
    if job.before is None:
        return Frontier()
    try:
        footer = SegmentReader(job.before).footer
        return Frontier.from_text(footer.end, footer.frontier) if footer.end == job.segment.first else Frontier()
    except (PlantError, ValueError):
        return Frontier()


def holes(first: int, end: int, runs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """What lies between ``first`` and ``end`` and in none of the runs."""
    found, expected = [], first
    for begin, last in [*runs, (end, end)]:
        if begin > expected:
            found.append((expected, begin - 1))
        expected = last + 1
    return tuple(found)
