"""The tables of a CSV folder source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lnx_common.config import Seconds, Settings, rule_broken
from pydantic import Field, field_validator, model_validator

from lnx_collector.contract import Name, SourceSettings
from lnx_collector.sample import Kind


class CsvColumn(Settings):
    """[[source.tag]]: one column."""

    name: Name
    """Name of the tag."""
    column: str | int
    """Heading of the column, or its number from 1."""
    kind: Kind = "float"
    """float, int, bool (1/0, true/false, on/off) or text."""
    unit: str = ""
    description: str = ""


class CsvFolderSettings(SourceSettings):
    """type = "csv-folder"."""

    type: Literal["csv-folder"]
    folder: Path
    """Where the files are."""
    pattern: str = "*.csv"
    """Which of them; "**/*.csv" looks into folders inside."""
    encoding: Literal["auto", "utf-8", "cp949", "utf-16"] = "auto"
    """auto: UTF-8 when it is valid, else CP949."""
    delimiter: str = Field(",", min_length=1, max_length=1)
    """Between columns: ",", ";", "\\t"."""
    header_row: int = Field(1, ge=0)
    """Row of the headings, from 1; 0 = there are none."""
    data_row: int | None = Field(None, ge=1)
    """First row of data; default: the one after the headings."""
    decimal: Literal[".", ","] = "."
    """Decimal sign; the other one may separate thousands."""
    time_column: str | int = ""
    """Heading or number of the column with the time; empty = the rows have none."""
    time_format: str = "iso"
    """"iso", "s" or "ms" (numbers since 1970), or a pattern such as "%Y-%m-%d %H:%M:%S"."""
    time_zone: str = "Asia/Seoul"
    """For times without an offset."""
    period: Seconds = Field(2.0, gt=0)
    """How often the folder is looked at."""
    settle: Seconds = Field(5.0, ge=0)
    """A last row without a line end counts when the file has been quiet for so long."""
    tag: tuple[CsvColumn, ...] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise rule_broken('a time zone such as "Asia/Seoul"', '"Asia/Seoul" 같은 시간대') from error
        return name

    @model_validator(mode="after")
    def _headings(self) -> CsvFolderSettings:
        named = any(isinstance(one.column, str) for one in self.tag) or (isinstance(self.time_column, str) and self.time_column)
        if named and not self.header_row:
            raise rule_broken("numbers of columns when header_row = 0", "header_row = 0이면 열 번호로 지정")
        if self.data_row is not None and self.data_row <= self.header_row:
            raise rule_broken("data_row after header_row", "data_row는 header_row 다음이어야 합니다")
        return self

    @property
    def first_data_row(self) -> int:
        return self.data_row or self.header_row + 1
