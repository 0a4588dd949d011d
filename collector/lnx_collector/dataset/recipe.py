"""What a data set is made of, as a TOML file that is kept with it.

[dataset]      name, time range, clock, format
[[column]]     one tag each: how it meets the clock, what happens where it is missing, how it is normalised
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lnx_common.config import Document, Seconds, Settings, rule_broken
from pydantic import Field, field_validator, model_validator

How = Literal["last", "nearest", "linear", "mean", "min", "max", "sum", "count"]


class Column(Settings):
    """[[column]]"""

    tag: str
    """Tag of the historian."""
    name: str = ""
    """Heading in the file; default: the tag."""
    how: How = "last"
    """What stands at a time t of the clock: the last sample up to t; the nearest; between two samples; or mean, min, max, sum, count of the
    samples since the time before."""
    max_age: Seconds = Field(10.0, gt=0)
    """A sample further away than this from t counts as missing (last, nearest, linear)."""
    missing: Literal["leave", "previous", "linear", "value", "drop-row"] = "leave"
    """Where there is none: an empty cell, the value before, between the neighbours, a fixed value, or no row at all."""
    value: float | str | None = None
    """The fixed value for missing = "value"."""
    normalise: Literal["none", "minmax", "zscore", "robust"] = "none"
    """minmax: to 0..1; zscore: mean 0, deviation 1; robust: median 0, quartile distance 1. Parameters go into the manifest."""
    required: bool = False
    """Stands in the manifest, and is counted when it is missing."""
    uncertain: bool = False
    """Take samples of Uncertain quality too; Bad ones have no value anyway."""

    @property
    def heading(self) -> str:
        return self.name or self.tag

    @model_validator(mode="after")
    def _fits(self) -> Column:
        if (self.missing == "value") != (self.value is not None):
            raise rule_broken('value together with missing = "value"', 'missing = "value"일 때만 value 지정')
        return self


class DatasetSettings(Settings):
    """[dataset]"""

    name: str = Field(pattern=r"^[^\\/:*?\"<>|]+$")
    """Name of the data set and of its file."""
    begin: datetime
    """First time; without an offset it counts in `time_zone`."""
    end: datetime
    """Time before which it ends."""
    every: Seconds | None = Field(None, gt=0)
    """Clock: a row every so often. Without `every` and `clock`: one row per sample, as they came."""
    clock: str = ""
    """Clock: a row for each sample of this tag, a camera's frames for example."""
    format: Literal["csv", "parquet"] = "csv"
    time_zone: str = "Asia/Seoul"
    """Zone of the times in the file."""
    fit_begin: datetime | None = None
    """Normalisation is fit on rows from here …"""
    fit_end: datetime | None = None
    """… to here (default: all rows), so that test data does not leak into it."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise rule_broken('a time zone such as "Asia/Seoul"', '"Asia/Seoul" 같은 시간대') from error
        return name

    @model_validator(mode="after")
    def _ordered(self) -> DatasetSettings:
        if self.nanoseconds(self.begin) >= self.nanoseconds(self.end):
            raise rule_broken("begin before end", "begin은 end보다 앞이어야 합니다")
        if self.every is not None and self.clock:
            raise rule_broken("every or clock, not both", "every와 clock 중 하나만")
        return self

    def nanoseconds(self, moment: datetime) -> int:
        """UTC nanoseconds since 1970, exactly."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.time_zone))
        passed = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000


class Recipe(Settings):
    """The whole file."""

    dataset: DatasetSettings
    column: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _headings(self) -> Recipe:
        headings = [column.heading for column in self.column]
        if len(set(headings)) < len(headings) or "time" in headings:
            raise rule_broken("a heading of its own for each column, none of them time", "열마다 다른 이름(time 제외)")
        return self


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe. Raises ConfigError or PlantError."""
    document = Document.read(path)
    recipe = document.settings(Recipe)
    document.finish()
    if recipe is None:
        raise AssertionError("refused without a problem")
    return recipe
