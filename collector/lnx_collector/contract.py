"""What a source, a step and a sink are: the three places where the collector is extended.

Each kind lives in a folder of its own, `sources/NAME/`, `sinks/NAME/` (steps: one file, `steps/NAME.py`), and hands out one
`SourceKind`, `StepKind` or `SinkKind`. A kind is named in the table of its room (`sources/__init__.py` and so on) and imported only
when a configuration uses it, so that a missing library stops nobody else.

The division of labour: a source knows its protocol and nothing of storage; the runtime supervises it, restarts it with growing
pauses, counts what it loses and keeps what it delivers. See collector/README.md for a source written from start to end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from lnx_common.config import Seconds, Settings
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector.sample import Sample, Tag

NAME = r"^[^\s/\\*?\[\]]+$"
Name = Annotated[str, Field(pattern=NAME, min_length=1, max_length=200)]
"""Of a source, tag or sink: any letters, Korean too; no spaces, slashes or * ? [ ]."""


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class SourceSettings(Settings):
    """What every source has in its table; each kind derives its own and narrows ``type``."""

    name: Name
    """Unique name of this source."""
    type: str
    """Kind of source."""
    enabled: bool = True
    """false keeps the table but does not run it."""
    backoff_max: Seconds = 60.0
    """Longest pause between two attempts to reach it."""


class Intake(Protocol):
    """Where a source hands in what it has; the runtime gives one to each source."""

    async def accept(self, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> None:
        """Returns when the samples are on disk and synced (fsync), so that a protocol may acknowledge them now.

        ``bookmark`` is stored in the same transaction: a source that reads files or streams resumes from it without losing or
        doubling a sample. A full disk makes this wait, not fail: that is the back-pressure.
        """

    def bookmarks(self) -> Mapping[str, str]:
        """What this source stored with ``accept`` before, key -> text."""

    def describe(self, tags: Sequence[Tag]) -> None:
        """Tells of tags that the configuration did not list (found by browsing, by a birth message, by a header row)."""

    def lost(self, count: int, reason: str, tag: str = "") -> None:
        """Samples that existed but could not be handed in: late scans, overflowed queues, unreadable rows. Becomes a loss record.

        ``reason`` is a short stable word: ``scan_late``, ``queue_overflow``, ``unreadable``.
        """

    def trouble(self, part: str, error: PlantError) -> None:
        """A part of the source (one Modbus unit, one topic, one file) does not work; the rest goes on. Told once until it changes."""

    def well(self, part: str = "") -> None:
        """That part works (again); ``""`` is the source itself. Cheap: may be called with every scan."""


@dataclass(frozen=True)
class SourceContext:
    """What the runtime gives a source when it is built."""

    name: str
    data: Path
    """The collector's data folder; files of values (images) go below ``data / "files" / name``."""
    now: Callable[[], int]
    """Wall clock in ns since 1970. Durations are measured with ``time.monotonic``, never with this."""

    @property
    def files(self) -> Path:
        return self.data / "files" / self.name


class Source(Protocol):
    """Something samples come from. Building it does no I/O."""

    def tags(self) -> Sequence[Tag]:
        """The tags that the configuration lists; may be empty for sources that learn them later (``Intake.describe``)."""

    async def run(self, intake: Intake) -> None:
        """Connects, collects and hands in until cancelled, then closes what it opened.

        Raises PlantError 7xx when it cannot go on: the runtime waits (backoff with jitter) and calls ``run`` again. Returning means
        that there is nothing more to collect (a finished file). Parts that fail alone are told with ``intake.trouble`` instead.
        When it raises, the runtime gives each of its tags one Bad sample; a part that fails alone marks its own tags, once.
        """


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class SourceKind(Generic[S]):
    """One kind of source, as its module hands it out under the name ``KIND``."""

    settings: type[S]
    build: Callable[[S, SourceContext], Source]
    sample: Path
    """Its sample configuration (TOML): printed by ``lnx collect init``, spliced into the guide, and read by a test."""


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class StepSettings(Settings):
    """What every step has in its table."""

    type: str
    """Kind of step."""
    tags: tuple[str, ...] = Field(("*",), min_length=1)
    """Patterns of the tags it works on: "press1.*"."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Of the tags that the step must see: those it works on, and any that only steer it."""
        return self.tags


