"""`verify` says complete when it is, and finds every way in which it is not."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.evidence.verify import Report, verify_folder
from lnx_agent.ledger import Ledger
from lnx_agent.record import draft
from lnx_agent.segment import Header, SegmentReader, write_segment
from lnx_agent.stream import footer_of, segments_in
from lnx_common.durable_log import Entry

MINUTE = 60 * 10**9


class Years:
    """A ledger whose clock the test turns."""

    def __init__(self, folder: Path, start: int) -> None:
        self.folder, self.now = folder, start
        self.keys = AgentKeys(folder / "keys")
        self.ledger = Ledger(folder, self.keys.signer)
        self.ledger.live.journal._clock = lambda: self.now

    def say(self, event: str, **attributes: object) -> None:
        self.ledger.live.append([draft(event, attributes, self.now, self.now)])

    def live(self, minutes: int) -> None:
        for _ in range(minutes // 5):
            self.now += 5 * MINUTE
            self.say("agent.heartbeat", accepted=self.ledger.live.next_seq)

    def seal(self) -> None:
        self.ledger.live.seal(10**9)

    def done(self) -> Path:
        self.ledger.live.close()
        return self.folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten hours of heartbeats in ten segments, a declared stop of two hours among them, ending now."""
    years = Years(tmp_path / "data", time.time_ns() - 12 * 60 * MINUTE)
    years.say("agent.start", version="1")
    for hour in range(10):
        years.live(60)
        if hour == 4:
            before, years.now = years.now, years.now + 120 * MINUTE
            years.say("agent.start", version="1")
            years.say("agent.gap", reason="stopped", from_time=before, to_time=years.now)
        years.seal()
    years.say("agent.heartbeat", accepted=1)
    return years.done()


def kinds(report: Report) -> list[str]:
    return [problem.kind for problem in report.problems]


@pytest.mark.parametrize("quick", [True, False])
def test_an_untouched_log_is_complete_and_lists_what_was_declared(log: Path, quick: bool) -> None:
    report = verify_folder(log, quick=quick)
    assert report.complete, report.problems
    assert [(f.kind, f.detail) for f in report.declared] == [("agent.gap", "reason stopped")]
    assert (report.records, report.segments) == (124, 10)


def _remove(log: Path) -> None:
    segments(log)[3].path.unlink()
    segments(log)[3].note.unlink(missing_ok=True)


def segments(log: Path):  # type: ignore[no-untyped-def]
    return segments_in(next((log / "streams").iterdir()))


def _remove_last(log: Path) -> None:
    for segment in segments(log)[-3:]:
        segment.path.unlink()
        segment.note.unlink()
    for path in (log / "streams").glob("*/journal.db*"):
        path.unlink()


def _flip(log: Path) -> None:
    path = segments(log)[5].path
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


def _rewrite(log: Path, change: Callable[[list[Entry]], list[Entry]]) -> None:
    segment = segments(log)[5]
    reader = SegmentReader(segment.path)
    entries = change(list(reader.entries()))
    from lnx_agent.evidence.merkle import Frontier

    footer = footer_of(entries, segment.end, Frontier.from_text(segment.end, reader.footer.frontier))
    write_segment(segment.path, Header(reader.header.stream, segment.first, 0), entries, footer)


def _forge(log: Path) -> None:
    _rewrite(log, lambda entries: [Entry(e.seq, e.time_ns, e.body.replace(b"agent.heartbeat", b"agent.heartbeaT")) for e in entries])


def _drop(log: Path) -> None:
    _rewrite(log, lambda entries: entries[:-2])


def _other_key(log: Path) -> None:
    shutil.rmtree(log / "keys")
    AgentKeys(log / "keys")


def _tamper_journal(log: Path) -> None:
    with sqlite3.connect(next((log / "streams").glob("*/journal.db"))) as db:
        db.execute("DELETE FROM entry WHERE seq = (SELECT min(seq) FROM entry)")


@pytest.mark.parametrize(
    ("wreck", "expected"),
    [
        (_remove, {"missing-segment"}),
        (_remove_last, {"ends-earlier"}),
        (_flip, {"missing", "changed"}),
        (_forge, {"changed"}),
        (_drop, {"missing"}),
        (_other_key, {"unsigned"}),
    ],
)
@pytest.mark.parametrize("quick", [True, False])
def test_tampering_is_found(log: Path, wreck: Callable[[Path], None], expected: set[str], quick: bool) -> None:
    wreck(log)
    report = verify_folder(log, quick=quick)
    assert not report.complete
    assert expected & set(kinds(report)), report.problems


def test_silence_without_a_gap_record_is_found_with_its_times(tmp_path: Path) -> None:
    years = Years(tmp_path, time.time_ns() - 5 * 60 * MINUTE)
    years.say("agent.start", version="1")
    years.live(60)
    years.seal()
    before, years.now = years.now, years.now + 60 * MINUTE
    years.live(180)
    report = verify_folder(years.done())
    assert [(p.kind, p.from_time, p.to_time) for p in report.problems] == [("silence", before, before + 65 * MINUTE)]


def test_a_period_that_the_log_does_not_reach_is_not_complete(log: Path) -> None:
    now = time.time_ns()
    assert kinds(verify_folder(log, from_ns=now - 30 * 24 * 60 * MINUTE)) == ["begins-later"]
    assert verify_folder(log, from_ns=now - 11 * 60 * MINUTE, to_ns=now).complete


def test_a_rotated_key_is_followed_and_an_unintroduced_one_is_not(tmp_path: Path) -> None:
    years = Years(tmp_path, time.time_ns() - 60 * MINUTE)
    years.say("agent.start", version="1")
    years.live(30)
    years.say("agent.key", note=years.keys.rotate())
    years.seal()
    years.ledger.live.signer = years.keys.signer
    years.live(25)
    years.seal()
    assert verify_folder(years.folder).complete
    years.keys._private.unlink()
    stranger = AgentKeys(tmp_path / "keys")
    years.ledger.live.signer = stranger.signer
    years.live(5)
    years.seal()
    report = verify_folder(years.done())
    assert kinds(report) == ["unsigned"]


def test_a_log_after_damage_is_complete_when_the_damage_is_declared(tmp_path: Path) -> None:
    years = Years(tmp_path, time.time_ns() - 120 * MINUTE)
    years.say("agent.start", version="1")
    years.live(60)
    years.seal()
    years.live(55)
    path = segments(tmp_path)[0].path
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)
    assert not verify_folder(tmp_path).complete
    years.ledger.read(years.ledger.live.id, 0, 10)
    report = verify_folder(years.done())
    assert report.complete, report.problems
    assert [f.kind for f in report.declared] == ["agent.loss"]
