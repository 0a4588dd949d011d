"""Records survive sealing, and damage of any file is found, accounted for and survived."""

from __future__ import annotations

import base64
import errno
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx_agent import stream as stream_module
from lnx_agent.evidence.merkle import Frontier, leaf_hash
from lnx_agent.evidence.notes import Checkpoint, Signer, opened
from lnx_agent.evidence.verify import verify_folder
from lnx_agent.ledger import Ledger
from lnx_agent.record import Draft, draft, parsed
from lnx_agent.segment import Footer, Header, SegmentReader, write_segment
from lnx_agent.stream import footer_of, segments_in
from lnx_common.durable_log import Entry
from lnx_common.errors import PlantError

SIGNER = Signer("agent", Ed25519PrivateKey.generate())


def drafts(first: int, count: int) -> list[Draft]:
    return [draft("lnx.error", {"status": n, "model": "m"}, n, n, f"press-1-1:{n + 1}") for n in range(first, first + count)]


def filled(folder: Path, sealed: int = 3, unsealed: int = 50) -> Ledger:
    """A ledger with segments of 100 records and some more in the journal."""
    ledger = Ledger(folder, SIGNER)
    for n in range(sealed):
        ledger.live.append(drafts(n * 100, 100))
        ledger.live.seal(10**9)
    ledger.live.append(drafts(sealed * 100, unsealed))
    return ledger


def sources(ledger: Ledger) -> list[str]:
    found = []
    for entry in ledger.streams:
        first = 0
        while entries := ledger.read(entry.id, first, 10**6):
            found += [record.source for row in entries if (record := parsed(row.body)).source]
            first = entries[-1].seq + 1
    return found


def test_records_are_the_same_from_the_journal_and_from_segments(tmp_path: Path) -> None:
    ledger = filled(tmp_path, sealed=0, unsealed=300)
    before = ledger.live.read(0, 1000)
    while ledger.live.seal(5000):
        pass
    assert len(segments_in(ledger.live.folder)) > 3
    after = []
    while entries := ledger.live.read(len(after), 70):
        after += entries
    assert [(e.seq, e.body) for e in after] == [(e.seq, e.body) for e in before]


def test_a_segments_note_signs_the_tree_and_names_the_file(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    tree = Frontier()
    for segment in segments_in(ledger.live.folder):
        tree.extend(leaf_hash(entry.body) for entry in SegmentReader(segment.path).entries())
        checkpoint = Checkpoint.from_text(opened(segment.note.read_text(encoding="utf-8"), SIGNER.verifier))
        digest = base64.b64encode(hashlib.sha256(segment.path.read_bytes()).digest()).decode()
        assert (checkpoint.size, checkpoint.root) == (segment.end, tree.root())
        assert checkpoint.extensions == (f"segment {segment.first} {segment.end} {digest}",)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_segment_is_found_and_costs_its_own_block_alone(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "s.seg"
    truth = [Entry(n, n, b"record %d " % n * 200) for n in range(500)]
    write_segment(path, Header("a" * 16, 0, 0), truth, footer_like(truth))
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 1 << bit
    path.write_bytes(raw)
    try:
        reader = SegmentReader(path)
        assert list(reader.entries()) == truth
        pytest.fail("the flipped bit was not found")
    except PlantError as error:
        assert error.status == 801
    try:
        rescued = list(SegmentReader(path).salvage())
    except PlantError:
        return
    assert all(truth[entry.seq] == entry for entry in rescued)


def footer_like(entries: list[Entry]) -> Footer:
    real = draft("lnx.error", {"status": 1, "model": "m"}, 1, 1).numbered("a", 0)
    return footer_of([Entry(e.seq, e.time_ns, real) for e in entries], entries[-1].seq + 1, Frontier())


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 10**9))
def test_a_segment_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "s.seg"
    truth = [Entry(n, n, b"record %d" % n) for n in range(20)]
    write_segment(path, Header("a" * 16, 0, 0), truth, footer_like(truth))
    raw = path.read_bytes()
    path.write_bytes(raw[: cut % len(raw)])
    with pytest.raises(PlantError):
        SegmentReader(path)


