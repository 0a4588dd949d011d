"""One stream of records: a journal for what is new, sealed segments for what is old, and the hash tree over both.

Files in the stream's folder: `journal.db` (records that are not sealed yet, and cursors), `hiwater` (a number that the journal must
have reached), `segments/YYYY-MM/<first>-<end>.seg` with `<first>-<end>.note` beside each: the signed checkpoint at its end, which
names the file's SHA-256.

Invariants: numbers are 0, 1, 2 …; a record is in the journal until the segment that holds it has its final name; a segment is made
of journal rows only. So a crash anywhere leaves each record in at least one place, and sealing twice writes the same bytes' records.
A seal that the disk refused half-way is repeated with the same records: nobody knows whether the journal's refused transaction, which
deletes them there, comes back to life after a power cut, so the segment's file stays until it does for certain.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lnx_common.durable_log import DurableLog, Entry
from lnx_common.errors import PlantError
from lnx_common.events import EVENTS
from lnx_common.files import write_durably

from lnx_agent.evidence.merkle import Frontier, leaf_hash
from lnx_agent.evidence.notes import Checkpoint, Signer
from lnx_agent.record import Draft, event_and_source, parsed
from lnx_agent.segment import Footer, Header, SegmentReader, write_segment
from lnx_agent.sources import Sources

STREAM_DOUBT = 802
SEALED, FRONTIER = "sealed", "frontier"
READ_STEP = 2000
DECLARED = frozenset(name for name, event in EVENTS.items() if event.loss) | {"agent.start", "agent.clock", "agent.key"}


@dataclass(frozen=True, order=True)
class Sealed:
    """A segment by its numbers [first, end)."""

    first: int
    end: int
    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_suffix(".note")


def segments_in(folder: Path) -> list[Sealed]:
    """The segments of a stream in order, by their names alone."""
    found = []
    for path in (folder / "segments").glob("*/*.seg"):
        first, _, end = path.stem.partition("-")
        if first.isdigit() and end.isdigit():
            found.append(Sealed(int(first), int(end), path))
    return sorted(found)


def segment_path(folder: Path, first: int, end: int, time_ns: int) -> Path:
    month = time.strftime("%Y-%m", time.gmtime(max(time_ns, 0) / 1e9))
    return folder / "segments" / month / f"{first:012d}-{end:012d}.seg"


def footer_of(entries: Sequence[Entry], end: int, after: Frontier, leaves: Sequence[bytes] | None = None) -> Footer:
    """What a reader will want to know about these records without reading them. ``leaves``: their hashes, where they are known."""
    own = Frontier()
    own.extend(leaves if leaves is not None else (leaf_hash(entry.body) for entry in entries))
    declared, silence, last = [], 0, entries[0].time_ns if entries else 0
    sources = Sources()
    for entry in entries:
        event, source = event_and_source(entry.body)
        sources.add(source)
        if event in DECLARED:
            declared.append({"seq": entry.seq, "time": entry.time_ns, "event": event, "attributes": parsed(entry.body).attributes})
        silence, last = max(silence, entry.time_ns - last), entry.time_ns
    return Footer(
        count=len(entries),
        end=end,
        root=base64.b64encode(own.root()).decode(),
        frontier=after.to_text(),
        from_time=entries[0].time_ns if entries else 0,
        to_time=last,
        longest_silence_ns=silence,
        declared=declared,
        sources=sources.ranges,
    )


class Archive:
    """The sealed part of a stream, in order. A segment that was salvaged after damage has holes."""

    def __init__(self, segments: list[Sealed]) -> None:
        self.segments = segments
        self._cache: tuple[Path | None, list[Entry]] = (None, [])
        self._lock = threading.Lock()

    def read(self, first: int, limit: int, max_bytes: int = 1 << 62) -> list[Entry]:
        """Records from ``first`` on, of one segment at a time. Raises PlantError 801, `where` names the damaged file."""
        with self._lock:
            index = max(0, bisect_right(self.segments, first, key=lambda segment: segment.first) - 1)
            while index < len(self.segments):
                path = self.segments[index].path
                if self._cache[0] != path:
                    self._cache = (path, list(SegmentReader(path).entries()))
                entries = self._cache[1]
                begin = bisect_left(entries, first, key=lambda entry: entry.seq)
                if begin < len(entries):
                    return _cut(entries, begin, limit, max_bytes)
                index += 1
            return []

    def forget(self) -> None:
        """Drops what was read, after a file changed."""
        with self._lock:
            self._cache = (None, [])


class Stream:
    """A live stream. Any thread may append and read; one at a time seals."""

    def __init__(self, folder: Path, stream: str, signer: Signer, *, create: bool) -> None:
        """Opens or makes it. Raises PlantError 620, 801 or 802 when its storage cannot be trusted; see ledger.py."""
        self.folder, self.id, self.signer = folder, stream, signer
        self._hiwater = folder / "hiwater"
        if create:
            self._write_hiwater(0)
        elif not (folder / "journal.db").exists() or not self._hiwater.exists():
            raise PlantError(STREAM_DOUBT, where=str(folder), found="the journal or its high-water mark is missing")
        self.journal = DurableLog(folder / "journal.db")
        try:
            self._open()
        except BaseException:
            self.journal.close()
            raise

    def _open(self) -> None:
        self.sealed = int(self.journal.cursor(SEALED) or 0)
        self.archive = Archive([segment for segment in segments_in(self.folder) if segment.end <= self.sealed])
        expected = self.archive.segments[-1].end if self.archive.segments else 0
        if expected != self.sealed or self.journal.next_seq < self.hiwater():
            found = f"journal at {self.journal.next_seq}, sealed {self.sealed}, segments to {expected}, high-water mark {self.hiwater()}"
            raise PlantError(STREAM_DOUBT, where=str(self.folder), found=found)
        beyond = [segment for segment in segments_in(self.folder) if segment.end > self.sealed]
        if len(beyond) > 1 or any(one.first != self.sealed or one.end > self.journal.next_seq for one in beyond):
            found = f"{beyond[-1].path.name} holds records that the journal does not know"
            raise PlantError(STREAM_DOUBT, where=str(self.folder), found=found)
        for segment in beyond:  # renamed, but the journal did not hear of it and still has every record: made again
            segment.path.unlink()
        self._unfinished = 0  # end of a seal that the disk refused half-way
        self._base = Frontier.from_text(self.sealed, self.journal.cursor(FRONTIER) or "")
        self._live = self._base.copy()
        self._tree = threading.Lock()
        self._advance()
        if self._live.size != self.journal.next_seq:
            raise PlantError(620, where=str(self.folder), found=f"records {self._live.size} to {self.journal.next_seq - 1} are missing")

    # ── the high-water mark ──────────────────────────────────────────────────────────────────────────────────────────────────

    def hiwater(self) -> int:
        """The number that the journal had reached for certain; 0 when the file is unreadable."""
        return read_hiwater(self._hiwater)

    def _write_hiwater(self, number: int) -> None:
        write_durably(self._hiwater, json.dumps({"next": number}).encode())

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def next_seq(self) -> int:
        """The number that the next record will get."""
        return self.journal.next_seq

    def append(self, drafts: Sequence[Draft], cursors: Mapping[str, str] | None = None) -> range:
        """Accepts records with the cursors of their sources: durable when this returns. PlantError 621 when the disk refuses."""
        stream = self.id
        return self.journal.append([partial(one.numbered, stream) for one in drafts], cursors)

    def read(self, first: int, limit: int, max_bytes: int = 1 << 62) -> list[Entry]:
        """Records from ``first`` on, wherever they are. Raises PlantError 620 or 801 when they are damaged."""
        while True:
            if first < self.sealed:
                entries = self.archive.read(first, limit, max_bytes)
                if entries:
                    return entries
            entries = self.journal.read(max(first, self.sealed), limit, max_bytes)
            if not entries or entries[0].seq <= first or self.archive_holds_nothing(first):
                return entries  # else the rows were sealed and left the journal between the two looks

    def archive_holds_nothing(self, first: int) -> bool:
        """Whether no sealed segment has a record from ``first`` on: what is missing there was declared lost."""
        return not self.archive.read(first, 1)

    # ── the tree ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _advance(self) -> None:
        """Takes accepted records into the live tree."""
        while entries := self.journal.read(self._live.size, READ_STEP):
            for entry in entries:
                if entry.seq != self._live.size:
                    raise PlantError(620, where=str(self.folder), found=f"record {self._live.size} is missing")
                self._live.add(leaf_hash(entry.body))

    def checkpoint(self) -> tuple[int, str]:
        """Size and signed note over everything accepted so far."""
        with self._tree:
            self._advance()
            size, root = self._live.size, self._live.root()
        self._write_hiwater(size)
        return size, self.signer.sign(Checkpoint(origin_of(self.id), size, root).to_text())

    # ── sealing ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def unsealed(self) -> int:
        """How many records wait for the next segment."""
        return self.journal.next_seq - self.sealed

    def seal(self, max_bytes: int) -> Sealed | None:
        """Makes a segment of the oldest records in the journal, up to ``max_bytes`` of them. None when there are none.

        Raises OSError or PlantError 621 when the disk refuses: then nothing has changed but that the next seal takes the same records.
        """
        entries = self._oldest(max_bytes)
        if not entries:
            return None
        with self._tree:
            self._advance()  # the tree must have seen the rows that leave the journal below
        first, end = self.sealed, entries[-1].seq + 1
        self._unfinished = end
        after = self._base.copy()
        leaves = [leaf_hash(entry.body) for entry in entries]
        after.extend(leaves)
        footer = footer_of(entries, end, after, leaves)
        path = segment_path(self.folder, first, end, entries[-1].time_ns)
        digest = write_segment(path, Header(self.id, first, time.time_ns()), entries, footer)
        segment = Sealed(first, end, path)
        named = f"segment {first} {end} {base64.b64encode(digest).decode()}"
        note = self.signer.sign(Checkpoint(origin_of(self.id), end, after.root(), (named,)).to_text())
        write_durably(segment.note, note.encode())
        self._write_hiwater(end)
        self.archive.segments.append(segment)  # readers find the records there before they leave the journal
        self.sealed = end
        try:
            self.journal.trim(end, {SEALED: str(end), FRONTIER: after.to_text()})
        except BaseException:
            self.sealed = first
            self.archive.segments.remove(segment)
            raise
        self._base = after
        return segment

    def _oldest(self, max_bytes: int) -> list[Entry]:
        again = self._unfinished - self.sealed
        entries: list[Entry] = []
        size = 0
        while again > 0 and len(entries) < again:
            step = self.journal.read(self.sealed + len(entries), min(READ_STEP, again - len(entries)))
            if not step:
                break
            entries += step
        if again > 0:
            return entries
        while size < max_bytes and (step := self.journal.read(self.sealed + len(entries), READ_STEP, max_bytes - size)):
            entries += step
            size += sum(len(entry.body) for entry in step)
        return entries

    def close(self) -> None:
        """Ends the journal; what was accepted is on the disk already."""
        self.journal.close()


def origin_of(stream: str) -> str:
    """The origin line of a stream's checkpoints."""
    return f"lnx-edge/{stream}"


def read_hiwater(path: Path) -> int:
    try:
        return int(json.loads(path.read_bytes())["next"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _cut(entries: list[Entry], begin: int, limit: int, max_bytes: int) -> list[Entry]:
    size = 0
    for index in range(begin, min(len(entries), begin + limit)):
        size += len(entries[index].body)
        if index > begin and size > max_bytes:
            return entries[begin:index]
    return entries[begin : begin + limit]
