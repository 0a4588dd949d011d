"""Follows the CSV files of a folder: new files, and new rows of files that grow.

How far a file has been read is committed with its samples (`bookmark`), so that a crash neither loses nor doubles a row. A file that has
become shorter, or whose first line has changed, is a new file and is read from its beginning. Only whole rows count; the last one may lack
its line end once the file is quiet.

Times: source_time from the time column; receive_time is when the row was read. Rows and cells that cannot be read are counted as lost
("unreadable").
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lnx_common.errors import PlantError

from lnx_collector.contract import Intake, SourceContext
from lnx_collector.sample import Sample, Tag
from lnx_collector.sources.csv_folder import reading
from lnx_collector.sources.csv_folder.settings import CsvFolderSettings

CHUNK = 2**20
HEAD = 256


@dataclass
class Progress:
    """How far a file has been read: bytes, rows, and a mark of its beginning."""

    offset: int = 0
    row: int = 0
    head: str = ""
    heading: str = ""
    encoding: str = ""


@dataclass
class _Piece:
    """What one look at a file gave."""

    samples: list[Sample]
    progress: Progress
    rows_lost: int = 0
    cells_lost: tuple[str, ...] = ()
    reason: str = ""


class CsvFolderSource:
    """One folder."""

    def __init__(self, settings: CsvFolderSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._progress: dict[str, Progress] = {}
        self._quiet: dict[str, tuple[int, float]] = {}

    def tags(self) -> list[Tag]:
        return [Tag(tag.name, self._settings.name, tag.kind, tag.unit, tag.description) for tag in self._settings.tag]

    async def run(self, intake: Intake) -> None:
        self._progress = {name: Progress(**json.loads(mark)) for name, mark in intake.bookmarks().items()}
        while True:
            if not await asyncio.to_thread(self._settings.folder.is_dir):
                raise PlantError(701, where=str(self._settings.folder), found="no such folder")
            intake.well()
            for path in await asyncio.to_thread(self._files):
                await self._follow(path, intake)
            await asyncio.sleep(self._settings.period)

    def _files(self) -> list[Path]:
        """Oldest first."""
        found = [path for path in self._settings.folder.glob(self._settings.pattern) if path.is_file()]
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    async def _follow(self, path: Path, intake: Intake) -> None:
        """Reads what is new in a file, piece by piece."""
        name = path.relative_to(self._settings.folder).as_posix()
        while True:
            try:
                piece = await asyncio.to_thread(self._next_piece, path, self._progress.get(name, Progress()))
            except (OSError, reading.RowError, UnicodeError) as error:
                intake.trouble(name, PlantError(711, where=str(path), found=str(error)))
                return
            if piece is None:
                return
            if piece.samples or piece.progress != self._progress.get(name):
                await intake.accept(piece.samples, {name: json.dumps(asdict(piece.progress), ensure_ascii=False)})
                self._progress[name] = piece.progress
            if piece.rows_lost:
                intake.lost(piece.rows_lost, "unreadable")
            for tag in piece.cells_lost:
                intake.lost(1, "unreadable", tag)
            if piece.reason:
                intake.trouble(name, PlantError(711, where=f"{path} row {piece.progress.row}", found=piece.reason))
            else:
                intake.well(name)

    def _next_piece(self, path: Path, before: Progress) -> _Piece | None:
        """The next rows of a file; None when there are none yet. Raises OSError, RowError, UnicodeError."""
        size = path.stat().st_size
        with path.open("rb") as file:
            first_line = file.read(HEAD).split(b"\n", 1)[0]
            head = hashlib.sha256(first_line).hexdigest()[:16]
            progress = before
            if size < before.offset or (before.head and head != before.head and b"\n" in _start(path)):
                progress = Progress()
            if not progress.head:
                progress = Progress(head=head, encoding=reading.detect(_start(path), self._settings.encoding))
            file.seek(progress.offset)
            raw = file.read(CHUNK)
        end = self._whole_rows(path, raw, size, progress)
        if end == 0:
            return None
        return self._parse(raw[:end], progress)

    def _whole_rows(self, path: Path, raw: bytes, size: int, progress: Progress) -> int:
        """How many bytes of ``raw`` are whole rows."""
        wide = progress.encoding.startswith("utf-16")
        line_end = "\n".encode(progress.encoding)
        end = raw.rfind(line_end) + len(line_end) if line_end in raw else 0
        if wide:
            end -= end % 2
        if end == 0 and raw and progress.offset + len(raw) == size:
            known, since = self._quiet.get(str(path), (-1, 0.0))
            if known != size:
                self._quiet[str(path)] = (size, time.monotonic())
            elif time.monotonic() - since >= self._settings.settle:
                return len(raw)
        return end

    def _parse(self, raw: bytes, before: Progress) -> _Piece:
        settings = self._settings
        text = raw.decode(before.encoding)
        progress = Progress(before.offset + len(raw), before.row, before.head, before.heading, before.encoding)
        piece = _Piece([], progress)
        where = (
            reading.layout(settings, reading.cells(progress.heading, settings.delimiter)) if progress.row >= settings.header_row else None
        )
        now = self._now()
        missed: list[str] = []
        for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"):
            progress.row += 1
            if progress.row == settings.header_row:
                progress.heading = line.lstrip("\ufeff")
                where = reading.layout(settings, reading.cells(progress.heading, settings.delimiter))
            if progress.row < settings.first_data_row or not line.strip() or where is None:
                continue
            try:
                samples, unreadable = reading.samples_of(reading.cells(line, settings.delimiter), where, settings, now)
            except reading.RowError as error:
                piece.rows_lost += 1
                piece.reason = str(error)
                continue
            piece.samples += samples
            missed += unreadable
        piece.cells_lost = tuple(missed)
        if missed and not piece.reason:
            piece.reason = f"{len(missed)} cells could not be read, the last of {missed[-1]}"
        return piece


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(65536)
