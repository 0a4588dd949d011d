"""Replaces parts by others that take less room: small ones of a finished day by one (compaction), full ones by thinner ones.

A thinner part keeps, of each tag, one Good sample of four and every sample that is not Good; a part can be thinned three times
(`-t1` to `-t3` in its name), then only deleting is left. What was dropped is a loss record, for each sink that had not had it, too.

Order of events: the new file is written, synced and renamed; one transaction exchanges the rows of the catalogue; the old files are
deleted a minute later, because a query may have listed them. A crash in between leaves files whose samples the catalogue already has in
another one: `Roller.tidy` deletes them.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from lnx_collector.historian import files, losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.parquet_work import ParquetWorker, Thinned
from lnx_collector.historian.part import Part
from lnx_collector.historian.writer import Writer

log = logging.getLogger("lnx.collector.historian")
THINNEST = 3
GRACE = 3600 * 10**9
RETIRED_FOR = 60.0
_LEVEL = re.compile(r"-t(\d)\.parquet$")


def level(part: Part) -> int:
    """How often a part was thinned."""
    found = _LEVEL.search(part.path)
    return int(found[1]) if found else 0


def thinnable(catalogue: Sequence[Part]) -> Part | None:
    """The part to be thinned next: the oldest of those that are thickest; None when nothing more can be thinned."""
    return min((part for part in catalogue if level(part) < THINNEST), key=lambda part: (level(part), part.first_seq), default=None)


def groups(catalogue: Sequence[Part], now: int, most: int) -> list[list[Part]]:
    """Neighbouring parts that may become one: of the same day (UTC), which is over, at most ``most`` samples together."""
    found: list[list[Part]] = []
    rows, day = 0, ""
    today = datetime.fromtimestamp((now - GRACE) / 1e9, UTC).strftime("%Y-%m-%d")
    for part in catalogue:
        its_day = part.path.partition("date=")[2][:10]
        if level(part) or not its_day < today:
            day = ""
        elif its_day == day and rows + part.rows <= most:
            found[-1].append(part)
            rows += part.rows
        else:
            found.append([part])
            rows, day = part.rows, its_day
    return [group for group in found if len(group) > 1]


class Rewriter:
    """Works on one data folder; its functions are called from the thread of the Roller."""

    def __init__(self, data: Path, writer: Writer, stream: str, work: ParquetWorker) -> None:
        self._data = data
        self._work = work
        self._writer = writer
        self._stream = stream
        self._retired: list[tuple[float, Path]] = []

    def thin(self, part: Part, cursors: Mapping[str, int]) -> Part:
        """Replaces a part by a thinner one and records what was dropped. Raises OSError when it is damaged or the disk refuses."""
        made: list[Thinned] = []

        def write(temporary: Path) -> Part:
            made.append(self._work.thin(part, f"-t{level(part) + 1}", cursors, self._stream, temporary))
            return made[0].part

        fresh = files.publish_part(self._data, write)
        span = (part.first_time, part.last_time)
        records = [Loss("historian", "thinned", made[0].dropped, "", *span)]
        records += [Loss(f"sink {sink}", "thinned", missed, "", *span) for sink, missed in made[0].missed.items() if missed]
        self._exchange([part], fresh, records)
        log.warning("thinned %s: %d of %d samples kept", part.path, fresh.rows, part.rows)
        return fresh

    def join(self, group: Sequence[Part]) -> Part:
        """Replaces neighbouring parts by one with the same samples. Raises OSError when one is damaged or the disk refuses."""
        fresh = files.publish_part(self._data, lambda temporary: self._work.join(group, self._stream, temporary))
        self._exchange(group, fresh, [])
        return fresh

    def sweep(self, *, everything: bool = False) -> None:
        """Deletes replaced files whose minute is over; one that somebody holds open (Windows) is tried again later."""
        waiting = []
        for since, path in self._retired:
            try:
                if not everything and time.monotonic() - since < RETIRED_FOR:
                    raise PermissionError
                path.unlink(missing_ok=True)
            except OSError:
                waiting.append((since, path))
        self._retired = waiting

    def _exchange(self, old: Sequence[Part], fresh: Part, records: Sequence[Loss]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM part WHERE path = ?", [(part.path,) for part in old])
            connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fresh)
            losses.record(connection, records)

        self._writer.submit(job).result()
        self._retired += [(time.monotonic(), self._data / part.path) for part in old]