def test_a_damaged_journal_forks_the_stream_and_keeps_what_proves_itself(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    old = ledger.live.id
    ledger.live.close()
    journal = ledger.stream_folder(old) / "journal.db"
    raw = bytearray(journal.read_bytes())
    for page in range(3, len(raw) // 4096):
        raw[page * 4096 + 1000 : page * 4096 + 1100] = bytes(100)
    journal.write_bytes(raw)
    ledger = Ledger(tmp_path, SIGNER)
    assert ledger.live.id != old
    assert sources(ledger)[:300] == [f"press-1-1:{n + 1}" for n in range(300)]
    first = parsed(ledger.live.read(0, 1)[0].body)
    assert (first.event, first.attributes["old_stream"]) == ("agent.fork", old)
    told = [parsed(e.body) for e in ledger.live.read(0, 1000)]
    lost = sum(int(r.attributes["to_seq"]) - int(r.attributes["from_seq"]) + 1 for r in told if r.event == "agent.loss")
    assert lost + ledger.streams[0].salvaged + 300 == ledger.streams[0].size
    assert list((tmp_path / "quarantine").glob("*journal.db"))


def test_a_flipped_bit_in_the_write_ahead_log_of_the_journal_is_noticed_and_costs_no_record_after_it(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "running", sealed=1, unsealed=200)
    old = ledger.live.id
    killed = shutil.copytree(tmp_path / "running", tmp_path / "killed", ignore=shutil.ignore_patterns("*-shm"))
    ledger.live.close()
    log = killed / "streams" / old / "journal.db-wal"
    raw = bytearray(log.read_bytes())
    raw[len(raw) // 2] ^= 1
    log.write_bytes(raw)
    ledger = Ledger(killed, SIGNER)
    closed = ledger.streams[0]
    assert ledger.live.id != old and closed.reason == "damaged"
    assert closed.size == 300 and sum(last - first + 1 for first, last in closed.lost) <= 20
    told = [parsed(entry.body) for entry in ledger.live.read(0, 100)]
    assert [r.event for r in told].count("agent.loss") == len(closed.lost)


def test_a_journal_of_yesterdays_backup_is_noticed(tmp_path: Path) -> None:
    ledger = filled(tmp_path, sealed=1, unsealed=0)
    old = ledger.live.id
    ledger.live.close()
    journal = ledger.stream_folder(old) / "journal.db"
    backup = journal.read_bytes()
    ledger = Ledger(tmp_path, SIGNER)
    ledger.live.append(drafts(100, 50))
    ledger.live.checkpoint()
    ledger.live.close()
    for path in journal.parent.glob("journal.db*"):
        path.unlink()
    journal.write_bytes(backup)
    ledger = Ledger(tmp_path, SIGNER)
    assert ledger.live.id != old
    assert ledger.streams[0].reason == "rolled-back"
    assert ledger.streams[0].lost == [[100, 149]]


def test_a_removed_journal_begins_a_new_stream_and_no_number_is_used_twice(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    old = ledger.live.id
    ledger.live.close()
    for path in ledger.stream_folder(old).glob("journal.db*"):
        path.unlink()
    ledger = Ledger(tmp_path, SIGNER)
    assert ledger.live.id != old
    assert ledger.streams[0].reason == "missing"


def test_a_damaged_segment_is_put_aside_and_its_losses_are_declared(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    segment = segments_in(ledger.live.folder)[1]
    raw = bytearray(segment.path.read_bytes())
    raw[len(raw) // 2] ^= 1
    segment.path.write_bytes(raw)
    found = sources(ledger)
    assert found == [f"press-1-1:{n + 1}" for n in range(350) if n not in range(100, 200)]
    losses = [r.attributes for e in ledger.live.read(300, 100) if (r := parsed(e.body)).event == "agent.loss"]
    assert [(loss["from_seq"], loss["to_seq"]) for loss in losses] == [(100, 199)]
    assert ledger.streams[0].lost == [[100, 199]]


def test_a_seal_that_the_journal_never_heard_of_is_made_again(tmp_path: Path) -> None:
    ledger = filled(tmp_path, sealed=1, unsealed=100)
    trim = ledger.live.journal.trim
    ledger.live.journal.trim = lambda *_: None  # type: ignore[method-assign]
    ledger.live.seal(10**9)
    ledger.live.journal.trim = trim  # type: ignore[method-assign]
    ledger.live.close()
    ledger = Ledger(tmp_path, SIGNER)
    assert len(ledger.streams) == 1
    assert len(sources(ledger)) == 200
    ledger.live.seal(10**9)
    assert len(sources(ledger)) == 200


def rolled_back(folder: Path) -> Ledger:
    """A ledger whose journal is an older one: two segments were sealed since, and the high-water mark is gone."""
    ledger = filled(folder, sealed=1, unsealed=200)
    ledger.live.close()
    journal = ledger.live.folder / "journal.db"
    older = journal.read_bytes()
    ledger = Ledger(folder, SIGNER)
    while ledger.live.seal(6000):
        pass
    assert len(segments_in(ledger.live.folder)) >= 3
    ledger.live.append(drafts(300, 5))
    ledger.live.close()
    for path in journal.parent.glob("journal.db-*"):
        path.unlink()
    journal.write_bytes(older)
    (journal.parent / "hiwater").write_bytes(b"")
    return ledger


def test_a_journal_that_is_older_than_two_segments_costs_no_segment(tmp_path: Path) -> None:
    before = rolled_back(tmp_path)
    kept = {segment.path: segment.path.read_bytes() for segment in segments_in(before.live.folder)}
    ledger = Ledger(tmp_path, SIGNER)
    assert ledger.live.id != before.live.id
    assert {path: path.read_bytes() for path in kept} == kept
    assert sources(ledger)[:300] == [f"press-1-1:{n + 1}" for n in range(300)]
    assert ledger.streams[0].lost == []


def test_a_segment_that_is_gone_is_taken_from_the_journal_or_declared(tmp_path: Path) -> None:
    before = rolled_back(tmp_path)
    gone = segments_in(before.live.folder)[:2]  # the first was sealed before the journal's state, the second is still in it
    for segment in gone:
        segment.path.unlink()
    ledger = Ledger(tmp_path, SIGNER)
    assert ledger.streams[0].lost == [[gone[0].first, gone[0].end - 1]]
    assert ledger.streams[0].salvaged == gone[1].end - gone[1].first
    told = [parsed(row.body) for row in ledger.live.read(0, 10)]
    assert [(r.attributes["from_seq"], r.attributes["to_seq"]) for r in told if r.event == "agent.loss"] == [(0, 99)]
    assert sources(ledger) == [f"press-1-1:{n + 1}" for n in range(100, 300)]


def test_a_crash_between_salvage_and_the_list_of_streams_hides_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = filled(tmp_path, sealed=1, unsealed=50)
    ledger.live.close()
    journal = ledger.live.folder / "journal.db"
    with sqlite3.connect(journal) as db:
        db.execute("DELETE FROM entry WHERE seq BETWEEN 110 AND 119")
    with monkeypatch.context() as crash:
        crash.setattr(Ledger, "_begin_stream", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Ledger(tmp_path, SIGNER)
    assert len(segments_in(ledger.live.folder)) == 2  # salvaged; then the machine died
    assert Ledger(tmp_path, SIGNER).streams[0].lost == [[110, 119]]


class OnceFull:
    """A step that the disk refuses the first time."""

    def __init__(self, step: Callable[..., object]) -> None:
        self._step, self.refused = step, 0

    def __call__(self, *arguments: object, **named: object) -> object:
        if not self.refused:
            self.refused = 1
            raise OSError(errno.ENOSPC, "no space left on device")
        return self._step(*arguments, **named)


@pytest.mark.parametrize("step", ["write_segment", "write_durably", "_write_hiwater", "trim"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_seal_that_the_disk_refuses_half_way_is_repeated_and_the_evidence_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, restart: bool
) -> None:
    ledger = filled(tmp_path, sealed=1, unsealed=100)
    live = ledger.live
    owner: object = stream_module if step.startswith("write_") else live if step == "_write_hiwater" else live.journal
    with monkeypatch.context() as disk:
        failing = OnceFull(getattr(owner, step))
        disk.setattr(owner, step, failing)
        with pytest.raises(OSError, match="no space"):
            live.seal(10**9)
        assert failing.refused
        assert (live.sealed, len(live.read(100, 1000))) == (100, 100)
        live.append(drafts(200, 30))
        if not restart:
            assert live.seal(10**9) is not None
    if restart:
        live.close()
        ledger = Ledger(tmp_path, SIGNER)
    while ledger.live.seal(10**9):
        pass
    ledger.live.close()
    ledger = Ledger(tmp_path, SIGNER)
    assert len(ledger.streams) == 1
    assert sources(ledger) == [f"press-1-1:{n + 1}" for n in range(230)]
    segments = segments_in(ledger.live.folder)
    assert [segment.first for segment in segments[1:]] == [segment.end for segment in segments[:-1]]
    report = verify_folder(tmp_path, keys=[SIGNER.verifier])
    assert not {problem.kind for problem in report.problems} - {"ends-earlier", "silence"}  # its clock is that of 1970
    assert (report.records, report.size) == (230, 230)
