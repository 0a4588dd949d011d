"""What the verifier says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """A reason why the log is not complete, or a declared gap. ``kind`` is a key of the texts in cli/messages.py."""

    kind: str
    stream: str
    detail: str
    from_time: int = 0
    to_time: int = 0


@dataclass
class Report:
    """The answer. Times are ns since 1970 of acceptance on the machine."""

    complete: bool = False
    records: int = 0
    segments: int = 0
    bytes: int = 0
    streams: list[str] = field(default_factory=list)
    first_time: int = 0
    last_time: int = 0
    confirmed: dict[str, int] = field(default_factory=dict)
    """Records that a receiver has counter-signed, by stream."""
    problems: list[Finding] = field(default_factory=list)
    declared: list[Finding] = field(default_factory=list)
    root: str = ""
    size: int = 0
    seconds: float = 0.0
