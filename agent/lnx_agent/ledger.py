"""All streams of an agent: at most one is live, the others are closed and consist of segments alone.

`ledger.json` lists them in order. A stream is closed for one reason only: its storage cannot be trusted any more (damaged, missing,
rolled back to an older copy, or the receiver knows other records under the same numbers). Then a new stream begins whose first
records say which one it follows, what was salvaged and what is lost: damage never stops the agent and never goes unreported.

Order of a fork: salvage from the damaged journal into a segment; `ledger.json` gets both streams; the new stream gets its fork
records; the damaged journal moves to `quarantine/`. Each step may be repeated after a crash.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lnx_common.damage import quarantine, salvage
from lnx_common.durable_log import Entry
from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_agent.evidence.merkle import Frontier
from lnx_agent.evidence.notes import Signer
from lnx_agent.record import Draft, draft, event_and_source, redraft
from lnx_agent.segment import Header, SegmentReader, looks_whole, write_segment
from lnx_agent.sources import Sources
from lnx_agent.stream import Archive, Sealed, Stream, footer_of, read_hiwater, segment_path, segments_in

# Cursors. `recover` changes with every loss; `recovered` is the value of `recover` for which event files have been read again,
# looking for the lines that are nowhere else. They differ while that is still to be done, also when a loss comes to light meanwhile.
RECOVER, RECOVERED = "recover", "recovered"
DAMAGE = (620, 801, 802)
FORMAT = 1  # of everything in the data folder; a program that does not know it must not call it damaged
FORMAT_UNKNOWN = 809
RENUMBER_STEP = 1000


@dataclass
class StreamEntry:
    """One line of the ledger. ``size``: records that were certainly accepted; ``lost``: ranges [from, to] that are unreadable."""

    id: str
    created: int
    closed: bool = False
    size: int = 0
    reason: str = ""
    salvaged: int = 0
    lost: list[list[int]] = field(default_factory=list)


class Ledger:
    """Opens the live stream, or a new one when the old one cannot be trusted."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder, self.signer = folder, signer
        self._archives: dict[str, Archive] = {}
        self._accounting = threading.Lock()
        self._rebuilt = False
        self.streams = self._load()
        if not self.streams:
            self._begin_stream()
        try:
            self.live = self._open_live()
        except PlantError as error:
            if error.status not in DAMAGE:
                raise
            self.fork(_reason(error))
        if self._rebuilt:
            self._save()
            self.live.append(self._losses(), {RECOVER: secrets.token_hex(8)})

    def stream_folder(self, stream: str) -> Path:
        return self.folder / "streams" / stream

    @property
    def entry(self) -> StreamEntry:
        """The ledger's line of the live stream."""
        return self.streams[-1]

    def fork(self, reason: str) -> None:
        """Closes the live stream for good and begins another. `live` is the new one afterwards."""
        old = self.entry
        if hasattr(self, "live"):
            self.live.close()
        self._close_stream(old, reason)
        self._begin_stream()
        self.live = self._open_live()
        journal = self.stream_folder(old.id) / "journal.db"
        if journal.exists():
            quarantine(journal, self.folder / "quarantine")

    def renumber(self, stream: str, first: int) -> None:
        """Ends a stream at ``first`` and appends what came after to the live stream, because a receiver knows other records there."""
        if stream == self.live.id:
            self.fork("refused")
        entry = next(entry for entry in self.streams if entry.id == stream)
        at = first
        while at < entry.size and (rows := self.read(stream, at, RENUMBER_STEP)):
            self.live.append([redraft(row.body) for row in rows])
            at = rows[-1].seq + 1
        entry.size = min(entry.size, first)
        self._save()

    # ── reading, whatever stream it is ───────────────────────────────────────────────────────────────────────────────────────

    def read(self, stream: str, first: int, limit: int, max_bytes: int = 1 << 62) -> list[Entry]:
        """Records of any stream from ``first`` on. A damaged segment is put aside, accounted for, and what proves itself is given."""
        while True:
            live = self.live
            try:
                return live.read(first, limit, max_bytes) if stream == live.id else self.archive(stream).read(first, limit, max_bytes)
            except PlantError as error:
                if error.status != 801:
                    raise
                self.account_for(stream, Path(error.where))  # one damaged file less

    def end_of(self, stream: str) -> int:
        """One past the last number of a stream."""
        if stream == self.live.id:
            return self.live.next_seq
        return next(entry.size for entry in self.streams if entry.id == stream)

    def archive(self, stream: str) -> Archive:
        """The sealed part of any stream."""
        if stream == self.live.id:
            return self.live.archive
        if stream not in self._archives:
            self._archives[stream] = Archive(segments_in(self.stream_folder(stream)))
        return self._archives[stream]

    def account_for(self, stream: str, path: Path) -> None:
        """Puts a damaged segment aside, keeps the records that prove themselves, and declares the others lost."""
        with self._accounting:
            segment = next((s for s in self.archive(stream).segments if s.path == path), None)
            if segment is None or not path.exists() or looks_whole(path):
                return
            rows = _provable(path)
            saved = path.with_suffix(".damaged")
            write_durably(saved, path.read_bytes())
            quarantine(saved, self.folder / "quarantine")
            now = time.time_ns()
            drafts = []
            holes = _holes(segment.first, segment.end, [row.seq for row in rows])
            entry = next(entry for entry in self.streams if entry.id == stream)
            entry.lost += [hole for hole in holes if hole not in entry.lost]
            self._save()
            for first, last in holes:
                drafts.append(draft("agent.loss", {"stream": stream, "from_seq": first, "to_seq": last, "reason": "segment"}, now, now))
            if drafts:
                self.live.append(
                    drafts, {RECOVER: secrets.token_hex(8)}
                )  # declared before the file is replaced: a crash between declares twice, never not at all
            footer = footer_of(rows, segment.end, Frontier())
            write_segment(path, Header(stream, segment.first, now), rows, footer)
            self.archive(stream).forget()

    # ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> list[StreamEntry]:
        path = self.folder / "ledger.json"
        try:
            value = json.loads(path.read_bytes())
            if value.get("format", FORMAT) > FORMAT:
                raise PlantError(FORMAT_UNKNOWN, where=str(path), found=f"format {value['format']}", expected=f"format {FORMAT} or older")
            return [StreamEntry(**row) for row in value["streams"]]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError):
            quarantine(path, self.folder / "quarantine")
        return self._from_folders()

    def _from_folders(self) -> list[StreamEntry]:
        """What the list said, as far as the folders tell: the stream with the youngest journal is the live one."""
        folders = [f for f in (self.folder / "streams").glob("*") if f.is_dir()]
        folders.sort(key=lambda f: ((f / "journal.db").exists(), max((p.stat().st_mtime_ns for p in f.glob("*")), default=0)))
        self._rebuilt = bool(folders)
        entries = [StreamEntry(f.name, 0, closed=index < len(folders) - 1) for index, f in enumerate(folders)]
        for entry in entries[:-1]:
            self._close_stream(entry, "missing")
            journal = self.stream_folder(entry.id) / "journal.db"
            if journal.exists():
                quarantine(journal, self.folder / "quarantine")
            present = _numbers_in(segments_in(self.stream_folder(entry.id)))
            entry.lost = _holes(0, entry.size, present)
        return entries

    def _save(self) -> None:
        rows = [vars(entry) for entry in self.streams]
        write_durably(self.folder / "ledger.json", json.dumps({"format": FORMAT, "streams": rows}, indent=1).encode())

    def _begin_stream(self) -> None:
        self.streams.append(StreamEntry(secrets.token_hex(8), time.time_ns()))
        self._save()

    def _open_live(self) -> Stream:
        entry, folder = self.entry, self.stream_folder(self.entry.id)
        fresh = not folder.exists() or (
            not (folder / "journal.db").exists() and read_hiwater(folder / "hiwater") == 0 and not segments_in(folder)
        )
        stream = Stream(folder, entry.id, self.signer, create=fresh)
        if stream.next_seq == 0 and len(self.streams) > 1:
            self._tell_of_fork(stream)
        return stream

    # ── closing what cannot be trusted ───────────────────────────────────────────────────────────────────────────────────────

    def _close_stream(self, entry: StreamEntry, reason: str) -> None:
        folder = self.stream_folder(entry.id)
        segments = segments_in(folder)
        journal = folder / "journal.db"
        rows = list(salvage(journal)) if journal.exists() else []
        sealed = segments[-1].end if segments else 0
        end = max(sealed, read_hiwater(folder / "hiwater"), rows[-1].seq + 1 if rows else 0)
        lost, salvaged = _holes_of_salvage(segments), 0
        for first, last in _uncovered(segments, end):
            kept = [row for row in rows if first <= row.seq <= last]
            if kept:
                _write_salvage(folder, entry.id, first, last + 1, kept)
            lost += _holes(first, last + 1, [row.seq for row in kept])
            salvaged += len(kept)
        entry.closed, entry.reason, entry.salvaged, entry.size = True, reason, salvaged, end
        entry.lost += [hole for hole in lost if hole not in entry.lost]

    def _tell_of_fork(self, stream: Stream) -> None:
        old, now = self.streams[-2], time.time_ns()
        told = {"old_stream": old.id, "old_size": old.size, "reason": old.reason or "missing", "salvaged": old.salvaged}
        stream.append([draft("agent.fork", told, now, now), *self._losses()], {RECOVER: secrets.token_hex(8)})

    def _losses(self) -> list[Draft]:
        """Declarations of everything that closed streams lost: earlier ones may have stood in records that are lost now."""
        drafts, now = [], time.time_ns()
        for entry in self.streams[:-1]:
            for first, last in entry.lost:
                reason = "journal" if entry is self.streams[-2] else "segment"
                loss = {"stream": entry.id, "from_seq": first, "to_seq": last, "reason": reason}
                drafts.append(draft("agent.loss", loss, now, now))
        return drafts

    # ── what the streams hold ────────────────────────────────────────────────────────────────────────────────────────────────

    def known_sources(self, since_ns: int) -> Sources:
        """Lines of event files that are in any stream, as far as records accepted after ``since_ns`` tell."""
        known = Sources()
        for entry in self.streams:
            for segment in reversed(segments_in(self.stream_folder(entry.id))):
                try:
                    footer = SegmentReader(segment.path).footer
                except PlantError:
                    self.account_for(entry.id, segment.path)
                    continue
                if footer.count and footer.to_time < since_ns:
                    break
                known.merge(footer.sources)
        first = self.live.sealed
        while entries := self.live.journal.read(first, 2000):
            for row in entries:
                known.add(event_and_source(row.body)[1])
            first = entries[-1].seq + 1
        return known


