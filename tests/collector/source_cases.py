"""Cases of sources as data: one folder each, named after what went wrong somewhere.

`AREA/cases/NAME/case.toml` has

    about      why the case exists: the manual, standard or report behind it
    [source]   the table as it stands in a configuration, without name and address
    [device]   what the device of the area does; its own test module says what can stand here
    [expected] samples = [[tag, value, quality, source_time], ...]   in order; the last two may be left out ("GOOD", not compared)
               losses = [[count, reason, tag], ...]   troubles = {part = status}   in any order
    [refused]  instead of expected: where (line of the table), found, expected: parts of the message

Other files beside it are what the device needs.
"""

from __future__ import annotations

import json
import math
import threading
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lnx_collector import quality
from lnx_collector.config import read_config
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.registry import load_kind
from lnx_collector.sources import SOURCES
from lnx_common.config import ConfigError, Document


@dataclass(frozen=True)
class Case:
    """One folder."""

    folder: Path
    about: str
    source: Mapping[str, Any]
    device: Mapping[str, Any]
    expected: Mapping[str, Any]
    refused: Mapping[str, str]

    def build(self, data: Path, **address: Any) -> Any:
        """The source of the case, pointed at the device that plays it."""
        kind = load_kind(SOURCES, self.source["type"])
        settings = kind.settings.model_validate({"name": "case", **self.source, **address})
        return kind.build(settings, SourceContext("case", data, time.time_ns))

    def done(self, seen: Seen) -> bool:
        """Whether as much has come as is expected; what is too much shows in `check`, which looks a moment later."""
        wanted = self.expected
        samples, losses = len(wanted.get("samples", [])), sum(count for count, *_ in wanted.get("losses", []))
        troubles = set(wanted.get("troubles", {}))
        return len(seen.samples) >= samples and sum(count for count, *_ in seen.losses) >= losses and troubles <= set(seen.troubles)

    def check(self, seen: Seen) -> None:
        """Compares what was seen with what was expected."""
        samples = [_told(sample) for sample in seen.samples]
        wanted = [_wanted(row) for row in self.expected.get("samples", [])]
        assert len(samples) == len(wanted), f"{self.about}\nseen     {samples}\nexpected {wanted}"
        for one, other in zip(samples, wanted, strict=True):
            assert one[: len(other)] == other, f"{self.about}\nseen     {one}\nexpected {other}"
        losses: dict[tuple[str, str], int] = {}
        for count, reason, tag in seen.losses:
            losses[reason, tag] = losses.get((reason, tag), 0) + count
        assert losses == {(reason, tag): count for count, reason, tag in self.expected.get("losses", [])}, self.about
        assert {part: error.status for part, error in seen.troubles.items()} == self.expected.get("troubles", {}), self.about


def _told(sample: Any) -> list[Any]:
    value = round(sample.value, 9) if isinstance(sample.value, float) and math.isfinite(sample.value) else sample.value
    return [sample.tag, value, quality.name(sample.quality), sample.source_time]


def _wanted(row: list[Any]) -> list[Any]:
    value = None if row[1] == "none" else round(row[1], 9) if isinstance(row[1], float) else row[1]
    return [row[0], value, *(row[2:] or ["GOOD"])]


def _load(path: Path) -> Case:
    raw = tomllib.loads(path.read_text("utf-8"))
    return Case(path.parent, raw["about"], raw["source"], raw.get("device", {}), raw.get("expected", {}), raw.get("refused", {}))


def cases(area: Path) -> list[Any]:
    """Parameters for pytest: the cases of an area that run."""
    listed = [_load(path) for path in sorted((area / "cases").glob("*/case.toml"))]
    return [pytest.param(case, id=case.folder.name) for case in listed if not case.refused]


def refused_cases() -> list[Any]:
    """Parameters for pytest: the cases of every area that the configuration refuses."""
    listed = [_load(path) for path in sorted(Path(__file__).parent.glob("*/cases/*/case.toml"))]
    return [pytest.param(case, id=f"{case.folder.parents[1].name}-{case.folder.name}") for case in listed if case.refused]


def refusal(case: Case) -> ConfigError:
    """What the configuration says of a case that it refuses."""
    text = "[[source]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in {"name": "case", **case.source}.items() if key != "tag")
    for tag in case.source.get("tag", []):
        text += "[[source.tag]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in tag.items())
    with pytest.raises(ConfigError) as caught:
        read_config(Document.parse(text.encode(), Path("collect.toml")))
    return caught.value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def beginning(source: Any) -> threading.Event:
    """Is set when the source, which is to be run later, says that it works: from then on it hears what its device says."""
    begun = threading.Event()
    run = source.run

    async def running(intake: Any) -> None:
        well = intake.well

        def heard(part: str = "") -> None:
            if not part:
                begun.set()
            well(part)

        intake.well = heard
        await run(intake)

    source.run = running
    return begun


def run_case(case: Case, source: Any, watch: Callable[..., Seen], seconds: float = 30, until: Callable[[Seen], bool] | None = None) -> None:
    """Runs the source until everything expected has come, and a moment longer; compares."""
    complete: list[float] = []

    def enough(seen: Seen) -> bool:
        if until is not None:
            until(seen)
        if not complete and case.done(seen):
            complete.append(time.monotonic())
        return bool(complete) and time.monotonic() - complete[0] > 0.15

    case.check(watch(source, seconds, enough))
