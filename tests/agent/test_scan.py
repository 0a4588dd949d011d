"""The fast scanner says what its plain twin says, about real segments and about spoilt ones; what either calls ordinary is ordinary."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from crc32c import crc32c
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx_agent import _scan
from lnx_agent.evidence.merkle import Frontier, leaf_hash
from lnx_agent.evidence.scan import FRAME, PlainScanner, Scanner, ordinary
from lnx_agent.evidence.segments import Job, check_segment
from lnx_agent.record import draft, parsed
from lnx_agent.segment import Header, SegmentReader, write_segment
from lnx_agent.stream import DECLARED, footer_of, segments_in
from lnx_common.durable_log import Entry, crc_of
from test_segments_and_streams import filled

UNHURRIED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
NAMES = tuple(sorted(DECLARED))
EVENTS = st.sampled_from(["lnx.error", "lnx.run.summary", "agent.gap", "agent.loss", "audit.checkpoint", "unknown"])
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["status", "model", "runs", "reason", "note", "score_histogram"]),
    st.one_of(st.integers(), st.text(max_size=40), st.floats(), st.lists(st.integers(-5, 5), max_size=4)),
)


def frame(seq: int, time_ns: int, record: bytes) -> bytes:
    return FRAME.pack(len(record), seq, crc_of(seq, record), time_ns) + record


def state(scanner: Scanner) -> tuple[object, ...]:
    names = ("count", "size", "hashes", "runs", "looks", "from_time", "to_time", "longest_silence")
    return tuple(getattr(scanner, name) for name in names)


def both(blocks: list[bytes], before: Frontier | None = None) -> Scanner:
    """The plain scanner after these blocks; the fast one has said the same after each."""
    tree = before or Frontier()
    plain, fast = PlainScanner("s", NAMES, tree.size, tree.hashes()), _scan.Scanner("s", NAMES, tree.size, tree.hashes())
    for block in blocks:
        assert plain.take(block) == fast.take(block)
        assert state(plain) == state(fast)
    return plain


@UNHURRIED
@given(st.lists(st.tuples(EVENTS, ATTRIBUTES, st.integers(0, 3), st.integers(0, 2**63 - 1)), max_size=6), st.integers(0, 2**40))
def test_our_records_are_ordinary_unless_they_declare_something(rows: list[tuple[str, dict[str, object], int, int]], first: int) -> None:
    seq, block, expected = first, b"", []
    for event, attributes, skip, time_ns in rows:
        seq += skip
        record = draft(event, attributes, time_ns, time_ns, f"press-1-1:{seq}").numbered("s", seq)
        block += frame(seq, time_ns, record)
        if event in DECLARED:
            expected.append(seq)
        seq += 1
    scanner = both([block])
    assert [number for number, _ in scanner.looks] == expected
    tree = Frontier()
    tree.extend(leaf_hash(record) for record in _records(block))
    assert scanner.hashes == tree.hashes()


def _records(block: bytes) -> list[bytes]:
    records, at = [], 0
    while at < len(block):
        length = FRAME.unpack_from(block, at)[0]
        records.append(block[at + FRAME.size : at + FRAME.size + length])
        at += FRAME.size + length
    return records


RECORD = draft("lnx.error", {"status": 7, "model": "한글 model"}, 5, 6, "press-1-1:8").numbered("s", 3)
SPOILT = st.lists(st.tuples(st.integers(0, len(RECORD) - 1), st.integers(0, 255)), min_size=1, max_size=3)


@UNHURRIED
@given(SPOILT, st.integers(0, len(RECORD)), st.binary(max_size=20))
def test_what_is_called_ordinary_is_what_the_protobuf_library_reads(changes: list[tuple[int, int]], cut: int, more: bytes) -> None:
    raw = bytearray(RECORD)
    for at, value in changes:
        raw[at] = value
    for record in (bytes(raw), RECORD[:cut] + more, RECORD[:cut] + more + RECORD[cut:]):
        both([frame(3, 9, record)])
        if ordinary(record, b"s:000000000003", frozenset(name.encode() for name in NAMES)):
            try:
                read = parsed(record)
            except (ValueError, DecodeError):
                continue  # text that is not UTF-8
            assert read.uid == "s:000000000003"
            assert read.event not in DECLARED


@UNHURRIED
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 255))
def test_both_refuse_the_same_blocks_whole(noise: bytes, at: int, change: int) -> None:
    good = frame(3, 9, RECORD) + frame(4, 10, RECORD)
    spoilt = bytearray(good)
    spoilt[at % len(good)] ^= change
    both([good, bytes(spoilt), noise, good[: at % len(good)], good])


@UNHURRIED
@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_the_crc32c_package(data: bytes) -> None:
    assert crc32c(data) == _scan.crc32c(data, False) == _scan.crc32c(data, True)


def test_a_tree_that_does_not_fit_its_size_is_refused() -> None:
    for size, hashes in ((1, ()), (2, (b"x" * 31,)), (3, (b"x" * 32,))):
        with pytest.raises(ValueError):
            _scan.Scanner("s", NAMES, size, hashes)


def test_real_segments_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    tree = Frontier()
    for segment in segments_in(ledger.live.folder):
        reader = SegmentReader(segment.path)
        blocks = [block for block in reader.blocks() if block is not None]
        for kind in (PlainScanner, _scan.Scanner):
            scanner: Scanner = kind(ledger.live.id, NAMES, tree.size, tree.hashes())
            assert all(scanner.take(block) for block in blocks)
            assert Frontier(scanner.size, scanner.hashes).to_text() == reader.footer.frontier
        tree = Frontier.from_text(segment.end, reader.footer.frontier)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"longest_silence_ns": 0}, "the footer tells other times"),
        ({"from_time": 5}, "the footer tells other times"),
        ({"declared": []}, "the footer hides a declaration"),
        ({"count": 4}, "damaged records"),
    ],
)
def test_a_footer_that_lies_about_its_records_is_found_even_when_it_is_signed(
    tmp_path: Path, change: dict[str, object], found: str
) -> None:
    bodies = [
        draft(event, attributes, 1, 1).numbered("s", n)
        for n, (event, attributes) in enumerate([("lnx.error", {"status": 1}), ("agent.gap", {"reason": "crash"}), ("lnx.error", {})])
    ]
    entries = [Entry(n, 10 + 100 * n, body) for n, body in enumerate(bodies)]
    tree = Frontier()
    tree.extend(leaf_hash(body) for body in bodies)
    footer = footer_of(entries, 3, tree)
    folder = tmp_path / "streams/s"
    path = folder / "segments/2026-11/000000000000-000000000003.seg"
    write_segment(path, Header("s", 0, 0), entries, footer)
    assert check_segment(Job(segments_in(folder)[0], "s", None, False)).problem == ""
    write_segment(path, Header("s", 0, 0), entries, dataclasses.replace(footer, **change))
    assert check_segment(Job(segments_in(folder)[0], "s", None, False)).problem == found
