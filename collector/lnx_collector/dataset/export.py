"""Makes a data set from the historian: a data file, `manifest.json`, which says where every column comes from, and `README.txt` for people.

The manifest holds the recipe, the historian's identity and the last sequence number that was there: making it again from the manifest
takes the same samples and gives the same bytes, however many samples have come since. It holds no time of making, for the same reason.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lnx_common import attribution
from lnx_common.errors import PlantError
from lnx_common.files import write_durably
from numpy.typing import NDArray

from lnx_collector import quality as q
from lnx_collector.dataset import align
from lnx_collector.dataset.normalise import Normalisation, fit
from lnx_collector.dataset.recipe import Column, Recipe
from lnx_collector.historian.files import sha256, write_whole
from lnx_collector.historian.reader import Reader
from lnx_collector.sample import Tag

FORMAT = 1
MARGIN = 86400 * 10**9  # samples may have been received long before or after the time that they carry
NONE = Normalisation("none", 0.0, 1.0)
NUMERIC_ONLY = ("linear", "mean", "min", "max", "sum")


@dataclass
class Filled:
    """One column on the clock. ``numbers`` is NaN and ``texts`` None where it is missing."""

    column: Column
    tag: Tag
    numbers: NDArray[np.float64]
    texts: list[str | None] | None
    counts: dict[str, int] = field(default_factory=dict)
    normalisation: Normalisation = NONE

    def missing(self) -> NDArray[np.bool_]:
        if self.texts is not None:
            return np.array([text is None for text in self.texts], bool)
        return np.isnan(self.numbers)


@dataclass
class _Series:
    """The usable samples of one tag, sorted by time."""

    times: align.Times
    numbers: NDArray[np.float64]
    texts: NDArray[np.object_]
    is_text: bool
    seen: int
    good: int


def export(reader: Reader, tags: list[Tag], stream: str, recipe: Recipe, folder: Path, *, last_seq: int | None = None) -> dict[str, Any]:
    """Writes the data file and the manifest into ``folder``; returns the manifest.

    Raises PlantError 708 when a tag is unknown or nothing lies in the time.
    """
    settings = recipe.dataset
    begin, end = settings.nanoseconds(settings.begin), settings.nanoseconds(settings.end)
    by_name = {tag.name: tag for tag in tags}
    for name in [*(column.tag for column in recipe.column), *([settings.clock] if settings.clock else [])]:
        if name not in by_name:
            raise PlantError(708, where=name, found="no such tag", expected=", ".join(sorted(by_name)[:20]))
    last = last_seq if last_seq is not None else _last_seq(reader)
    wanted = {column.tag for column in recipe.column} | ({settings.clock} if settings.clock else set())
    oldest = max(int(column.max_age * 1e9) for column in recipe.column)
    if settings.every is None and not settings.clock:
        return _export_rows(reader, by_name, stream, recipe, folder, begin, end, last)
    series = {name: _series(reader, name, begin - oldest, end + oldest, last, _takes_uncertain(recipe, name)) for name in sorted(wanted)}
    clock = _clock(recipe, series, begin, end)
    columns = [_column(column, by_name[column.tag], series[column.tag], clock) for column in recipe.column]
    keep = np.ones(len(clock), bool)
    for one in columns:
        if one.column.missing == "drop-row":
            keep &= ~one.missing()
    clock = clock[keep]
    for one in columns:
        _drop(one, keep)
    if len(clock) == 0:
        raise PlantError(708, where=settings.name, found="no row is left", expected="samples of the tags in the time of the recipe")
    _normalise(recipe, columns, clock)
    path = folder / f"{settings.name}.{settings.format}"
    if settings.format == "csv":
        write_durably(path, _csv(clock, columns, settings.time_zone))
    else:
        table = _table(clock, columns, settings.time_zone)
        write_whole(path, lambda partial: pq.write_table(table, partial, compression="zstd", version="2.6"))
    return _manifest(folder, path, recipe, stream, last, len(clock), [_told(one, len(clock)) for one in columns])


# ── from the historian ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _last_seq(reader: Reader) -> int:
    row = reader.one("SELECT max(coalesce((SELECT max(seq) FROM sample), 0), coalesce((SELECT max(last_seq) FROM part), 0))")
    return int(row[0])


def _takes_uncertain(recipe: Recipe, tag: str) -> bool:
    return any(column.uncertain for column in recipe.column if column.tag == tag)


def _series(reader: Reader, tag: str, begin: int, end: int, last_seq: int, uncertain: bool) -> _Series:
    """Samples of a tag whose best known time lies in begin..end."""
    found = reader.query(
        "SELECT seq, epoch_ns(time) AS t, number, text, quality FROM samples WHERE tag = $tag AND seq <= $last"
        " AND epoch_ns(time) >= $begin AND epoch_ns(time) < $end ORDER BY t, seq",
        {"tag": tag, "last": last_seq, "begin": begin, "end": end},
        since=max(0, begin - MARGIN),
        until=end + MARGIN,
    )
    quality = found["quality"].to_numpy()
    limit = q.BAD if uncertain else q.UNCERTAIN
    usable = quality < limit
    times = found["t"].to_numpy().astype(np.int64)[usable]
    numbers = found["number"].to_numpy(zero_copy_only=False).astype(np.float64)[usable]
    texts = np.array(found["text"].to_pylist(), object)[usable] if len(quality) else np.zeros(0, object)
    kept = align.unique_times(times)
    is_text = bool(len(kept)) and bool(np.isnan(numbers[kept]).all())
    return _Series(times[kept], numbers[kept], texts[kept], is_text, len(quality), int((quality < q.UNCERTAIN).sum()))


def _clock(recipe: Recipe, series: dict[str, _Series], begin: int, end: int) -> align.Times:
    settings = recipe.dataset
    if settings.every is not None:
        return np.arange(begin, end, round(settings.every * 1e9), dtype=np.int64)
    times = series[settings.clock].times
    return times[(times >= begin) & (times < end)]


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _column(column: Column, tag: Tag, series: _Series, clock: align.Times) -> Filled:
    """One tag on the clock, with its missing rule applied."""
    counts = {"samples": series.seen, "good": series.good}
    if series.is_text:
        if column.how in NUMERIC_ONLY:
            raise PlantError(602, where=column.tag, found=f'how = "{column.how}" for a text', expected='how = "last" or "nearest"')
        at = align.positions(clock, series.times, column.how, round(column.max_age * 1e9))
        texts = [None if i < 0 else str(series.texts[i]) for i in at]
        counts["missing_before"] = sum(text is None for text in texts)
        if column.missing == "value":
            texts = [str(column.value) if text is None else text for text in texts]
        if column.missing == "previous":
            for i in range(1, len(texts)):
                texts[i] = texts[i - 1] if texts[i] is None else texts[i]
        return Filled(column, tag, np.full(len(clock), np.nan), texts, counts)
    numbers = _numbers(column, series, clock)
    counts["missing_before"] = int(np.isnan(numbers).sum())
    if column.missing == "previous":
        numbers = align.fill_previous(numbers)
    elif column.missing == "linear":
        numbers = align.fill_linear(clock, numbers)
    elif column.missing == "value":
        numbers = np.where(np.isnan(numbers), float(column.value or 0.0), numbers)
    return Filled(column, tag, numbers, None, counts)


def _numbers(column: Column, series: _Series, clock: align.Times) -> NDArray[np.float64]:
    age = round(column.max_age * 1e9)
    if column.how == "linear":
        return align.linear(clock, series.times, series.numbers, age)
    if column.how in ("last", "nearest"):
        at = align.positions(clock, series.times, column.how, age)
        if len(series.numbers) == 0:
            return np.full(len(clock), np.nan)
        return np.where(at >= 0, series.numbers[np.maximum(at, 0)], np.nan)
    return align.windows(clock, series.times, series.numbers, column.how)


def _drop(one: Filled, keep: NDArray[np.bool_]) -> None:
    one.numbers = one.numbers[keep]
    if one.texts is not None:
        one.texts = [text for text, kept in zip(one.texts, keep, strict=True) if kept]


def _normalise(recipe: Recipe, columns: list[Filled], clock: align.Times) -> None:
    settings = recipe.dataset
    begin = settings.nanoseconds(settings.fit_begin) if settings.fit_begin else -(2**62)
    end = settings.nanoseconds(settings.fit_end) if settings.fit_end else 2**62
    inside = (clock >= begin) & (clock < end)
    for one in columns:
        if one.column.normalise != "none" and one.texts is None:
            one.normalisation = fit(one.column.normalise, one.numbers[inside])
            one.numbers = one.normalisation.apply(one.numbers)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stamp(time: int, zone: ZoneInfo) -> str:
    """ISO 8601 with the zone's offset; as many digits of the second as are needed, by threes."""
    seconds, rest = divmod(time, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(zone).isoformat()
    digits = f"{rest:09d}".rstrip("0")
    digits = digits.ljust(-(-len(digits) // 3) * 3, "0")
    return f"{moment[:19]}{f'.{digits}' if digits else ''}{moment[19:]}"


def _cell(one: Filled, i: int) -> str:
    if one.texts is not None:
        return one.texts[i] or ""
    number = one.numbers[i]
    if np.isnan(number):
        return ""
    whole = one.tag.kind in ("int", "bool") and one.normalisation.kind == "none" and float(number).is_integer()
    return str(int(number)) if whole else repr(float(number))


def _csv(clock: align.Times, columns: list[Filled], zone: str) -> bytes:
    """UTF-8 with BOM, so that Excel reads Korean; RFC 4180."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["time", *(one.column.heading for one in columns)])
    place = ZoneInfo(zone)
    for i, time in enumerate(clock):
        writer.writerow([_stamp(int(time), place), *(_cell(one, i) for one in columns)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _table(clock: align.Times, columns: list[Filled], zone: str) -> pa.Table:
    arrays = [pa.array(clock).cast(pa.timestamp("ns", zone))]
    for one in columns:
        arrays.append(pa.array(one.texts, pa.string()) if one.texts is not None else pa.array(one.numbers, from_pandas=True))
    return pa.Table.from_arrays(arrays, names=["time", *(one.column.heading for one in columns)])


def _told(one: Filled, rows: int) -> dict[str, Any]:
    """What the manifest says about a column."""
    missing = int(one.missing().sum())
    return {
        "name": one.column.heading,
        "tag": one.tag.name,
        "source": one.tag.source,
        "unit": one.tag.unit,
        "description": one.tag.description,
        "kind": one.tag.kind,
        "required": one.column.required,
        "samples": one.counts["samples"],
        "good_ratio": round(one.counts["good"] / one.counts["samples"], 6) if one.counts["samples"] else None,
        "missing_before_rule": one.counts["missing_before"],
        "missing": missing,
        "completeness": round(1 - missing / rows, 6),
        "normalisation": one.normalisation.as_dict(),
    }


def _manifest(
    folder: Path, path: Path, recipe: Recipe, stream: str, last_seq: int, rows: int, columns: list[dict[str, Any]]
) -> dict[str, Any]:
    required = [column["name"] for column in columns if column.get("required") and column["missing"]]
    manifest = {
        "format": FORMAT,
        "recipe": recipe.model_dump(mode="json"),
        "historian": {"stream": stream, "last_seq": last_seq},
        "file": {"name": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": sha256(path)},
        "columns": columns,
        "required_but_missing": required,
        "made_with": {"pyarrow": pa.__version__, "numpy": np.__version__},
        "attribution": attribution.KOREAN,
    }
    write_durably(folder / "manifest.json", (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode())
    write_durably(folder / "README.txt", readme(manifest).encode("utf-8-sig"))
    return manifest


def readme(manifest: dict[str, Any]) -> str:
    """What the data set is, in Korean and English, from its manifest alone."""
    recipe, file = manifest["recipe"]["dataset"], manifest["file"]
    columns = "\n".join(f"  {c['name']}: {c['tag']} ({c['source']}) {c['unit'] or ''}".rstrip() for c in manifest["columns"])
    return (
        f"{recipe['name']}\n\n"
        f"파일 / file: {file['name']}, {file['rows']} rows, SHA-256 {file['sha256']}\n"
        f"기간 / time: {recipe['begin']} .. {recipe['end']} ({recipe['time_zone']})\n"
        f"열 / columns:\n{columns}\n\n"
        "manifest.json으로 같은 데이터를 다시 만들 수 있습니다: lnx collect export SETTINGS OUT --again manifest.json\n"
        "manifest.json makes the same bytes again: lnx collect export SETTINGS OUT --again manifest.json\n\n"
        f"{attribution.BOTH}"
    )


def _export_rows(
    reader: Reader, tags: dict[str, Tag], stream: str, recipe: Recipe, folder: Path, begin: int, end: int, last_seq: int
) -> dict[str, Any]:
    """One row per sample, in order of their numbers, with quality and all three times."""
    settings = recipe.dataset
    names = [column.tag for column in recipe.column]
    found = reader.query(
        "SELECT seq, tag, kind, number, text, quality, epoch_ns(source_time) AS source_time, epoch_ns(server_time) AS server_time,"
        " epoch_ns(receive_time) AS receive_time FROM samples WHERE list_contains($tags, tag) AND seq <= $last"
        " AND epoch_ns(time) >= $begin AND epoch_ns(time) < $end ORDER BY seq",
        {"tags": names, "last": last_seq, "begin": begin, "end": end},
        since=max(0, begin - MARGIN),
        until=end + MARGIN,
    )
    if found.num_rows == 0:
        raise PlantError(708, where=settings.name, found="no sample", expected="samples of the tags in the time of the recipe")
    path = folder / f"{settings.name}.{settings.format}"
    place = ZoneInfo(settings.time_zone)
    if settings.format == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["seq", "tag", "value", "quality", "source_time", "server_time", "receive_time"])
        for row in found.to_pylist():
            value = row["text"] if row["text"] is not None else "" if row["number"] is None else _plain(row["number"], row["kind"])
            times = ["" if row[name] is None else _stamp(row[name], place) for name in ("source_time", "server_time", "receive_time")]
            writer.writerow([row["seq"], row["tag"], value, f"0x{row['quality']:08X}", *times])
        write_durably(path, b"\xef\xbb\xbf" + text.getvalue().encode())
    else:
        write_whole(path, lambda partial: pq.write_table(found, partial, compression="zstd", version="2.6"))
    counts = dict.fromkeys(names, 0) | {row["values"]: row["counts"] for row in found["tag"].value_counts().to_pylist()}
    columns = [
        {"name": name, "tag": name, "source": tags[name].source, "unit": tags[name].unit, "samples": counts[name], "missing": 0}
        for name in names
    ]
    return _manifest(folder, path, recipe, stream, last_seq, found.num_rows, columns)


def _plain(number: float, kind: str) -> str:
    return repr(number) if kind == "float" else str(int(number))
