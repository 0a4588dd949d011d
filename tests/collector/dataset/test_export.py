"""A data set says where it comes from, and comes out again byte for byte."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lnx_collector import quality as q
from lnx_collector.config import HistorianSettings
from lnx_collector.dataset.export import export
from lnx_collector.dataset.recipe import Recipe, load_recipe
from lnx_collector.historian import Historian
from lnx_collector.sample import Sample, Tag, bad, good
from lnx_common import attribution
from lnx_common.config import ConfigError
from lnx_common.errors import PlantError

SECOND = 10**9
T0 = 1_795_219_200 * SECOND  # 2026-11-21 09:00 in Seoul


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Historian]:
    """A minute of three tags: temperature each second, a state that changes, frames every 7 s; temperature missing for ten seconds."""
    historian = Historian(tmp_path / "data", HistorianSettings(commit_interval=0.0, reserve=0, part_rows=100))
    historian.describe([Tag("온도", "plc", "float", "°C", "heater"), Tag("state", "plc", "int"), Tag("cam.frame", "cam", "image")]).result(
        5
    )
    samples: list[Sample] = []
    for i in range(60):
        at = T0 + i * SECOND
        samples.append(bad("온도", q.BAD_SENSOR_FAILURE, at) if 20 <= i < 30 else good("온도", 20 + i / 4, at + 5_000_000, at))
        if i % 15 == 0:
            samples.append(good("state", i // 15, at))
        if i % 7 == 0:
            samples.append(good("cam.frame", f"files/cam/{i:03d}.png", at + 200_000_000))
    historian.submit("plc", samples).result(5)
    historian.maintain()
    yield historian
    historian.close()


def recipe(columns: list[dict[str, Any]], **dataset: Any) -> Recipe:
    base = {"name": "set", "begin": "2026-11-21T09:00:00", "end": "2026-11-21T09:01:00"}
    if "clock" not in dataset and "raw" not in dataset:
        base["every"] = "1s"
    dataset.pop("raw", None)
    return Recipe.model_validate({"dataset": {**base, **dataset}, "column": columns})


def make(store: Historian, what: Recipe, folder: Path, **options: Any) -> dict[str, Any]:
    return export(store.reader, store.tags(), store.stream, what, folder, **options)


def rows(folder: Path) -> list[list[str]]:
    with (folder / "set.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_columns_meet_the_clock_and_the_manifest_tells_where_they_come_from(store: Historian, tmp_path: Path) -> None:
    manifest = make(store, recipe([{"tag": "온도", "max_age": "3s", "required": True}, {"tag": "state", "max_age": "20s"}]), tmp_path)
    raw = (tmp_path / "set.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbftime,")
    told = (tmp_path / "README.txt").read_text(encoding="utf-8-sig")
    assert manifest["attribution"] == attribution.KOREAN and attribution.BOTH in told
    assert "온도: 온도 (plc) °C" in told and manifest["file"]["sha256"] in told
    table = rows(tmp_path)
    assert table[0] == ["time", "온도", "state"]
    assert table[1] == ["2026-11-21T09:00:00+09:00", "20.0", "0"]
    assert [row[1] for row in table[20:25]] == ["24.75", "24.75", "24.75", "24.75", ""]  # three seconds old is the limit
    column = manifest["columns"][0]
    assert (column["unit"], column["source"], column["samples"], column["missing"]) == ("°C", "plc", 60, 7)
    assert column["good_ratio"] == round(50 / 60, 6)
    assert manifest["required_but_missing"] == ["온도"]
    assert manifest["file"]["sha256"] == hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_made_again_from_its_manifest_it_has_the_same_bytes_whatever_came_since(store: Historian, tmp_path: Path, form: str) -> None:
    what = recipe([{"tag": "온도", "how": "mean", "missing": "linear", "normalise": "zscore"}, {"tag": "state"}], format=form)
    first = make(store, what, tmp_path / "a")
    store.submit("plc", [good("온도", 999.0, T0 + 3 * SECOND), good("state", 9, T0 + 3 * SECOND)]).result(5)
    store.roll_now()
    earlier = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    again = make(store, Recipe.model_validate(earlier["recipe"]), tmp_path / "b", last_seq=earlier["historian"]["last_seq"])
    for name in (f"set.{form}", "manifest.json", "README.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert again == first
    assert make(store, what, tmp_path / "c")["file"]["sha256"] != first["file"]["sha256"]


def test_missing_rules_leave_fill_or_drop(store: Historian, tmp_path: Path) -> None:
    def column(**options: Any) -> list[str]:
        make(store, recipe([{"tag": "온도", "max_age": "1s", **options}]), tmp_path)
        return [row[1] for row in rows(tmp_path)[1:]]

    assert column().count("") == 9
    assert column(missing="previous")[20:30] == ["24.75"] * 10
    assert column(missing="value", value=-1)[25] == "-1.0"
    assert float(column(missing="linear")[25]) == pytest.approx(26.25, abs=0.2)
    assert len(column(missing="drop-row")) == 51


def test_normalisation_is_fit_on_the_training_time_alone(store: Historian, tmp_path: Path) -> None:
    what = recipe([{"tag": "온도", "normalise": "minmax"}], fit_end="2026-11-21T09:00:11")
    parameters = make(store, what, tmp_path)["columns"][0]["normalisation"]
    assert (parameters["offset"], parameters["scale"]) == (20.0, 2.5)
    assert float(rows(tmp_path)[-1][1]) > 1  # test data may leave 0..1


def test_frames_are_joined_with_sensor_values_by_time(store: Historian, tmp_path: Path) -> None:
    what = recipe([{"tag": "cam.frame"}, {"tag": "온도", "how": "nearest", "max_age": "500ms"}], clock="cam.frame")
    make(store, what, tmp_path)
    table = rows(tmp_path)
    assert table[1] == ["2026-11-21T09:00:00.200+09:00", "files/cam/000.png", "20.0"]
    assert table[4] == ["2026-11-21T09:00:21.200+09:00", "files/cam/021.png", ""]
    assert len(table) == 10


def test_without_a_clock_every_sample_is_a_row_with_quality_and_times(store: Historian, tmp_path: Path) -> None:
    make(store, recipe([{"tag": "온도"}, {"tag": "state"}], raw=True), tmp_path)
    table = rows(tmp_path)
    assert table[0] == ["seq", "tag", "value", "quality", "source_time", "server_time", "receive_time"]
    assert len(table) == 65
    broken = next(row for row in table if row[3] == "0x808C0000")
    assert broken[2] == ""
    assert table[1][4:] == ["2026-11-21T09:00:00+09:00", "", "2026-11-21T09:00:00.005+09:00"]


def test_parquet_keeps_types_and_the_zone(store: Historian, tmp_path: Path) -> None:
    make(store, recipe([{"tag": "온도"}, {"tag": "cam.frame", "max_age": "7s"}], format="parquet"), tmp_path)
    table = pq.read_table(tmp_path / "set.parquet")
    assert [str(kind) for kind in table.schema.types] == ["timestamp[ns, tz=Asia/Seoul]", "double", "string"]
    assert table.num_rows == 60


def test_what_cannot_be_exported_is_told(store: Historian, tmp_path: Path) -> None:
    with pytest.raises(PlantError, match="no such tag"):
        make(store, recipe([{"tag": "none"}]), tmp_path)
    with pytest.raises(PlantError) as caught:
        make(store, recipe([{"tag": "온도", "missing": "drop-row"}], begin="2026-11-20T09:00:00", end="2026-11-20T09:01:00"), tmp_path)
    assert caught.value.status == 708
    with pytest.raises(PlantError, match="for a text"):
        make(store, recipe([{"tag": "cam.frame", "how": "mean"}]), tmp_path)


def test_the_sample_recipe_is_correct_and_mistakes_have_lines(tmp_path: Path) -> None:
    sample = Path(__file__).parents[3] / "collector/lnx_collector/dataset/sample.toml"
    assert load_recipe(sample).dataset.every == 1.0
    wrong = tmp_path / "recipe.toml"
    wrong.write_text(sample.read_text(encoding="utf-8").replace('"zscore"', '"zscor"'), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_recipe(wrong)
    assert caught.value.problems[0].hint == "zscore"


def test_the_command_makes_a_data_set_and_makes_it_again(store: Historian, tmp_path: Path) -> None:
    plant, what = tmp_path / "plant.toml", tmp_path / "recipe.toml"
    plant.write_text('[collector]\ndata = "data"\n', encoding="utf-8")
    what.write_text(
        '[dataset]\nname = "set"\nbegin = 2026-11-21T09:00:00\nend = 2026-11-21T09:01:00\nevery = "1s"\n[[column]]\ntag = "온도"\n',
        encoding="utf-8",
    )

    def command(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "lnx_collector", "export", *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, env={**os.environ, "LNX_LANG": "ko"}, timeout=60, check=False)

    made = command(plant, what, tmp_path / "a")
    assert made.returncode == 0, made.stderr
    assert "완전성" in made.stdout
    assert command(plant, tmp_path / "b", "--again", tmp_path / "a" / "manifest.json").returncode == 0
    assert (tmp_path / "a" / "set.csv").read_bytes() == (tmp_path / "b" / "set.csv").read_bytes()
