"""type = "csv": samples into CSV files, one per day of receipt, for programs that read nothing else.

Columns: id ("stream:seq"), tag, value, unit, quality, source_time, server_time, receive_time (ISO 8601 UTC). UTF-8 with BOM. Rows are
appended and synced before the batch counts as delivered. After a crash the rows of one batch may stand there already: they are found by the
sequence number of the last whole row, and not written again; a torn last row is cut off.
"""

from __future__ import annotations

import asyncio
import csv
import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.contract import Row, SinkContext, SinkKind, SinkSettings

HEAD = ("id", "tag", "value", "unit", "quality", "source_time", "server_time", "receive_time")
TAIL = 65536


class CsvSettings(SinkSettings):
    """type = "csv"."""

    type: Literal["csv"]
    folder: Path
    """Where the files go; relative paths count from the data folder."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Between columns."""


class CsvSink:
    """Appends to the file of the day."""

    def __init__(self, settings: CsvSettings, context: SinkContext) -> None:
        self._settings = settings
        self._stream = context.stream
        self._folder = context.data / settings.folder

    async def deliver(self, rows: Sequence[Row]) -> None:
        try:
            await asyncio.to_thread(self._append_all, rows)
        except OSError as error:
            raise PlantError(706, where=str(self._folder), found=error.strerror or str(error)) from error

    def _append_all(self, rows: Sequence[Row]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        by_day: dict[str, list[Row]] = {}
        for row in rows:
            day = datetime.fromtimestamp(row.sample.receive_time // 10**9, UTC).strftime("%Y-%m-%d")
            by_day.setdefault(day, []).append(row)
        for day, listed in by_day.items():
            self._append(self._folder / f"{day}.csv", listed)

    def _append(self, path: Path, rows: Sequence[Row]) -> None:
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            last = 0
            if size:
                file.seek(max(0, size - TAIL))
                tail = file.read()
                whole = tail.rfind(b"\r\n") + 2
                file.truncate(max(0, size - TAIL) + whole)
                last = self._last_seq(tail[:whole])
            text = io.StringIO()
            writer = csv.writer(text, delimiter=self._settings.delimiter, lineterminator="\r\n")
            if not size:
                writer.writerow(HEAD)
            writer.writerows(self._cells(row) for row in rows if row.seq > last)
            file.seek(0, os.SEEK_END)
            file.write((b"" if size else b"\xef\xbb\xbf") + text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def _last_seq(self, tail: bytes) -> int:
        """The number of the last whole row that this historian wrote; 0 when there is none."""
        for line in reversed(tail.decode("utf-8", "replace").split("\r\n")):
            stream, _, seq = line.split(self._settings.delimiter, 1)[0].partition(":")
            if stream == self._stream and seq.isdigit():
                return int(seq)
        return 0

    def _cells(self, row: Row) -> tuple[object, ...]:
        sample = row.sample
        value = "" if sample.value is None else sample.value
        times = (_iso(time) for time in (sample.source_time, sample.server_time, sample.receive_time))
        return (f"{self._stream}:{row.seq}", sample.tag, value, row.tag.unit, f"0x{sample.quality:08X}", *times)

    async def close(self) -> None:
        return None


def _iso(time: int | None) -> str:
    if time is None:
        return ""
    return datetime.fromtimestamp(time // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{time % 10**9:09d}Z"


KIND = SinkKind(CsvSettings, CsvSink, Path(__file__).with_name("sample.toml"))
