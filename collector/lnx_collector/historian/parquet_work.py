"""What the historian does with Parquet files: rolling, joining, thinning, reading back. It needs pyarrow, which takes some 90 MB.

Who keeps running for months does this in a process of its own (`parquet_process.ParquetProcess`, the same functions); programs of a moment,
and tests that compare, do it in theirs (`ParquetWork`).

Invariants: nothing is changed that a catalogue knows. A function that writes makes one file with a temporary name, synced; whoever asked
gives it its final name. Arguments and results are plain: they cross the border of a process, and no pyarrow comes with them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lnx_collector.historian import database, files
from lnx_collector.historian.part import Part
from lnx_collector.sample import Sample, Tag

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 20_000
ONE_OF = 4
OPEN_PARTS = 4
"""Files that stay open for reading: sinks that are behind by different times do not take them from each other."""
ColdRow = tuple[int, Sample, str]


class Thinned(NamedTuple):
    """The thinner part, how many samples were dropped, and how many of them each sink had not had."""

    part: Part
    dropped: int
    missed: dict[str, int]


class ParquetWorker(Protocol):
    """Paths of parts are relative to the data folder. Functions raise OSError when a file is damaged or cannot be written."""

    def roll(self, span: tuple[int, int], stream: str, temporary: Path) -> Part:
        """Writes the hot samples with the numbers of ``span`` as one part. Raises sqlite3.Error for the database."""

    def join(self, group: Sequence[Part], stream: str, temporary: Path) -> Part:
        """Writes neighbouring parts as one."""

    def thin(self, part: Part, suffix: str, cursors: Mapping[str, int], stream: str, temporary: Path) -> Thinned:
        """Writes a part with one Good sample of four; ``suffix`` goes into its name, ``cursors`` says what sinks have had."""

    def describe(self, relative: str) -> tuple[Part, str] | None:
        """What the catalogue should say about a file, and the stream it belongs to, from the file itself; None when it is not whole."""

    def rows(self, relative: str, sha256: str, after: int, limit: int) -> list[ColdRow]:
        """The next samples after ``after`` (number, sample, kind) in the order of their numbers, at most ``limit``."""

    def rest(self) -> None:
        """Gives back what is not used at the moment."""

    def close(self) -> None:
        """Ends; a function that runs in another thread raises OSError."""


class ParquetWork:
    """In this process."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open: OrderedDict[tuple[str, str], pa.Table] = OrderedDict()

    def roll(self, span: tuple[int, int], stream: str, temporary: Path) -> Part:
        from lnx_collector.historian import columns, parts

        connection = database.open_reader(self._data / database.DATABASE)
        try:
            connection.execute("BEGIN")
            found = connection.execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()[0]
            if found != stream:
                raise OSError(f"{database.DATABASE} was replaced: it belongs to stream {found}, not {stream}")
            tags = {row[0]: Tag(*row[1:]) for row in connection.execute("SELECT id, name, source, kind, unit, description FROM tag")}
            rows = connection.execute("SELECT * FROM sample WHERE seq BETWEEN ? AND ? ORDER BY seq", span)
            table = columns.arrow_table(iter(partial(rows.fetchmany, CHUNK), []), tags)
        finally:
            connection.close()
        return parts.write_part(temporary, table, stream)

    def join(self, group: Sequence[Part], stream: str, temporary: Path) -> Part:
        import pyarrow as pa

        table = pa.concat_tables([self._read(part.path, part.sha256) for part in group]).unify_dictionaries()
        return self._rewrite(group, table, "", stream, temporary)

    def thin(self, part: Part, suffix: str, cursors: Mapping[str, int], stream: str, temporary: Path) -> Thinned:
        import pyarrow.compute as pc

        table = self._read(part.path, part.sha256)
        kept = table.filter(one_of_four(table))
        dropped = pc.filter(table["seq"], pc.invert(pc.is_in(table["seq"], value_set=kept["seq"])))
        missed = {sink: int(pc.sum(pc.greater(dropped, seq)).as_py() or 0) for sink, seq in cursors.items()}
        return Thinned(self._rewrite([part], kept, suffix, stream, temporary), len(dropped), missed)

    def describe(self, relative: str) -> tuple[Part, str] | None:
        from lnx_collector.historian import parts

        return parts.describe_part(self._data, self._data / relative)

    def rows(self, relative: str, sha256: str, after: int, limit: int) -> list[ColdRow]:
        import pyarrow.compute as pc

        from lnx_collector.historian import columns

        key = (relative, sha256)
        if key not in self._open:
            table = self._read(relative, sha256)
            while len(self._open) >= OPEN_PARTS:
                self._open.popitem(last=False)
            self._open[key] = table.take(pc.sort_indices(table["seq"]))
        self._open.move_to_end(key)
        table = self._open[key]
        begin = int(pc.sum(pc.less_equal(table["seq"], after)).as_py() or 0)
        return columns.samples_of(table.slice(begin, limit))

    def rest(self) -> None:
        """Open files stay: whoever reads in this process reads on."""

    def close(self) -> None:
        self._open.clear()

    def _read(self, relative: str, sha256: str) -> pa.Table:
        import pyarrow as pa

        from lnx_collector.historian import parts

        path = self._data / relative
        if files.sha256(path) != sha256:
            raise OSError(f"{relative}: its SHA-256 is not the one it was written with")
        try:
            return parts.read_part(path)
        except pa.ArrowInvalid as error:
            raise OSError(f"{relative}: {error}") from error

    def _rewrite(self, old: Sequence[Part], table: pa.Table, suffix: str, stream: str, temporary: Path) -> Part:
        import pyarrow as pa
        import pyarrow.compute as pc

        from lnx_collector.historian import parts

        order = pc.sort_indices(table.set_column(1, "tag", table["tag"].cast(pa.string())), [("tag", "ascending"), ("seq", "ascending")])
        span = (old[0].first_seq, old[-1].last_seq)
        return parts.write_part(temporary, table.take(order), stream, span=span, suffix=suffix)


def one_of_four(table: pa.Table) -> pa.Array:
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
