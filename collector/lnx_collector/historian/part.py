"""One Parquet file of the historian, as the catalogue knows it."""

from __future__ import annotations

from typing import NamedTuple

FOLDER = "samples"


class Part(NamedTuple):
    """One file, as the catalogue knows it. ``path`` is relative to the data folder, with forward slashes; times are receive times."""

    path: str
    first_seq: int
    last_seq: int
    rows: int
    bytes: int
    sha256: str
    first_time: int
    last_time: int
