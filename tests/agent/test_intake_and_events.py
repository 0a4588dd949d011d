"""Events come in once, in order, whatever happens to their files; and the registry tells the truth about those who write."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from agent_plant import agent_toml, running_agent, wait_for
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx_agent import agent as module
from lnx_agent.agent import Agent
from lnx_agent.config import UsageSettings, load_agent
from lnx_agent.delivery.position import Positions
from lnx_agent.evidence.notes import Signer
from lnx_agent.intake import Intake
from lnx_agent.ledger import Ledger
from lnx_agent.record import Parsed, draft, parsed
from lnx_agent.submission import submitted
from lnx_agent.usage import usage_of
from lnx_agent.wire import plain_record, record_parts
from lnx_common.clocks import SystemClock
from lnx_common.events import EVENTS, EventFile, fits

SIGNER = Signer("agent", Ed25519PrivateKey.generate())
ROOT = Path(__file__).resolve().parents[2]


class Reader:
    """An intake on a folder, restarted at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder / "events"
        self.events.mkdir(exist_ok=True)
        self.ledger = Ledger(folder / "data", SIGNER)
        self.intake = Intake([self.events], self.ledger, folder / "quarantine", SystemClock())

    def restart(self) -> Reader:
        self.ledger.live.close()
        return Reader(self.folder)

    def records(self) -> list[Parsed]:
        return [parsed(entry.body) for entry in self.ledger.live.read(0, 10**6)]


def line(seq: int, status: int = 0, event: str = "lnx.error") -> bytes:
    return (
        json.dumps({"seq": seq, "time_unix_nano": 10**18, "event": event, "attributes": {"status": status, "model": "m"}}).encode() + b"\n"
    )


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)
TIMES = st.integers(0, 2**63 - 1)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "model", "x" * 200]), VALUES))


