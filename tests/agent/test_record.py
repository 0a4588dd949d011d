"""The fast halves of making and reading records give what their plain twins give, whatever a program writes."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx_agent import _scan
from lnx_agent.intake import event_of
from lnx_agent.record import draft, event_and_source, parsed, plain_draft
from lnx_common.events import EVENTS

UNHURRIED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
INTEGERS = st.integers() | st.integers(-(2**63), 2**64) | st.integers(-200, 200)
PLAIN = st.none() | st.booleans() | INTEGERS | st.floats() | st.text() | st.sampled_from(["한글", "half \ud800", "", "x" * 300])
VALUES = PLAIN | st.lists(INTEGERS, max_size=5) | st.lists(PLAIN, max_size=5) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3)
TIMES = st.integers(-(2**64), 2**64)
OBSERVED = st.integers(0, 2**63 - 1) | st.integers(1_790_000_000 * 10**9, 1_800_000_000 * 10**9)


@st.composite
def events(drawn: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A registered or invented event, and attributes of which some have the registered type."""
    name = drawn(st.sampled_from([*EVENTS, "lnx.invented", ""]))
    known = list(EVENTS[name].attributes) if name in EVENTS else []
    return name, drawn(st.dictionaries(st.sampled_from([*known, "invented"]), VALUES, max_size=8))


@UNHURRIED
@given(events(), TIMES, OBSERVED, st.sampled_from(["", "press-1-1:7", "half \udfff", "한글:1"]))
def test_a_draft_has_the_bytes_of_its_twin(event: tuple[str, dict[str, Any]], time_ns: int, observed: int, source: str) -> None:
    name, attributes = event
    fast, plain = draft(name, attributes, time_ns, observed, source), plain_draft(name, attributes, time_ns, observed, source)
    assert fast == plain
    body = fast.numbered("s", 3)
    whole = parsed(body)
    assert event_and_source(body) == (whole.event, whole.source)


def test_what_programs_write_takes_the_fast_way() -> None:
    for name, event in EVENTS.items():
        samples = {"text": "한글", "integer": 7, "number": 0.5, "boolean": True, "json": "{}", "integers": [1, 2], "texts": ["a", "b"]}
        attributes = {key: samples[kind] for key, kind in event.attributes.items()}
        parts = _scan.draft_parts(5, event.severity, event.attributes, attributes, "p-1-1:1", False, 6, name)
        assert parts is not None
        body = draft(name, attributes, 5, 6, "p-1-1:1").numbered("s", 3)
        assert _scan.event_and_source(body) == (name, "p-1-1:1")


@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3), st.binary(max_size=60))
def test_event_and_source_of_spoilt_bytes_are_those_of_the_library_or_none(changes: list[tuple[int, int]], noise: bytes) -> None:
    raw = bytearray(draft("lnx.error", {"status": 7, "model": "한글"}, 5, 6, "press-1-1:8").numbered("s", 3))
    for at, value in changes:
        raw[at % len(raw)] = value
    for body in (bytes(raw), bytes(raw) + noise, noise):
        found = _scan.event_and_source(body)
        if found is None:
            continue
        try:
            whole = parsed(body)
        except ValueError:
            continue  # the library reads every text, this only these two
        assert found == (whole.event, whole.source)


@pytest.mark.parametrize(
    "text",
    [
        b'{"seq":1,"time_unix_nano":2,"event":"lnx.error","attributes":{}}',
        b'\xef\xbb\xbf{"seq":1,"time_unix_nano":2,"event":"lnx.error","attributes":{}}',
        '{"seq":1,"time_unix_nano":2,"event":"lnx.error","attributes":{}}'.encode("utf-16"),
        b'{"seq":1,"time_unix_nano":2,"event":"\\ud800","attributes":{"a":NaN}}',
        b'{"seq":true,"time_unix_nano":2,"event":"lnx.error","attributes":{}}',
        b'{"seq":1,"time_unix_nano":2.0,"event":"lnx.error","attributes":{}}',
        b'{"seq":1,"time_unix_nano":2,"event":"lnx.error","attributes":[]}',
        b'{"seq":0,"time_unix_nano":2,"event":"lnx.error","attributes":{}}',
        b'{"seq":1,"time_unix_nano":2,"event":"","attributes":{}}',
        b"[" * 100_000,
        b"7",
        b"\xff\xfe",
    ],
)
def test_a_line_is_read_as_the_json_of_python_reads_bytes(text: bytes) -> None:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        plain = None
    right = (
        isinstance(plain, dict)
        and [type(plain.get(name)) for name in ("seq", "time_unix_nano", "event", "attributes")] == [int, int, str, dict]
        and plain["seq"] > 0
        and plain["event"] != ""
    )
    assert json.dumps(event_of(text)) == (json.dumps(plain) if right else "null")


def test_the_fast_way_is_faster() -> None:
    attributes: dict[str, Any] = {name: 7 for name, kind in EVENTS["lnx.run.summary"].attributes.items() if kind == "integer"}

    def seconds(make: Any) -> float:
        best = math.inf
        for _ in range(5):
            begin = time.thread_time()
            for _ in range(300):
                make("lnx.run.summary", attributes, 5, 6, "press-1-1:8")
            best = min(best, time.thread_time() - begin)
        return best

    assert seconds(draft) * 3 < seconds(plain_draft)
