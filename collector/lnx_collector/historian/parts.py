"""Cold samples: Parquet files that are written once and never changed.

Format: columns of `columns.ARROW`, sorted by tag and sequence number; zstd; times and sequence numbers delta-packed, numbers split by
byte stream, names as dictionaries. The key-value metadata has `lnx.stream`, `lnx.first_seq` and `lnx.last_seq`, so that a file is
understood without its database. Folders are named by the day (UTC) in which the first sample was received.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lnx_collector.historian import files
from lnx_collector.historian.part import FOLDER, Part


def write_part(temporary: Path, table: pa.Table, stream: str, *, span: tuple[int, int] | None = None, suffix: str = "") -> Part:
    """Writes a table of `columns.arrow_table`, not empty, as one synced file, and says what it is to be called.

    ``span``: the first and last number that it stands for, when not all between them are in it any more; ``suffix`` goes into its name.
    """
    received = table["receive_time"].cast(pa.int64())
    times, seqs = pc.min_max(received).as_py(), pc.min_max(table["seq"]).as_py()
    first, last = span or (seqs["min"], seqs["max"])
    first_time = received[pc.index(table["seq"], seqs["min"]).as_py()].as_py()
    day = datetime.fromtimestamp(max(0, first_time) / 1e9, UTC).strftime("%Y-%m-%d")
    relative = f"{FOLDER}/date={day}/part-{first:012d}-{last:012d}{suffix}.parquet"
    write_table(table.replace_schema_metadata({"lnx.stream": stream, "lnx.first_seq": str(first), "lnx.last_seq": str(last)}), temporary)
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    return Part(relative, first, last, table.num_rows, temporary.stat().st_size, files.sha256(temporary), times["min"], times["max"])


def write_table(table: pa.Table, path: Path) -> None:
    """Parquet with the encodings above. The same table gives the same bytes."""
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=3,
        version="2.6",
        data_page_version="2.0",
        use_dictionary=["tag", "kind"],
        column_encoding={
            "seq": "DELTA_BINARY_PACKED",
            "number": "BYTE_STREAM_SPLIT",
            "quality": "DELTA_BINARY_PACKED",
            "source_time": "DELTA_BINARY_PACKED",
            "server_time": "DELTA_BINARY_PACKED",
            "receive_time": "DELTA_BINARY_PACKED",
        },
        row_group_size=500_000,
        write_page_checksum=True,
    )


def read_part(path: Path) -> pa.Table:
    """The whole file. Raises OSError or pyarrow.ArrowInvalid when it is damaged."""
    return pq.read_table(path, partitioning=None, page_checksum_verification=True)


def describe_part(data: Path, path: Path) -> tuple[Part, str] | None:
    """What the catalogue should say about a file, and the stream that it belongs to, from the file itself; None when it is not whole."""
    try:
        table = read_part(path)
        metadata = table.schema.metadata or {}
        first, last = int(metadata[b"lnx.first_seq"]), int(metadata[b"lnx.last_seq"])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return None
    times = table["receive_time"].cast(pa.int64()).to_numpy()
    relative = path.relative_to(data).as_posix()
    part = Part(relative, first, last, table.num_rows, path.stat().st_size, files.sha256(path), int(times.min()), int(times.max()))
    return part, metadata.get(b"lnx.stream", b"").decode()
