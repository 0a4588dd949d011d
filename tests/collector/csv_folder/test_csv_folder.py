"""CSV folders: every row once, in whatever encoding, whether files grow, are replaced, or the collector dies in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.sources.csv_folder import KIND, reading
from lnx_collector.sources.csv_folder.source import CsvFolderSource
from lnx_common.errors import PlantError

Watch = Callable[..., Seen]
TAGS = [{"name": "torque", "column": "토크", "unit": "N·m"}, {"name": "result", "column": "판정", "kind": "text"}]
OPTIONS: dict[str, Any] = {"time_column": "시각", "time_format": "%Y-%m-%d %H:%M:%S", "period": 0.05, "settle": 0.2}
HEAD = "시각,토크,판정\r\n"


def source(folder: Path, tags: list[dict[str, Any]] | None = None, **options: Any) -> CsvFolderSource:
    raw = {"name": "csv", "type": "csv-folder", "folder": str(folder), "tag": tags or TAGS, **OPTIONS, **options}
    return KIND.build(KIND.settings.model_validate(raw), SourceContext("csv", Path("unused"), time.time_ns))


def row(i: int) -> str:
    return f"2026-11-21 09:00:{i:02d},{i}.5,{'양품' if i % 2 else '불량'}\r\n"


def torques(seen: Seen) -> list[Any]:
    return [sample.value for sample in seen.samples if sample.tag == "torque"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_values_and_times_come_out_of_every_encoding(tmp_path: Path, watch: Watch, encoding: str) -> None:
    (tmp_path / "한글 파일.csv").write_bytes((HEAD + row(1) + row(2)).encode(encoding))
    seen = watch(source(tmp_path), 5, lambda seen: len(seen.samples) >= 4)
    assert [(s.tag, s.value) for s in seen.samples] == [("torque", 1.5), ("result", "양품"), ("torque", 2.5), ("result", "불량")]
    assert seen.samples[0].source_time == 1_795_219_201 * 10**9
    assert not seen.troubles and not seen.losses


def test_rows_of_a_growing_file_come_once_and_only_when_they_are_whole(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + row(0) + row(1) + "2026-11-21 09:00:02,2", encoding="utf-8", newline="")
    step = 0

    def until(seen: Seen) -> bool:
        nonlocal step
        if step == 0 and len(torques(seen)) == 2:
            step = 1
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(".5,양품\r\n" + row(3))
        return len(torques(seen)) >= 4

    seen = watch(source(tmp_path, settle=60), 5, until)
    assert torques(seen) == [0.5, 1.5, 2.5, 3.5]


def test_a_last_row_without_line_end_counts_when_the_file_is_quiet(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "a.csv").write_text(HEAD + row(0) + row(1).strip(), encoding="utf-8", newline="")
    assert torques(watch(source(tmp_path), 5, lambda seen: len(torques(seen)) >= 2)) == [0.5, 1.5]


def test_after_a_crash_reading_goes_on_where_the_samples_were_durable(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(row(i) for i in range(10)), encoding="utf-8", newline="")
    first = watch(source(tmp_path), 5, lambda seen: len(torques(seen)) >= 10)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(row(10))

    class Again(Seen):
        pass

    again = Again(marks=dict(first.marks))

    async def run() -> None:
        import asyncio

        task = asyncio.create_task(source(tmp_path).run(again))
        async with asyncio.timeout(30):
            while not again.samples:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()

    import asyncio

    asyncio.run(run())
    assert torques(again) == [10.5]


def test_a_file_that_was_replaced_is_read_from_its_beginning(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + row(1) + row(2) + row(3), encoding="utf-8", newline="")

    def until(seen: Seen) -> bool:
        if len(torques(seen)) == 3:
            path.write_text(HEAD + row(7), encoding="utf-8", newline="")
        return len(torques(seen)) >= 4

    assert torques(watch(source(tmp_path), 5, until)) == [1.5, 2.5, 3.5, 7.5]


def test_what_cannot_be_read_is_counted_and_the_rest_goes_on(tmp_path: Path, watch: Watch) -> None:
    rows = [
        row(1),
        "2026-11-21 09:00:02,abc,양품\r\n",
        "yesterday,3,양품\r\n",
        '2026-11-21 09:00:04,"4,양품\r\n',
        "2026-11-21 09:00:05,,\r\n",
        row(6),
    ]
    (tmp_path / "a.csv").write_text(HEAD + "".join(rows), encoding="utf-8", newline="")
    seen = watch(source(tmp_path), 5, lambda seen: len(torques(seen)) >= 2)
    assert torques(seen) == [1.5, 6.5]
    assert sorted(seen.losses) == [(1, "unreadable", "torque"), (2, "unreadable", "")]
    assert seen.troubles["a.csv"].status == 711


def test_headings_and_data_may_begin_further_down_and_columns_be_numbers(tmp_path: Path, watch: Watch) -> None:
    text = "장비;A-3\n작성자;-\n시각;토크;판정\n단위;N·m;-\n2026-11-21T09:00:01+09:00;1.234,5;양품\n"
    (tmp_path / "a.txt").write_text(text, encoding="cp949", newline="")
    tags = [{"name": "torque", "column": "토크"}, {"name": "result", "column": 3, "kind": "text"}]
    one = source(tmp_path, tags, pattern="*.txt", delimiter=";", header_row=3, data_row=5, decimal=",", time_format="iso")
    seen = watch(one, 5, lambda seen: len(seen.samples) >= 2)
    assert [s.value for s in seen.samples] == [1234.5, "양품"]


def test_a_missing_column_is_told_with_those_that_are_there(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "a.csv").write_text("시각,회전수\n2026-11-21 09:00:01,1\n", encoding="utf-8")
    seen = watch(source(tmp_path), 1)
    assert 'no column "토크"; there are: 시각, 회전수' in seen.troubles["a.csv"].found


def test_a_missing_folder_is_told(tmp_path: Path, watch: Watch) -> None:
    with pytest.raises(PlantError) as caught:
        watch(source(tmp_path / "none"), 2)
    assert caught.value.status == 701


@given(st.text(max_size=40), st.sampled_from(["float", "int", "bool", "text"]), st.sampled_from([".", ","]))
def test_any_cell_is_a_value_or_none(text: str, kind: str, decimal: str) -> None:
    value = reading.value_of(text, kind, decimal)  # type: ignore[arg-type]
    assert value is None or isinstance(value, {"float": float, "int": int, "bool": bool, "text": str}[kind])


@given(st.binary(max_size=200))
def test_any_bytes_have_an_encoding(head: bytes) -> None:
    assert reading.detect(head, "auto") in ("utf-8", "cp949", "utf-16-le", "utf-16-be")