def test_a_torn_line_waits_for_its_end_over_restarts(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    path = reader.events / "press-20261121T000000Z-1.jsonl"
    text = line(1) + line(2)
    for cut in range(len(line(1)) + 1, len(text)):
        path.write_bytes(text[:cut])
        reader.intake.poll()
        assert len(reader.records()) == 1
        if cut % 20 == 0:
            reader = reader.restart()
    path.write_bytes(text)
    reader.intake.poll()
    assert [record.source for record in reader.records()] == ["press-20261121T000000Z-1:1", "press-20261121T000000Z-1:2"]


def test_a_line_that_will_never_end_is_kept_and_declared(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    (reader.events / "press-20261121T000000Z-1.jsonl").write_bytes(line(1) + b'{"seq":2,"time')
    (reader.events / "press-20261121T000000Z-1.1.jsonl").write_bytes(line(3))
    reader.intake.poll()
    gaps = [record.attributes for record in reader.records() if record.event == "agent.gap"]
    assert [gap["reason"] for gap in gaps] == ["unreadable", "sequence"]
    assert (gaps[1]["from_seq"], gaps[1]["to_seq"]) == (2, 2)
    assert next((tmp_path / "quarantine/lines").iterdir()).read_bytes() == b'{"seq":2,"time'


def test_several_programs_and_parts_are_read_in_order(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for program in ("a", "b"):
        for part, first in (("", 1), (".1", 3), (".2", 5), (".10", 7)):
            path = reader.events / f"{program}-20261121T000000Z-1{part}.jsonl"
            path.write_bytes(line(first) + line(first + 1))
    reader.intake.poll()
    reader = reader.restart()
    reader.intake.poll()
    for program in ("a", "b"):
        seen = [int(r.source.split(":")[1]) for r in reader.records() if r.source.startswith(program)]
        assert seen == list(range(1, 9))
    assert not [r for r in reader.records() if r.event == "agent.gap"]


def test_a_hole_in_the_numbers_and_a_shortened_file_are_declared(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    path = reader.events / "press-20261121T000000Z-1.jsonl"
    path.write_bytes(line(1) + line(5))
    reader.intake.poll()
    path.write_bytes(line(1))
    reader.intake.poll()
    gaps = [r.attributes for r in reader.records() if r.event == "agent.gap"]
    assert [gap["reason"] for gap in gaps] == ["sequence", "shrunk"]
    assert (gaps[0]["from_seq"], gaps[0]["to_seq"]) == (2, 4)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.just(line(1)), st.text(max_size=30).map(lambda t: json.dumps(t).encode())), max_size=8)
)
def test_no_bytes_stop_the_intake_and_none_vanish(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    reader = Reader(tmp_path_factory.mktemp("noise"))
    text = b"\n".join(pieces) + b"\n" + line(999)
    (reader.events / "noise-20261121T000000Z-1.jsonl").write_bytes(text)
    reader.intake.poll()
    records = reader.records()
    assert any(r.source.endswith(":999") for r in records)
    unreadable = sum(int(r.attributes["bytes"]) for r in records if r.event == "agent.gap" and r.attributes["reason"] == "unreadable")
    readable = [p for p in text.split(b"\n") if p.strip() and (p + b"\n") in (line(1), line(999))]
    assert unreadable == sum(len(p) for p in text.split(b"\n") if p.strip()) - sum(len(p) for p in readable)
    reader.ledger.live.close()


def test_what_the_registry_does_not_list_stays_on_the_machine(tmp_path: Path) -> None:
    body = draft("lnx.error", {"status": 4, "model": "m", "operator": "홍길동", "path": r"C:\Users\hong"}, 1, 1).numbered("s", 0)
    assert parsed(body).attributes == {"status": 4, "model": "m"}
    assert b"hong" not in body
    unknown = draft("lnx.secret", {"name": "홍길동"}, 1, 1).numbered("s", 0)
    assert parsed(unknown).attributes == {}


@given(
    st.dictionaries(
        st.sampled_from(["status", "model", "x"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists),
        max_size=3,
    )
)
def test_any_attributes_make_a_record(attributes: dict[str, object]) -> None:
    assert parsed(draft("lnx.error", attributes, 1, 1).numbered("s", 0)).event == "lnx.error"


@settings(max_examples=100, deadline=None)
@given(TIMES, st.integers(1, 24), PAIRS, TIMES, st.text(), st.integers(0, 300))
def test_the_fast_encoder_writes_the_bytes_of_the_library(
    time_ns: int, severity: int, pairs: list[tuple[str, object]], observed: int, event: str, dropped: int
) -> None:
    values = (time_ns, severity, pairs, observed, event, dropped)
    assert record_parts(*values) == plain_record(*values)


def test_every_event_that_the_core_can_write_is_registered() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "native/src").rglob("*.cpp")]
    written = {
        name
        for text in sources
        for name in re.findall(r'"(lnx\.[a-z]+(?:\.[a-z]+)*)"', text)
        if "." in name[4:] or name in ("lnx.error", "lnx.loss")
    }
    assert {"lnx.session.start", "lnx.run.summary", "lnx.loss"} <= written
    assert written <= set(EVENTS)


def test_every_event_that_our_programs_write_is_registered() -> None:
    sources = [
        path.read_text(encoding="utf-8") for folder in ("agent", "collector", "common", "sdk") for path in (ROOT / folder).rglob("*.py")
    ]
    written = {name for text in sources for name in re.findall(r'(?:_append|tell|_tell|draft|write)\(\s*"([a-z]+\.[a-z_.]+)"', text)}
    assert {"agent.start", "agent.gap", "audit.checkpoint"} <= written
    assert written <= set(EVENTS)


def test_a_real_session_of_the_core_writes_what_the_registry_says(tmp_path: Path, tiny_model: tuple[Path, Path]) -> None:
    model, key = tiny_model
    script = (
        "import sys, numpy as np, lnx\n"
        "with lnx.Session(sys.argv[1], device='cpu', trusted_keys=[sys.argv[2]]) as session:\n"
        "    session.run(np.full((32, 32, 3), 200, np.uint8))\n"
    )
    env = {**os.environ, "LNX_EVENT_DIR": str(tmp_path / "events")}
    done = subprocess.run([sys.executable, "-c", script, str(model), str(key)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(text) for path in (tmp_path / "events").iterdir() for text in path.read_text(encoding="utf-8").splitlines()]
    assert {"lnx.session.start", "lnx.run.summary", "lnx.session.stop"} <= {one["event"] for one in lines}
    for one in lines:
        types = EVENTS[one["event"]].attributes
        for name, value in one["attributes"].items():
            assert name in types, (one["event"], name)
            assert fits(types[name], value), (one["event"], name, value)


@pytest.fixture
def tiny_model(classifier: Path, keys: tuple[Path, Path]) -> tuple[Path, Path]:
    """A packed model and the key to trust."""
    return classifier, keys[1]


class TurnedClock(SystemClock):
    """The machine's clocks, with a wall clock that the test sets."""

    offset = 0

    def wall_ns(self) -> int:
        return time.time_ns() + self.offset


@pytest.mark.parametrize("hours", [1, -1, 24 * 365 * 12, -24 * 365 * 56])
def test_a_jump_of_the_clock_is_declared_and_numbers_go_on(tmp_path: Path, hours: int) -> None:
    clock = TurnedClock()
    events = EventFile("press", tmp_path / "events")
    with running_agent(load_agent(agent_toml(tmp_path, "http://127.0.0.1:1")), clock=clock) as agent:
        events.write("lnx.error", {"status": 1, "model": "m"})
        wait_for(lambda: any(r.event == "lnx.error" for r in _all(agent)))
        clock.offset = hours * 3600 * 10**9
        wait_for(lambda: any(r.event == "agent.clock" for r in _all(agent)))
        events.write("lnx.error", {"status": 2, "model": "m"})
        wait_for(lambda: sum(1 for r in _all(agent) if r.event == "lnx.error") == 2)
        jump = next(r for r in _all(agent) if r.event == "agent.clock")
        assert round(float(jump.attributes["seconds"])) == hours * 3600
        sealed = agent.ledger.live.sealed
        wait_for(lambda: agent.ledger.live.sealed > sealed)  # timers do not wait for the wall clock


def test_a_start_with_a_dead_battery_is_marked_and_the_offset_is_recorded_when_the_clock_is_set(tmp_path: Path) -> None:
    clock = TurnedClock()
    clock.offset = -time.time_ns() + 86400 * 10**9  # 2 January 1970
    events = EventFile("press", tmp_path / "events")
    with running_agent(load_agent(agent_toml(tmp_path, "http://127.0.0.1:1")), clock=clock) as agent:
        events.write("lnx.error", {"status": 1, "model": "m"})
        wait_for(lambda: any(r.event == "lnx.error" for r in _all(agent)))
        clock.offset = 0
        wait_for(lambda: any(r.event == "agent.clock" for r in _all(agent)))
        events.write("lnx.error", {"status": 2, "model": "m"})
        wait_for(lambda: sum(1 for r in _all(agent) if r.event == "lnx.error") == 2)
        records = _all(agent)
    start = next(r for r in records if r.event == "agent.start")
    assert start.attributes["clock_plausible"] is False
    assert [r.unsynchronised for r in records if r.event == "lnx.error"] == [True, False]
    assert {r.attributes["status"] for r in records if r.event == "lnx.error"} == {1, 2}  # the mark is beside what was said
    (corrected,) = [r for r in records if r.event == "agent.clock"]
    assert abs(float(corrected.attributes["seconds"]) - (time.time() - 86400)) < 120
    wrong = [r for r in records if r.unsynchronised]
    assert all(r.observed_ns < 2 * 86400 * 10**9 for r in wrong)  # nothing was stamped anew
    assert wrong == records[: len(wrong)]


def _all(agent: Agent) -> list[Parsed]:
    found: list[Parsed] = []
    while entries := agent.ledger.read(agent.ledger.live.id, len(found), 10**6):
        found += [parsed(entry.body) for entry in entries]
    return found


def test_event_files_that_are_old_read_and_sealed_are_deleted_and_others_stay(tmp_path: Path) -> None:
    reader = tmp_path / "events"
    reader.mkdir()
    dead = reader / "press-20261101T000000Z-999999999.jsonl"
    alive = reader / f"press-20261101T000000Z-{os.getpid()}.jsonl"
    for path in (dead, alive):
        path.write_bytes(line(1))
        os.utime(path, (time.time() - 10**6,) * 2)
    module_period, module.PRUNE_S = module.PRUNE_S, 0.5
    try:
        with running_agent(agent_toml(tmp_path, "http://127.0.0.1:1")):
            wait_for(lambda: not dead.exists())
            assert alive.exists()
    finally:
        module.PRUNE_S = module_period


def test_a_flood_of_events_leaves_time_for_everything_else(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    (reader.events / "press-20261121T000000Z-1.jsonl").write_bytes(b"".join(line(n) for n in range(1, 20_001)))
    polls = 1
    reader.intake.poll(budget_s=0.0)
    assert 0 < len(reader.records()) < 20_000
    while reader.intake.more:
        reader.intake.poll(budget_s=0.0)
        polls += 1
    assert polls > 5
    assert [r.source.split(":")[1] for r in reader.records()] == [str(n) for n in range(1, 20_001)]


def test_yesterdays_usage_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USAGE_S", 0.3)
    clock = TurnedClock()
    events = EventFile("press", tmp_path / "events")
    for n in range(30):
        events.write("lnx.run.summary", {"model": "m", "session": "1-1", "runs": 10, "ng": 1, "latency_p50_us": n})
    settings = agent_toml(tmp_path, "http://127.0.0.1:1")
    with running_agent(settings, clock=clock) as agent:
        wait_for(lambda: sum(1 for r in _all(agent) if r.event == "lnx.run.summary") == 30)
        wait_for(lambda: any(r.event == "usage.day" for r in _all(agent)))
    clock.offset = 24 * 3600 * 10**9
    for _ in range(2):
        with running_agent(settings, clock=clock) as agent:
            wait_for(lambda: sum(1 for r in _all(agent) if r.event == "usage.day") >= 2)
            time.sleep(1)
            told = [json.loads(str(r.attributes["summary"])) for r in _all(agent) if r.event == "usage.day"]
            assert [day["runs"] for day in told] == [0, 300]  # the day before yesterday, and yesterday
            months = [r.attributes["month"] for r in _all(agent) if r.event == "usage.month"]
            assert months == sorted(set(months))
            assert 1 <= len(months) <= 2  # two on the first of a month


def test_a_day_counts_as_submitted_when_an_uplink_has_delivered_all_of_it(tmp_path: Path) -> None:
    zone, day = ZoneInfo("Asia/Seoul"), date(2026, 11, 20)
    noon = int(datetime(2026, 11, 20, 12, tzinfo=zone).timestamp()) * 10**9
    ledger = Ledger(tmp_path, SIGNER)
    live = ledger.live
    for n in range(3):  # noon of three days: the first sealed, the others in the journal
        live.journal._clock = lambda n=n: noon + (n - 1) * 86400 * 10**9
        live.append([draft("lnx.error", {"status": n}, 1, 1)] * 10)
        if n == 0:
            live.seal(10**9)
    days = [day + timedelta(days=n) for n in (-2, -1, 0, 1)]
    now = datetime(2026, 11, 21, 18, tzinfo=zone)
    assert submitted(tmp_path, days, zone, now) == {days[1]: False, days[2]: False}  # no record on the first, the last is not over
    positions = Positions(tmp_path / "uplinks/agency/position")
    for delivered, expected in ((9, [False, False]), (10, [True, False]), (19, [True, False]), (20, [True, True])):
        positions.next = {live.id: delivered}
        positions.save()
        assert list(submitted(tmp_path, days, zone, now).values()) == expected
    live.close()


USAGE_DAY = datetime(2026, 11, 20, tzinfo=ZoneInfo("Asia/Seoul"))


def _at(hours: float, event: str, **attributes: object) -> Parsed:
    ns = int((USAGE_DAY.timestamp() + hours * 3600) * 1e9)
    return Parsed(event, ns, ns, "", "", attributes)


def test_usage_counts_minutes_as_the_guide_defines_them() -> None:
    records = [_at(9, "lnx.session.start", session="1-1")]
    records += [_at(10 + n / 60, "lnx.run.summary", session="1-1", runs=10, ng=2, latency_p50_us=1000) for n in range(60)]
    records += [_at(11.5, "lnx.override", session="1-1", count=7, from_verdict="NG", to_verdict="OK", role="operator")]
    records += [_at(12, "lnx.session.stop", session="1-1")]
    records += [_at(13, "lnx.session.start", session="2-2"), _at(14, "lnx.run.summary", session="2-2", runs=1)]
    records += [_at(15, "lnx.session.start", session="3-3"), _at(17.98, "lnx.run.summary", session="3-3", runs=1)]
    day = usage_of(records, UsageSettings(), USAGE_DAY.date(), 1).days[0]
    assert (day.plan, day.runs, day.ng) == (540, 602, 120)
    assert day.up + day.fault + day.stopped + day.unknown == day.plan
    assert 55 <= day.stopped <= 60  # 12:01 to 13:00
    assert 55 <= day.fault <= 60  # 14:01 to 15:00, because session 2 never said goodbye
    assert day.unknown == 0
    assert 61 <= day.used <= 65
    rates = day.rates()
    assert rates["ng_rate"] == 120 / 602
    assert rates["override_rate"] == 7 / 602
    holiday = usage_of(records, UsageSettings(holidays=("2026-11-20",)), USAGE_DAY.date(), 1).days[0]
    assert (holiday.plan, holiday.rates()["availability"]) == (0, None)


def test_maintenance_a_blocked_licence_and_changed_models_are_told_apart() -> None:
    records = [_at(9, "lnx.session.start", session="1-1", model="seal", version="3", model_id="ab12", threshold=0.5)]
    records += [_at(9.5, "lnx.parameter.change", model="seal", key="threshold", old=0.5, new=0.6)]
    records += [_at(10, "lnx.license.state", session="1-1", phase="blocked"), _at(10.5, "lnx.license.state", session="1-1", phase="ok")]
    records += [_at(14.5, "lnx.run.summary", session="1-1", runs=1)]
    settings = UsageSettings(maintenance=("2026-11-20 14:00-16:00",))
    month = usage_of(records, settings, USAGE_DAY.date(), 1)
    day = month.days[0]
    assert (day.plan, day.fault, day.used, day.service) == (540, 30, 1, 119)  # a run in it is no maintenance
    assert day.up == day.used + day.idle
    assert day.plan == day.up + day.service + day.fault + day.stopped + day.unknown
    assert day.rates()["availability"] == 1 - 30 / 540
    assert month.models == [
        {"day": "2026-11-20", "model": "seal", "version": "3", "model_id": "ab12", "threshold": 0.5},
        {"day": "2026-11-20", "model": "seal", "key": "threshold", "old": 0.5, "new": 0.6},
    ]


def test_the_continuity_counts_what_was_declared_missing() -> None:
    ns = int(USAGE_DAY.timestamp() * 1e9) + 10**12
    records = [Parsed("lnx.error", ns, ns, "", f"p:{n}", {}) for n in range(1, 91)]
    records += [Parsed("agent.gap", ns, ns, "", "", {"reason": "sequence", "from_seq": 91, "to_seq": 97})]
    records += [Parsed("agent.loss", ns, ns, "", "", {"stream": "s", "from_seq": 5, "to_seq": 6}), _at(1, "lnx.loss", count=1)]
    day = usage_of(records, UsageSettings(), USAGE_DAY.date(), 1).days[0]
    assert (day.events, day.lost, day.rates()["continuity"]) == (90, 10, 0.9)