def _write_salvage(folder: Path, stream: str, first: int, end: int, rows: list[Entry]) -> None:
    """A segment that may have holes; it has no note, because nobody signed it before the damage."""
    footer = footer_of(rows, end, Frontier())
    write_segment(segment_path(folder, first, end, rows[-1].time_ns), Header(stream, first, time.time_ns()), rows, footer)


def _uncovered(segments: list[Sealed], end: int) -> list[tuple[int, int]]:
    """Ranges [first, last] below ``end`` for which there is no segment."""
    ranges, expected = [], 0
    for first, after in [*((segment.first, segment.end) for segment in segments), (end, end)]:
        if first > expected:
            ranges.append((expected, first - 1))
        expected = max(expected, after)
    return ranges


def _holes_of_salvage(segments: list[Sealed]) -> list[list[int]]:
    """Holes of segments that were salvaged before a crash: they have no note, and nobody may have declared them yet."""
    holes = []
    for segment in segments:
        if not segment.note.exists() and looks_whole(segment.path):
            holes += _holes(segment.first, segment.end, [entry.seq for entry in SegmentReader(segment.path).entries()])
    return holes


def _provable(path: Path) -> list[Entry]:
    """Records of a damaged segment that are what was written; none when not even its structure can be read."""
    try:
        return list(SegmentReader(path).salvage())
    except PlantError:
        return []


def _numbers_in(segments: list[Sealed]) -> list[int]:
    """Numbers that segments hold. A damaged one counts as whole: reading it will account for it."""
    numbers: list[int] = []
    for segment in segments:
        try:
            numbers += [entry.seq for entry in SegmentReader(segment.path).entries()]
        except PlantError:
            numbers += range(segment.first, segment.end)
    return numbers


def _holes(first: int, end: int, present: list[int]) -> list[list[int]]:
    holes, expected = [], first
    for seq in [*present, end]:
        if seq > expected:
            holes.append([expected, seq - 1])
        expected = seq + 1
    return holes


def _reason(error: PlantError) -> str:
    if error.status == 802:
        return "missing" if "missing" in error.found else "rolled-back"
    return "damaged"


def describe(streams: list[StreamEntry]) -> list[dict[str, Any]]:
    """The ledger's lines for people and scripts."""
    return [vars(entry) for entry in streams]
