"""Samples as rows of SQLite, which keeps a value in its own type. Without pyarrow: the process that collects starts small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lnx_collector.sample import Sample, Tag, Value

INT64 = 2**63
LARGE = re.compile(r"-?[0-9]{19,40}")
HotRow = tuple[int, int, Any, int | None, int, int | None, int | None]


def stored(value: Value, kind: str) -> Any:
    """What SQLite keeps: integers of a float tag become floats, integers beyond 64 bits text."""
    if type(value) is int:
        if kind == "float":
            return float(value)
        return value if -INT64 <= value < INT64 else str(value)
    return value


def hot_row(seq: int, tag: int, kind: str, sample: Sample) -> HotRow:
    """The row of table `sample`."""
    _, value, quality, source_time, server_time, receive_time = sample
    return (
        seq,
        tag,
        value if type(value) is float else stored(value, kind),
        quality or None,
        receive_time,
        None if source_time is None else receive_time - source_time,
        None if server_time is None else receive_time - server_time,
    )


def value_of(kept: Any, kind: str) -> Value:
    """The value that went in."""
    if kind == "bool" and isinstance(kept, int) and kept in (0, 1):
        return bool(kept)
    if kind not in ("text", "image") and isinstance(kept, str) and is_large(kept):
        return int(kept)
    return kept if isinstance(kept, float | int | str) else None


def sample_of(row: Sequence[Any], tag: Tag) -> Sample:
    """From (value, quality, receive_time, source_offset, server_offset)."""
    value, quality, receive_time, source_offset, server_offset = row
    return Sample(
        tag.name,
        value_of(value, tag.kind),
        quality or 0,
        None if source_offset is None else receive_time - source_offset,
        None if server_offset is None else receive_time - server_offset,
        receive_time,
    )


def is_large(value: str) -> bool:
    """True for the digits of an integer beyond 64 bits, the only ones that are stored as text."""
    return LARGE.fullmatch(value) is not None and not -INT64 <= int(value) < INT64
