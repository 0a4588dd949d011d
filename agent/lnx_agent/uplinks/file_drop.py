"""Signed daily files in a folder, for whoever fetches them: a share, a USB stick, a mail.

Per day and stream `<day>-<stream>-<first>-<end>` with three endings: `.jsonl.gz` (one record per line), `.csv` (for Excel, UTF-8 with
BOM) and `.note` (a signed note that names the SHA-256 of both). A day is written once, when it is over; a day with more records than
one file takes gets several. Days are those of the site's calendar.

Invariant: the position moves after all three files have their final names; after a crash the same files are written again.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from lnx_common.durable_log import Entry
from lnx_common.files import write_durably
from lnx_common.service import StopSignal

from lnx_agent.delivery.position import Positions
from lnx_agent.evidence.notes import Signer
from lnx_agent.record import parsed
from lnx_agent.uplinks.base import Lent, UplinkStatus, change_state

LOOK_S = 5.0
MOST_RECORDS = 100_000
STEP = 2000


class FileDrop:
    """Writes finished days."""

    def __init__(self, name: str, folder: Path, zone: str, signer: Signer, lent: Lent, today: Callable[[], date] | None = None) -> None:
        self._folder, self._zone, self._signer, self._lent = folder, ZoneInfo(zone), signer, lent
        self._today = today or (lambda: datetime.now(self._zone).date())
        self._positions = Positions(lent.folder / "position")
        self.status = UplinkStatus(name, "file_drop", delivered=dict(self._positions.next))

    def run(self, stop: StopSignal) -> None:
        while not stop.is_set():
            try:
                while self._write_next() and not stop.is_set():
                    pass
                change_state(self.status, self._lent.tell, "up")
            except OSError as error:
                change_state(self.status, self._lent.tell, "retrying", "folder", error.strerror or str(error))
            stop.wait(LOOK_S)

    def _write_next(self) -> bool:
        """Writes the oldest finished day that is not written yet; False when there is none."""
        for stream in [entry.id for entry in self._lent.ledger.streams]:
            first = self._positions.next.get(stream, 0)
            entries, day = self._day_from(stream, first)
            if entries and day is not None and day < self._today():
                self._write(stream, day, entries)
                self._positions.next[stream] = entries[-1].seq + 1
                self._positions.save()
                self.status.delivered = dict(self._positions.next)
                self.status.records += len(entries)
                return True
        return False

    def _day_from(self, stream: str, first: int) -> tuple[list[Entry], date | None]:
        """Records from ``first`` on that were accepted on the same day."""
        entries: list[Entry] = []
        day: date | None = None
        while len(entries) < MOST_RECORDS and (rows := self._lent.ledger.read(stream, first, STEP)):
            for row in rows:
                accepted = datetime.fromtimestamp(row.time_ns / 1e9, self._zone).date()
                if day is not None and accepted != day:
                    return entries, day
                day = accepted
                entries.append(row)
            first = rows[-1].seq + 1
        return entries, day

    def _write(self, stream: str, day: date, entries: list[Entry]) -> None:
        name = f"{day.isoformat()}-{stream}-{entries[0].seq:012d}-{entries[-1].seq + 1:012d}"
        lines, table = _lines(entries), _table(entries)
        named = "".join(f"{name}{ending} {_digest(data)}\n" for ending, data in ((".jsonl.gz", lines), (".csv", table)))
        note = self._signer.sign(f"lnx-edge/file-drop\n{named}")
        for ending, data in ((".jsonl.gz", lines), (".csv", table), (".note", note.encode())):
            write_durably(self._folder / f"{name}{ending}", data)


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _lines(entries: list[Entry]) -> bytes:
    return gzip.compress("".join(line_of(entry) + "\n" for entry in entries).encode(), mtime=0)


def line_of(entry: Entry) -> str:
    """A record as a line of the `.jsonl.gz`."""
    record = parsed(entry.body)
    row = {"uid": record.uid, "time_unix_nano": record.time_ns, "event": record.event, "attributes": record.attributes}
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def _table(entries: list[Entry]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["uid", "time", "event", "attributes"])
    for entry in entries:
        record = parsed(entry.body)
        when = datetime.fromtimestamp(record.time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
        writer.writerow([record.uid, when, record.event, json.dumps(record.attributes, ensure_ascii=False)])
    return text.getvalue().encode("utf-8-sig")
