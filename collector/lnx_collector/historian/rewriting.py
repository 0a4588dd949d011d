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
from typing import TYPE_CHECKING

from lnx_collector.historian import losses
from lnx_collector.historian.losses import Loss
from lnx_collector.historian.part import Part
from lnx_collector.historian.writer import Writer

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("lnx.collector.historian")
ONE_OF = 4
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

    def __init__(self, data: Path, writer: Writer, stream: str) -> None:
        self._data = data
        self._writer = writer
        self._stream = stream
        self._retired: list[tuple[float, Path]] = []

    def thin(self, part: Part, cursors: Mapping[str, int]) -> Part:
        """Replaces a part by a thinner one and records what was dropped. Raises OSError or pyarrow.ArrowInvalid when it is damaged."""
        import pyarrow.compute as pc

        table = self._read(part)
        kept = table.filter(_one_of_four(table))
        dropped = pc.filter(table["seq"], pc.invert(pc.is_in(table["seq"], value_set=kept["seq"])))
        span = (part.first_time, part.last_time)
        records = [Loss("historian", "thinned", len(dropped), "", *span)]
        for sink, seq in cursors.items():
            if missed := pc.sum(pc.greater(dropped, seq)).as_py() or 0:
                records.append(Loss(f"sink {sink}", "thinned", missed, "", *span))
        suffix = f"-t{level(part) + 1}"
        fresh = self._exchange([part], kept, suffix, records)
        log.warning("thinned %s: %d of %d samples kept", part.path, fresh.rows, part.rows)
        return fresh

    def join(self, group: Sequence[Part]) -> Part:
        """Replaces neighbouring parts by one with the same samples. Raises OSError or pyarrow.ArrowInvalid when one is damaged."""
        import pyarrow as pa

        table = pa.concat_tables([self._read(part) for part in group]).unify_dictionaries()
        return self._exchange(group, table, "", [])

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

    def _read(self, part: Part) -> pa.Table:
        from lnx_collector.historian import files, parts

        path = self._data / part.path
        if files.sha256(path) != part.sha256:
            raise OSError(f"{part.path}: its SHA-256 is not the one it was written with")
        return parts.read_part(path)

    def _exchange(self, old: Sequence[Part], table: pa.Table, suffix: str, records: Sequence[Loss]) -> Part:
        import pyarrow as pa
        import pyarrow.compute as pc

        from lnx_collector.historian import parts

        order = pc.sort_indices(table.set_column(1, "tag", table["tag"].cast(pa.string())), [("tag", "ascending"), ("seq", "ascending")])
        span = (old[0].first_seq, old[-1].last_seq)
        fresh = parts.write_part(self._data, table.take(order), self._stream, span=span, suffix=suffix)

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM part WHERE path = ?", [(part.path,) for part in old])
            connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?)", fresh)
            losses.record(connection, records)

        self._writer.submit(job).result()
        self._retired += [(time.monotonic(), self._data / part.path) for part in old]
        return fresh


def _one_of_four(table: pa.Table) -> pa.Array:
    """Which rows stay: those that are not Good, and every fourth Good one of each tag, in the order of their numbers."""
    import numpy as np
    import pyarrow as pa

    tags = table["tag"].combine_chunks().cast(pa.string()).dictionary_encode().indices.to_numpy()
    good = table["quality"].to_numpy() >> 30 == 0
    seqs = table["seq"].to_numpy()
    stays = ~good
    chosen = np.flatnonzero(good)
    chosen = chosen[np.lexsort((seqs[chosen], tags[chosen]))]
    begins = np.flatnonzero(np.diff(tags[chosen], prepend=-1))
    place = np.arange(len(chosen)) - np.repeat(begins, np.diff(np.append(begins, len(chosen))))
    stays[chosen[place % ONE_OF == 0]] = True
    return pa.array(stays)
