"""The collector's one TOML file, as typed settings.

    [collector]      where data lies, the address of status and metrics
    [historian]      how much is kept, and what happens when that is reached
    [[source]]       where samples come from; `type` chooses the kind, its tags are in [[source.tag]]
    [[step]]         what changes samples, in the order of the file
    [[sink]]         where samples go besides the historian

Invariants: a file is accepted whole or refused with every problem it has; names of sources, sinks and tags are unique.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lnx_common.config import Bytes, Document, Seconds, Settings, nearest
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.contract import SinkSettings, SourceSettings, StepSettings
from lnx_collector.registry import load_kind
from lnx_collector.sinks import SINKS
from lnx_collector.sources import SOURCES
from lnx_collector.steps import STEPS


def default_data() -> Path:
    """``%ProgramData%\\LNX\\collector`` on Windows, ``/var/lib/lnx/collector`` elsewhere."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "LNX" / "collector"
    return Path("/var/lib/lnx/collector")


class CollectorSettings(Settings):
    """[collector]"""

    data: Path = Field(default_factory=default_data)
    """Folder of everything that is collected; relative paths count from the configuration file."""
    http: str = Field("127.0.0.1:9620", pattern=r"^((127\.0\.0\.1|localhost|\[::1\]):\d{1,5})?$")
    """Loopback address of status, live tail and Prometheus metrics; "" switches them off."""
    reload: bool = True
    """Take over changes of this file while running; a change that does not work is rolled back."""


class HistorianSettings(Settings):
    """[historian]"""

    max_size: Bytes = Field(20 * 10**9, ge=50 * 10**6)
    """Most that samples may take on the disk."""
    keep: Seconds = Field(3 * 365 * 86400.0, gt=0)
    """Samples older than this are deleted."""
    when_full: Literal["delete-oldest", "thin", "wait"] = "delete-oldest"
    """At max_size: delete the oldest hours; or thin them first (one Good sample of four stays, up to three times); or let the sources wait.
    What is deleted or left out is a loss record."""
    commit_interval: Seconds = Field(0.03, ge=0, le=10)
    """Samples that arrive within this time share one synced write."""
    commit_rows: int = Field(5000, ge=1)
    """So many samples are written at once even before commit_interval is over."""
    part_rows: int = Field(500_000, ge=100)
    """A Parquet file is closed every hour, or when it would hold more samples than this."""
    reserve: Bytes = Field(64 * 2**20, ge=0)
    """A file of this size is kept and given up first when the disk is full."""


class _File(Settings):
    """The whole file; the tables of sources, steps and sinks are read by their kinds."""

    collector: CollectorSettings = CollectorSettings()
    historian: HistorianSettings = HistorianSettings()
    source: list[Any] = Field(default_factory=list)
    step: list[Any] = Field(default_factory=list)
    sink: list[Any] = Field(default_factory=list)


@dataclass(frozen=True)
class Config:
    """A configuration that has been checked."""

    path: Path
    collector: CollectorSettings
    historian: HistorianSettings
    sources: tuple[SourceSettings, ...]
    steps: tuple[StepSettings, ...]
    sinks: tuple[SinkSettings, ...]

    @property
    def data(self) -> Path:
        return (self.path.parent / self.collector.data).resolve()


def load_config(path: Path) -> Config:
    """Reads and checks a configuration. Raises ConfigError (601, 602) or PlantError (603, 709)."""
    return read_config(Document.read(path))


def read_config(document: Document) -> Config:
    """The same from a parsed document."""
    main = document.settings(_File)
    sources = _tables(document, "source", SOURCES)
    steps = _tables(document, "step", STEPS)
    sinks = _tables(document, "sink", SINKS)
    _unique(document, "source")
    _unique(document, "sink")
    _unique_tags(document)
    document.finish()
    if main is None:
        raise AssertionError("refused without a problem")
    return Config(document.path, main.collector, main.historian, tuple(sources), tuple(steps), tuple(sinks))


def _tables(document: Document, room: str, kinds: Mapping[str, str]) -> list[Any]:
    """Each [[room]] table by the settings of its kind."""
    found = []
    tables = document.data.get(room, [])
    for i, table in enumerate(tables if isinstance(tables, list) else []):
        kind = _kind(document, (room, i), table, kinds)
        settings = kind and document.settings(kind.settings, (room, i))
        if settings is not None:
            found.append(settings)
    return found


def _kind(document: Document, place: tuple[str, int], table: Any, kinds: Mapping[str, str]) -> Any:
    name = table.get("type") if isinstance(table, dict) else None
    if isinstance(name, str) and name in kinds:
        try:
            return load_kind(kinds, name)
        except PlantError as error:
            library = f"{error.found}; pip install {error.expected}"
            document.refuse((*place, "type"), found=library, expected="the library of this kind", expected_ko="이 종류에 필요한 라이브러리")
            return None
    names = ", ".join(f'"{known}"' for known in kinds)
    document.refuse(
        (*place, "type"),
        found=f'"{name}"' if name is not None else "-",
        expected=f"type = one of {names}",
        expected_ko=f"type = 다음 중 하나: {names}",
        hint=nearest(str(name), kinds) if name is not None else "",
    )
    return None


def _unique(document: Document, room: str) -> None:
    first: dict[str, int] = {}
    tables = document.data.get(room, [])
    for i, table in enumerate(tables if isinstance(tables, list) else []):
        name = table.get("name") if isinstance(table, dict) else None
        if isinstance(name, str) and first.setdefault(name, i) != i:
            _taken(document, (room, i, "name"), name, (room, first[name], "name"))


def _unique_tags(document: Document) -> None:
    first: dict[str, tuple[str | int, ...]] = {}
    sources = document.data.get("source", [])
    for i, source in enumerate(sources if isinstance(sources, list) else []):
        tags = source.get("tag", []) if isinstance(source, dict) else []
        for j, tag in enumerate(tags if isinstance(tags, list) else []):
            name = tag.get("name") if isinstance(tag, dict) else None
            place = ("source", i, "tag", j, "name")
            if isinstance(name, str) and first.setdefault(name, place) != place:
                _taken(document, place, name, first[name])


def _taken(document: Document, place: tuple[str | int, ...], name: str, other: tuple[str | int, ...]) -> None:
    where = document.at(other)
    document.refuse(
        place,
        found=f'"{name}"',
        expected=f"a name of its own; this one is taken at {where}",
        expected_ko=f"겹치지 않는 이름({where}에서 이미 사용 중)",
    )
