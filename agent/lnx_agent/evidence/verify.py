"""Answers, offline and from the files alone: is the log of a period complete?

Complete means: every number of every stream from 0 on is there or declared lost; every segment is the one that the agent signed and
hashes to the signed root of the stream; nothing was silent for more than ten minutes without a record that says so; each stream
after the first names the one before it. Declared gaps do not make a log incomplete, they are listed; what is undeclared does.

`verify_folder` reads an agent's data folder or what `lnx agent export` made of it. It needs no key but the public ones, and trusts
only the first of those unless told which: later ones must be introduced by notes that earlier ones signed.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lnx_common.durable_log import Entry, connect, crc_of
from lnx_common.errors import PlantError

from lnx_agent.evidence.merkle import Frontier, leaf_hash
from lnx_agent.evidence.notes import Checkpoint, NoteError, Verifier, opened_by_any
from lnx_agent.evidence.report import Finding, Report
from lnx_agent.evidence.segments import Checked, Job, check_segment, holes
from lnx_agent.record import parsed
from lnx_agent.segment import Footer
from lnx_agent.stream import Sealed, footer_of, origin_of, segments_in

__all__ = ["Finding", "Report", "journal_rows", "verify_folder"]

LONGEST_SILENCE_NS = 660 * 10**9  # heartbeats are at most ten minutes apart; one minute for a busy machine
SILENT = ("stopped", "crash", "machine", "suspend")
PARALLEL_FROM = 8


def verify_folder(
    folder: Path, from_ns: int = 0, to_ns: int = 1 << 62, *, keys: Sequence[Verifier] = (), quick: bool = False, workers: int | None = None
) -> Report:
    """Checks the streams of a folder for a period.

    quick: files against their signed SHA-256, footers and roots, without hashing every record again.
    Raises PlantError 805 when there is no log in the folder.
    """
    begin = time.monotonic()
    report = Report()
    trusted = _trusted(folder, keys)
    order = _streams(folder)
    if not order:
        raise PlantError(805, where=str(folder), expected="a folder with streams/ and keys/agent.vkeys")
    told: list[dict[str, Any]] = []
    for stream in order:
        _verify_stream(folder, stream, trusted, report, told, quick=quick, workers=workers)
    _account(report, told, order)
    _silences(report, told, from_ns, to_ns)
    report.problems = [p for p in report.problems if not p.to_time or (p.to_time >= from_ns and p.from_time <= to_ns)]
    report.complete = not report.problems
    report.seconds = time.monotonic() - begin
    return report


def _streams(folder: Path) -> list[str]:
    try:
        rows = json.loads((folder / "ledger.json").read_bytes())["streams"]
        return [str(row["id"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return sorted(path.name for path in (folder / "streams").glob("*") if path.is_dir())


def _trusted(folder: Path, keys: Sequence[Verifier]) -> dict[str, Verifier]:
    """Known keys by id: those given, else the first of the folder. More are added when a trusted one introduces them."""
    path = folder / "keys" / "agent.vkeys"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    chosen = list(keys) or [Verifier.from_text(line) for line in lines[:1]]
    return {verifier.key_id().hex(): verifier for verifier in chosen}


# ── one stream ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _verify_stream(
    folder: Path, stream: str, trusted: dict[str, Verifier], report: Report, told: list[dict[str, Any]], *, quick: bool, workers: int | None
) -> None:
    place = folder / "streams" / stream
    segments = segments_in(place)
    report.streams.append(stream)
    expected, frontier = 0, Frontier()
    paths = [segment.path for segment in segments]
    jobs = [Job(segment, stream, paths[n - 1] if n else None, quick) for n, segment in enumerate(segments)]
    for segment, checked in zip(segments, _each(jobs, workers), strict=True):
        report.segments += 1
        report.bytes += checked.size
        report.records += checked.count
        if segment.first != expected:
            report.problems.append(Finding("missing-segment", stream, f"{expected} – {segment.first - 1}"))
        expected = segment.end
        if checked.footer is not None:
            told += [{"stream": stream, **row} for row in checked.footer.declared]
            _introductions(checked.footer.declared, trusted)
            told.append(_span(stream, checked.footer))
        for first, last in checked.missing:
            told.append({"stream": stream, "event": "missing", "first": first, "last": last, "problem": checked.problem})
        frontier = _check_note(segment, checked, stream, frontier, trusted, report)
    _verify_tail(place, stream, expected, frontier, trusted, report, told)


def _each(jobs: list[Job], workers: int | None) -> Iterable[Checked]:
    count = workers or os.cpu_count() or 1
    if count == 1 or len(jobs) < PARALLEL_FROM:
        return map(check_segment, jobs)
    with ThreadPoolExecutor(count) as pool:  # decompressing, scanning and hashing all let go of the interpreter
        return list(pool.map(check_segment, jobs))


def _check_note(
    segment: Sealed, checked: Checked, stream: str, frontier: Frontier, trusted: dict[str, Verifier], report: Report
) -> Frontier:
    """The signed checkpoint beside a segment; returns the tree at its end."""
    whole = checked.count == segment.end - segment.first
    try:
        note = segment.note.read_text(encoding="utf-8")
        checkpoint = Checkpoint.from_text(opened_by_any(note, trusted)[0])
    except (OSError, NoteError, ValueError) as error:
        if whole:
            report.problems.append(Finding("unsigned", stream, f"{segment.path.name}: {error}"))
        return frontier
    if checkpoint.origin != origin_of(stream) or checkpoint.size != segment.end:
        report.problems.append(Finding("unsigned", stream, f"{segment.note.name} is of another stream or size"))
        return frontier
    if not whole:  # salvaged after damage: what is missing is judged by the declarations
        return frontier
    digest = base64.b64encode(checked.digest).decode()
    if f"segment {segment.first} {segment.end} {digest}" not in checkpoint.extensions:
        report.problems.append(Finding("changed", stream, f"{segment.path.name} is not the file that was signed"))
        return frontier
    return _follow(segment, checked, checkpoint, stream, frontier, report)


def _follow(segment: Sealed, checked: Checked, checkpoint: Checkpoint, stream: str, frontier: Frontier, report: Report) -> Frontier:
    footer = checked.footer
    if footer is None:
        return frontier
    try:
        claimed = Frontier.from_text(segment.end, footer.frontier)
    except ValueError:
        claimed = Frontier()
    if claimed.root() != checkpoint.root or checked.problem:
        report.problems.append(Finding("changed", stream, f"{segment.path.name}: {checked.problem or 'another root than the signed one'}"))
        return frontier
    report.root, report.size = base64.b64encode(checkpoint.root).decode(), segment.end
    return claimed


def _introductions(declared: list[dict[str, Any]], trusted: dict[str, Verifier]) -> None:
    from lnx_agent.evidence.keys import introduced_by

    for row in declared:
        if row["event"] == "agent.key":
            try:
                note = str(row["attributes"]["note"])
                verifier = introduced_by(note, opened_by_any(note, trusted)[1])
            except (NoteError, KeyError):
                continue
            trusted[verifier.key_id().hex()] = verifier


# ── what is not sealed yet ───────────────────────────────────────────────────────────────────────────────────────────────────


def _verify_tail(
    place: Path, stream: str, first: int, frontier: Frontier, trusted: dict[str, Verifier], report: Report, told: list[dict[str, Any]]
) -> None:
    journal = place / "journal.db"
    if not journal.exists():
        return
    try:
        entries = journal_rows(journal, first)
    except sqlite3.DatabaseError as error:
        report.problems.append(Finding("journal", stream, str(error)))
        return
    if not entries:
        return
    report.records += len(entries)
    footer = footer_of(entries, entries[-1].seq + 1, frontier)
    _introductions(footer.declared, trusted)
    told += [{"stream": stream, **row} for row in footer.declared]
    told.append(_span(stream, footer))
    for a, b in holes(first, entries[-1].seq + 1, ((entry.seq, entry.seq) for entry in entries)):
        told.append({"stream": stream, "event": "missing", "first": a, "last": b, "problem": "not in the journal"})
    for entry in entries:
        record = parsed(entry.body)
        if record.event == "audit.checkpoint" and frontier.size == entry.seq and frontier.size:
            _check_inline(stream, str(record.attributes.get("note", "")), frontier, trusted, report)
        if record.event == "audit.receipt":
            report.confirmed[stream] = max(report.confirmed.get(stream, 0), int(record.attributes.get("size", 0)))
        if frontier.size == entry.seq:
            frontier.add(leaf_hash(entry.body))


def _check_inline(stream: str, note: str, frontier: Frontier, trusted: dict[str, Verifier], report: Report) -> None:
    try:
        checkpoint = Checkpoint.from_text(opened_by_any(note, trusted)[0])
    except NoteError as error:
        report.problems.append(Finding("unsigned", stream, f"checkpoint at {frontier.size}: {error}"))
        return
    if checkpoint.size == frontier.size:
        if checkpoint.root != frontier.root():
            report.problems.append(Finding("changed", stream, f"the records below {frontier.size} have another root than the signed one"))
        report.root, report.size = base64.b64encode(checkpoint.root).decode(), checkpoint.size


def journal_rows(journal: Path, first: int) -> list[Entry]:
    """Records of a journal from ``first`` on that are what was written; reads only."""
    connection = connect(journal, read_only=True)
    try:
        rows = connection.execute("SELECT seq, time_ns, body, crc FROM entry WHERE seq >= ? ORDER BY seq", (first,)).fetchall()
    finally:
        connection.close()
    return [Entry(seq, time_ns, body) for seq, time_ns, body, crc in rows if crc_of(seq, body) == crc]


# ── what was declared, and what was not ──────────────────────────────────────────────────────────────────────────────────────


def _span(stream: str, footer: Footer) -> dict[str, Any]:
    return {
        "stream": stream,
        "event": "span",
        "from": footer.from_time,
        "to": footer.to_time,
        "silence": footer.longest_silence_ns,
        "count": footer.count,
    }


def _account(report: Report, told: list[dict[str, Any]], order: list[str]) -> None:
    """Every missing number must be declared; every stream after the first must name the one before."""
    lost: dict[str, list[tuple[int, int]]] = {}
    for row in told:
        attributes = row.get("attributes", {})
        if row["event"] == "agent.loss":
            lost.setdefault(str(attributes["stream"]), []).append((int(attributes["from_seq"]), int(attributes["to_seq"])))
    for row in told:
        if row["event"] == "missing" and not _covered(row["first"], row["last"], lost.get(row["stream"], [])):
            report.problems.append(Finding("missing", row["stream"], f"{row['first']} – {row['last']}: {row['problem']}"))
    forks = {row["stream"]: str(row["attributes"]["old_stream"]) for row in told if row["event"] == "agent.fork"}
    for before, stream in itertools.pairwise(order):
        if forks.get(stream) != before:
            report.problems.append(Finding("unlinked", stream, before))
    seen: set[tuple[str, str]] = set()
    for row in told:
        if row["event"] in ("agent.gap", "agent.loss", "agent.fork", "lnx.loss", "agent.dead_letter", "agent.clock"):
            detail = ", ".join(f"{key} {value}" for key, value in row["attributes"].items() if not key.endswith("_time"))
            if (row["event"], detail) not in seen or row["event"] != "agent.loss":
                begin, end = int(row["attributes"].get("from_time", row["time"])), int(row["attributes"].get("to_time", row["time"]))
                report.declared.append(Finding(row["event"], row["stream"], detail, begin, end))
            seen.add((row["event"], detail))


def _covered(first: int, last: int, ranges: list[tuple[int, int]]) -> bool:
    for begin, end in sorted(ranges):
        if begin <= first <= end:
            first = end + 1
    return first > last


def _silences(report: Report, told: list[dict[str, Any]], from_ns: int, to_ns: int) -> None:
    """Ten minutes without a record, or a period that the log does not reach, unless a gap says so."""
    gaps = [
        (int(row["attributes"].get("from_time", 0)), int(row["attributes"].get("to_time", 0)))
        for row in told
        if row["event"] == "agent.gap" and row["attributes"].get("reason") in SILENT
    ]
    gaps += [
        (int(r["time"]) - int(float(r["attributes"].get("seconds", 0)) * 1e9), int(r["time"])) for r in told if r["event"] == "agent.clock"
    ]
    spans = sorted((row["from"], row["to"], row["silence"], row["stream"]) for row in told if row["event"] == "span" and row["count"])
    if not spans:
        report.problems.append(Finding("empty", "", ""))
        return
    report.first_time, report.last_time = spans[0][0], max(span[1] for span in spans)
    if from_ns and report.first_time - from_ns > LONGEST_SILENCE_NS:
        report.problems.append(Finding("begins-later", spans[0][3], "", from_ns, report.first_time))
    end = min(to_ns, time.time_ns())
    if end - report.last_time > LONGEST_SILENCE_NS:
        report.problems.append(Finding("ends-earlier", spans[-1][3], "", report.last_time, end))
    last = spans[0][0]
    for begin, finish, silence, stream in spans:
        if begin - last > LONGEST_SILENCE_NS and not _explained(last, begin, gaps):
            report.problems.append(Finding("silence", stream, "", last, begin))
        if silence > LONGEST_SILENCE_NS and not any(a >= begin - silence and b <= finish + 1 and b - a >= silence * 0.9 for a, b in gaps):
            report.problems.append(Finding("silence", stream, "", begin, finish))
        last = max(last, finish)


def _explained(begin: int, end: int, gaps: list[tuple[int, int]]) -> bool:
    slack = LONGEST_SILENCE_NS
    return any(a <= begin + slack and b >= end - slack for a, b in gaps)