class Step(Protocol):
    """Changes samples between source and historian. Holds state per tag in memory; does no I/O."""

    def apply(self, sample: Sample) -> Sequence[Sample]:
        """What becomes of one sample: itself, a changed one, several, or none."""

    def tick(self, now: int) -> Sequence[Sample]:
        """What falls due by time (heartbeats, stale marks); called about once a second. Often empty."""

    def finish(self, now: int) -> Sequence[Sample]:
        """What it still holds back (an open window, an average); called once, at the end of the last source it worked for."""


@runtime_checkable
class Describing(Protocol):
    """A step that changes what is known of a tag, not only its values."""

    def describe(self, tag: Tag) -> Tag:
        """The tag behind this step: in another unit, for example."""


@dataclass(frozen=True)
class StepKind(Generic[S]):
    """One kind of step."""

    settings: type[S]
    build: Callable[[S], Step]
    sample: str
    """A few lines of TOML that show it."""


# ── sinks ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class SinkSettings(Settings):
    """What every sink has in its table."""

    name: Name
    """Unique name of this sink; its cursor is kept under it."""
    type: str
    """Kind of sink."""
    enabled: bool = True
    """false keeps the table and the cursor but sends nothing."""
    tags: tuple[str, ...] = Field(("*",), min_length=1)
    """Patterns of the tags it gets: "press1.*"."""
    batch: int = Field(1000, ge=1, le=50_000)
    """Samples per delivery, at most."""
    backoff_max: Seconds = 60.0
    """Longest pause between two attempts."""


class Row(NamedTuple):
    """A sample as the historian keeps it. ``seq`` rises by one per accepted sample and is never reused: the idempotent key."""

    seq: int
    sample: Sample
    tag: Tag


@dataclass(frozen=True)
class SinkContext:
    """What the runtime gives a sink when it is built."""

    name: str
    stream: str
    """Identity of this historian (UUID text). ``stream:seq`` names a sample everywhere and for ever."""
    data: Path
    now: Callable[[], int]


class RowsRefusedError(PlantError):
    """The receiver has taken all rows but these, and will never take them. They go to quarantine; the cursor passes."""

    def __init__(self, seqs: Sequence[int], reason: str) -> None:
        self.seqs = tuple(seqs)
        super().__init__(707, found=reason)


class BatchRefusedError(PlantError):
    """The receiver will never take this batch and does not say because of which row. The runtime halves it until it knows."""

    def __init__(self, reason: str) -> None:
        super().__init__(707, found=reason)


class Sink(Protocol):
    """Something that samples are sent to, in order, at least once."""

    async def deliver(self, rows: Sequence[Row]) -> None:
        """Returns when the receiver has confirmed all of them. Connects when it is not connected.

        The same rows come again after a crash: write by the key ``stream:seq``. Raises PlantError 706 when the receiver cannot be
        reached or is busy (the runtime tries again for ever), RowsRefusedError or BatchRefusedError when trying again is pointless.
        """

    async def close(self) -> None:
        """Closes the connection; called once."""


@dataclass(frozen=True)
class SinkKind(Generic[S]):
    """One kind of sink."""

    settings: type[S]
    build: Callable[[S, SinkContext], Sink]
    sample: Path


@dataclass
class Seen:
    """An intake that only remembers: for tests of sources, and for ``lnx collect probe``."""

    samples: list[Sample] = field(default_factory=list)
    described: list[Tag] = field(default_factory=list)
    losses: list[tuple[int, str, str]] = field(default_factory=list)
    troubles: dict[str, PlantError] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    async def accept(self, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> None:
        self.samples += samples
        self.marks |= bookmark or {}

    def bookmarks(self) -> Mapping[str, str]:
        return self.marks

    def describe(self, tags: Sequence[Tag]) -> None:
        self.described += tags

    def lost(self, count: int, reason: str, tag: str = "") -> None:
        self.losses.append((count, reason, tag))

    def trouble(self, part: str, error: PlantError) -> None:
        self.troubles[part] = error

    def well(self, part: str = "") -> None:
        self.troubles.pop(part, None)

    def latest(self) -> dict[str, Sample]:
        """The last sample of each tag."""
        return {sample.tag: sample for sample in self.samples}
