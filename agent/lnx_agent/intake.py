"""Reads the event files of all programs into the live stream: each event once, in order per program, whatever dies in between.

A file is known by its name. How far it was read is a cursor `file.<name>` = {"offset", "seq"}, stored in the same transaction as the
records, so reading goes on exactly after the last accepted line. Lines without a newline wait; they are a torn tail once the program
has begun another file or nothing came for an hour. What cannot be read is kept in `quarantine/lines`, counted, and declared in the
stream as `agent.gap`; a hole in a program's numbers likewise.

Invariants: an event file is never changed; a cursor never moves over bytes that are neither accepted nor declared.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from lnx_common.clocks import Clock
from lnx_common.events import EVENTS
from lnx_common.files import write_durably

from lnx_agent.ledger import RECOVER, RECOVERED, Ledger
from lnx_agent.record import Draft, draft
from lnx_agent.sources import Sources

CURSOR = "file."
CHUNK_BYTES = 1 << 18
BUDGET_S = 0.5  # the loop has heartbeats and a stop signal to look after too
MAX_LINE = 1 << 20
TORN_AFTER_S = 3600.0
QUIET_AFTER_S = 600.0
_PART = re.compile(r"^(?P<process>.*?)(\.(?P<part>\d+))?$")


@dataclass
class _Position:
    """How far a file was read."""

    offset: int = 0
    seq: int = 0
    grew: float = 0.0  # monotonic seconds

    def to_text(self) -> str:
        return json.dumps({"offset": self.offset, "seq": self.seq}, separators=(",", ":"))


class Intake:
    """One reader for all folders. `poll` takes over what is new."""

    def __init__(self, folders: Sequence[Path], ledger: Ledger, quarantine: Path, clock: Clock) -> None:
        self._folders, self._ledger, self._quarantine, self._clock = folders, ledger, quarantine, clock
        self._stream = ledger.live
        self._positions = {
            name.removeprefix(CURSOR): _Position(**json.loads(text)) for name, text in self._stream.journal.cursors(CURSOR).items() if text
        }
        self._known: Sources | None = None  # while event files are read again
        self._recovering = ""
        self.unknown_events = 0
        self.more = False

    def programs(self) -> int:
        """Programs whose files grew during the last ten minutes."""
        now = time.monotonic()
        return sum(1 for position in self._positions.values() if position.grew and now - position.grew < QUIET_AFTER_S)

    def poll(self, budget_s: float = BUDGET_S) -> int:
        """Reads what is new, for about ``budget_s``; returns the number of records accepted. `more` tells whether something is left.

        Raises PlantError 621 when the disk refuses.
        """
        if self._known is None:
            losses = self._stream.journal.cursor(RECOVER) or ""
            if losses != (self._stream.journal.cursor(RECOVERED) or ""):
                self._recovering = losses
                self._begin_recovery()
        accepted, deadline = 0, time.monotonic() + budget_s
        self.more = False
        for path in self.files():
            while not self.more and (taken := self._read(path)):
                accepted += taken
                self.more = time.monotonic() > deadline
        if self._known is not None and not self.more:
            self._known = None
            self._stream.journal.set_cursors({RECOVERED: self._recovering})
        return accepted

    def _begin_recovery(self) -> None:
        """Records were lost: every file is read again from its beginning, stepping over the lines that some stream still has."""
        since = min((_begun(path) for path in self.files()), default=0)
        self._known = self._ledger.known_sources(since)
        self._positions = {}

    def files(self) -> list[Path]:
        """Event files, oldest part first."""
        found = [path for folder in self._folders if folder.is_dir() for path in folder.glob("*.jsonl")]
        return sorted(found, key=lambda path: process_and_part(path))

    def read_completely(self, path: Path) -> bool:
        """Whether everything in a file has been accepted or declared."""
        position = self._positions.get(path.name)
        return position is not None and position.offset >= path.stat().st_size

    def finished(self, path: Path) -> bool:
        """Whether its program will not write there any more: it went on to another part, or its process is gone."""
        process, part = process_and_part(path)
        if any(process_and_part(other) == (process, part + 1) for other in self.files()):
            return True
        number = process.rpartition("-")[2]
        return number.isdigit() and not psutil.pid_exists(int(number))

    def forget(self, path: Path) -> None:
        """Drops the cursor of a file that was deleted."""
        if self._positions.pop(path.name, None) is not None:
            self._stream.journal.set_cursors({CURSOR + path.name: ""})

    # ── one file ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, path: Path) -> int:
        old = self._positions.get(path.name) or self._first_position(path)
        try:
            size = path.stat().st_size
            if size == old.offset:
                self._positions.setdefault(path.name, old)
                return 0
            if size < old.offset:
                return self._shrunk(path, old, size)
            with path.open("rb") as file:
                file.seek(old.offset)
                data = file.read(CHUNK_BYTES + MAX_LINE)
        except OSError:
            return 0  # a scanner holds it, or it was just deleted; the next poll sees
        new = _Position(old.offset, old.seq, time.monotonic())
        drafts = self._lines(path, data, new)
        if new.offset == old.offset:
            drafts = self._torn(path, data, new, old)
            if not drafts:
                return 0
        self._stream.append(drafts, {CURSOR + path.name: new.to_text()})
        self._positions[path.name] = new
        return max(1, len(drafts))

    def _first_position(self, path: Path) -> _Position:
        """A further part of a process goes on with its numbers."""
        process, part = process_and_part(path)
        before = [p for name, p in self._positions.items() if process_and_part(Path(name))[0] == process]
        return _Position(0, max((p.seq for p in before), default=0) if part else 0)

    def _lines(self, path: Path, data: bytes, position: _Position) -> list[Draft]:
        """Drafts of the complete lines in ``data``; moves ``position`` behind them."""
        drafts: list[Draft] = []
        process, _ = process_and_part(path)
        now = self._clock.wall_ns()
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0 and begin < CHUNK_BYTES:
            line = data[begin:end]
            position.offset += end + 1 - begin
            begin = end + 1
            if line.strip():
                self._line(path, process, line, position, now, drafts)
        if begin == 0 and len(data) >= MAX_LINE:
            position.offset += MAX_LINE
            drafts.append(self._unreadable(path, data[:MAX_LINE], now))
        return drafts

    def _line(self, path: Path, process: str, line: bytes, position: _Position, now: int, drafts: list[Draft]) -> None:
        """Appends what a line says to ``drafts``. ``process``: of ``path``."""
        event = event_of(line)
        if event is None:
            drafts.append(self._unreadable(path, line, now))
            return
        seq = event["seq"]
        before = position.seq
        position.seq = max(seq, before)
        if self._known is not None and self._known.holds(process, seq):
            return
        if before and seq > before + 1:
            hole = {"reason": "sequence", "source": path.stem, "from_seq": before + 1, "to_seq": seq - 1}
            drafts.append(draft("agent.gap", hole, now, now))
        if event["event"] not in EVENTS:
            self.unknown_events += 1
        drafts.append(draft(event["event"], event["attributes"], event["time_unix_nano"], now, f"{process}:{seq}"))

    def _torn(self, path: Path, data: bytes, position: _Position, old: _Position) -> list[Draft]:
        """A last line without its end: declared once nobody will complete it."""
        process, part = process_and_part(path)
        followed = any(process_and_part(other) == (process, part + 1) for other in self.files())
        if not followed and time.time() - path.stat().st_mtime < TORN_AFTER_S:
            return []
        position.offset = old.offset + len(data)
        return [self._unreadable(path, data, self._clock.wall_ns())]

    def _shrunk(self, path: Path, old: _Position, size: int) -> int:
        """Somebody cut the file: what is there now was read before, as far as can be known."""
        now = self._clock.wall_ns()
        gap = {"reason": "shrunk", "source": path.stem, "bytes": old.offset - size}
        new = _Position(size, old.seq, old.grew)
        self._stream.append([draft("agent.gap", gap, now, now)], {CURSOR + path.name: new.to_text()})
        self._positions[path.name] = new
        return 1

    def _unreadable(self, path: Path, data: bytes, now: int) -> Draft:
        digest = hashlib.sha256(data).hexdigest()
        write_durably(self._quarantine / "lines" / f"{path.stem}-{digest[:16]}", data)
        gap = {"reason": "unreadable", "source": path.stem, "bytes": len(data), "sha256": digest}
        return draft("agent.gap", gap, now, now)


def process_and_part(path: Path) -> tuple[str, int]:
    """``program-start-pid`` and the number of the part, 0 for the first."""
    match = _PART.match(path.name.removesuffix(".jsonl"))
    return (match["process"], int(match["part"] or 0)) if match else (path.stem, 0)


def _begun(path: Path) -> int:
    """When a program began its file, by the name, ns since 1970; 0 when the name does not tell."""
    match = re.search(r"-(\d{8}T\d{6}Z)-", path.name)
    if match is None:
        return 0
    try:
        return int(datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 10**9
    except ValueError:
        return 0


def event_of(line: bytes) -> dict[str, Any] | None:
    """The event of a line, or None when it is not one."""
    try:
        event = _decoded(line)
    except (ValueError, RecursionError):
        return None
    if type(event) is not dict:
        return None
    seq, name = event.get("seq"), event.get("event")
    if type(seq) is not int or type(event.get("time_unix_nano")) is not int:  # JSON gives no subclasses, and a boolean is no number
        return None
    if type(name) is not str or type(event.get("attributes")) is not dict:
        return None
    return event if 0 < seq < 2**63 and 0 < len(name) <= 100 else None


def _decoded(line: bytes) -> Any:
    """The value of a line, as `json.loads` reads bytes, which first guesses among encodings."""
    try:
        return json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError:
        return json.loads(line)
