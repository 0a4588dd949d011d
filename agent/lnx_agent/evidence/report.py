"""What the verifier says."""

from __future__ import annotations

from dataclasses import dataclass, field

FINDINGS: dict[str, tuple[str, str]] = {
    "missing-segment": ("a segment file is missing", "세그먼트 파일이 없습니다"),
    "missing": ("records are missing and nobody declared it", "신고되지 않은 기록 누락이 있습니다"),
    "unsigned": ("no signature of a known key", "알려진 키의 서명이 없습니다"),
    "changed": ("changed after it was signed", "서명 이후 변경되었습니다"),
    "journal": ("the journal cannot be read", "저널을 읽을 수 없습니다"),
    "unlinked": ("does not name the stream before it", "이전 스트림을 명시하지 않았습니다"),
    "silence": ("silence that nobody declared", "신고되지 않은 무기록 구간이 있습니다"),
    "begins-later": ("the log begins later", "로그가 기간보다 늦게 시작합니다"),
    "ends-earlier": ("the log ends earlier", "로그가 기간보다 일찍 끝납니다"),
    "empty": ("there are no records", "기록이 없습니다"),
    "agent.gap": ("nothing was watched, or events are missing", "감시 중단 또는 이벤트 누락"),
    "agent.loss": ("records lost by damage", "손상으로 잃은 기록"),
    "agent.fork": ("a new stream after damage", "손상 후 새 스트림 시작"),
    "agent.clock": ("the clock changed", "시계 변경"),
    "agent.dead_letter": ("refused by the upstream", "상위 시스템이 거부한 기록"),
    "lnx.loss": ("a program could not write events", "프로그램이 기록하지 못한 이벤트"),
}
"""What a kind of finding means, in English and Korean."""


@dataclass(frozen=True)
class Finding:
    """A reason why the log is not complete, or a declared gap. ``kind`` is a key of FINDINGS."""

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
