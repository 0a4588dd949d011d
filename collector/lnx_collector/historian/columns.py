"""Samples as columns of Parquet (Arrow): `number` (float64: floats, integers, truth values) and `text` (strings, image paths, and the
digits of integers that a float64 cannot hold); `kind` says how to read them back. What goes in comes out equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lnx_collector.historian.encoding import is_large
from lnx_collector.sample import Sample, Tag, Value

EXACT = 2**53

ARROW = pa.schema(
    [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("tag", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("quality", pa.uint32(), nullable=False),
        pa.field("source_time", pa.timestamp("ns", "UTC")),
        pa.field("server_time", pa.timestamp("ns", "UTC")),
        pa.field("receive_time", pa.timestamp("ns", "UTC"), nullable=False),
    ]
)


def arrow_table(chunks: Iterable[Sequence[Sequence[Any]]], tags: Mapping[int, Tag]) -> pa.Table:
    """Rows of table `sample` (in the order of its columns), chunk by chunk, as one Arrow table sorted by tag and sequence number.

    ``tags`` is asked only after a chunk has been read, so it may grow meanwhile. Chunks keep memory small: a row is five times as large
    in Python as in Arrow. Sorting is Arrow's, which does not hold the interpreter.
    """
    table = pa.concat_tables([_chunk(rows, tags) for rows in chunks if rows] or [ARROW.empty_table()]).unify_dictionaries()
    return table.take(
        pc.sort_indices(table.set_column(1, "tag", table["tag"].cast(pa.string())), [("tag", "ascending"), ("seq", "ascending")])
    )


def _chunk(rows: Sequence[Sequence[Any]], tags: Mapping[int, Tag]) -> pa.Table:
    seqs, numbers_of_tags, values, qualities, received, source_offsets, server_offsets = zip(*rows, strict=True)
    kinds = [_kind(value, tags[tag].kind) for tag, value in zip(numbers_of_tags, values, strict=True)]
    times = pa.array(received, pa.int64())

    def before(offsets: Sequence[int | None]) -> pa.Array:
        return pc.subtract(times, pa.array(offsets, pa.int64())).cast(pa.timestamp("ns", "UTC"))

    columns = [
        pa.array(seqs, pa.int64()),
        pa.array([tags[tag].name for tag in numbers_of_tags], pa.string()).dictionary_encode(),
        pa.array(kinds, pa.string()).dictionary_encode().cast(ARROW.field("kind").type),
        pa.array([_number(value, kind) for value, kind in zip(values, kinds, strict=True)], pa.float64()),
        pa.array([_text(value) for value in values], pa.string()),
        pa.array([quality or 0 for quality in qualities], pa.uint32()),
        before(source_offsets),
        before(server_offsets),
        times.cast(pa.timestamp("ns", "UTC")),
    ]
    return pa.Table.from_arrays(columns, schema=ARROW)


def _number(value: Any, kind: str) -> float | None:
    if isinstance(value, str):
        return float(value) if kind == "int" else None
    return None if value is None else float(value)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and abs(value) > EXACT else None


def samples_of(table: pa.Table) -> list[tuple[int, Sample, str]]:
    """(seq, sample, kind) of each row of an Arrow table with the columns of ARROW, in its order."""
    plain = table.set_column(6, "source_time", table["source_time"].cast(pa.int64()))
    plain = plain.set_column(7, "server_time", plain["server_time"].cast(pa.int64()))
    plain = plain.set_column(8, "receive_time", plain["receive_time"].cast(pa.int64()))
    columns = [plain[name].to_pylist() for name in ARROW.names]
    return [
        (seq, Sample(tag, _value(kind, number, text), quality, source_time, server_time, receive_time), kind)
        for seq, tag, kind, number, text, quality, source_time, server_time, receive_time in zip(*columns, strict=True)
    ]


def _kind(value: Any, kind: str) -> str:
    """How the value of this row is to be read: the tag's kind, or what the value is when it differs from it."""
    if value is None:
        return kind
    if isinstance(value, str):
        return kind if kind in ("text", "image") else "int" if is_large(value) else "text"
    if isinstance(value, float):
        return "float"
    return "bool" if kind == "bool" and value in (0, 1) else "int"


def _value(kind: str, number: float | None, text: str | None) -> Value:
    if kind in ("text", "image"):
        return text
    if kind == "int" and text is not None:
        return int(text)
    if number is None:
        return None
    return number if kind == "float" else bool(number) if kind == "bool" else int(number)
