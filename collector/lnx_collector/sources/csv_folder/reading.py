"""From the bytes of a growing file to rows and samples. One row is one line; a quoted field does not run over line ends."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lnx_collector import quality as q
from lnx_collector.sample import Sample
from lnx_collector.sources.csv_folder.settings import CsvColumn, CsvFolderSettings

TRUE, FALSE = {"1", "true", "on", "yes", "참"}, {"0", "false", "off", "no", "거짓"}
BOMS = {"utf-16": (b"\xff\xfe", b"\xfe\xff"), "utf-8": (b"\xef\xbb\xbf",)}


class RowError(ValueError):
    """A row or heading that does not fit; the text says why."""


@dataclass(frozen=True)
class Layout:
    """Where the columns are; indexes count from 0."""

    tags: tuple[tuple[CsvColumn, int], ...]
    time: int | None


def detect(head: bytes, wanted: str) -> str:
    """The encoding of a file from its first bytes."""
    if head.startswith(BOMS["utf-16"]):
        return "utf-16-le" if head.startswith(b"\xff\xfe") else "utf-16-be"
    if wanted != "auto":
        return "utf-16-le" if wanted == "utf-16" else wanted
    for cut in range(min(4, len(head) + 1)):  # the last character may be torn
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    return "cp949"


def cells(line: str, delimiter: str) -> list[str]:
    """The columns of one line. Raises RowError."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise RowError(str(error)) from error


def layout(settings: CsvFolderSettings, heading: Sequence[str]) -> Layout:
    """Finds the columns. Raises RowError with the headings that there are."""
    names = [name.strip().lstrip("\ufeff") for name in heading]

    def index(column: str | int) -> int:
        if isinstance(column, int):
            return column - 1
        if column not in names:
            raise RowError(f'no column "{column}"; there are: {", ".join(names)}')
        return names.index(column)

    time = index(settings.time_column) if settings.time_column != "" else None
    return Layout(tuple((tag, index(tag.column)) for tag in settings.tag), time)


def samples_of(row: Sequence[str], where: Layout, settings: CsvFolderSettings, now: int) -> tuple[list[Sample], list[str]]:
    """The samples of a row, and the tags whose cell could not be read. An empty cell is no sample. Raises RowError for a bad time."""
    time = None
    if where.time is not None:
        if where.time >= len(row):
            raise RowError("the row ends before the column of the time")
        time = time_of(row[where.time].strip(), settings)
    samples, unreadable = [], []
    for tag, index in where.tags:
        if index >= len(row):
            unreadable.append(tag.name)
            continue
        text = row[index].strip()
        if not text:
            continue
        value = value_of(text, tag.kind, settings.decimal)
        if value is None:
            unreadable.append(tag.name)
        else:
            samples.append(Sample(tag.name, value, q.GOOD, time, None, now))
    return samples, unreadable


def value_of(text: str, kind: str, decimal: str) -> float | int | bool | str | None:
    """The value of a cell; None when it is not one of its kind."""
    if kind in ("text", "image"):
        return text
    if kind == "bool":
        lower = text.lower()
        return True if lower in TRUE else False if lower in FALSE else None
    plain = text.replace("." if decimal == "," else ",", "").replace(decimal, ".").replace(" ", "")
    try:
        if kind == "int":
            return int(plain)
        number = float(plain)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def time_of(text: str, settings: CsvFolderSettings) -> int:
    """Nanoseconds since 1970. Raises RowError."""
    try:
        if settings.time_format in ("s", "ms"):
            whole, _, part = text.partition(".")
            unit = 10**9 if settings.time_format == "s" else 10**6
            return int(whole) * unit + (round(float(f"0.{part}") * unit) if part else 0)
        moment = datetime.fromisoformat(text) if settings.time_format == "iso" else datetime.strptime(text, settings.time_format)
    except (ValueError, OverflowError) as error:
        raise RowError(f'"{text}" is no time of the form {settings.time_format}') from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.time_zone))
    passed = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000
