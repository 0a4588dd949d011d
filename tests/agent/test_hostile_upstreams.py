"""Whatever an upstream answers, each record arrives or becomes a declared dead letter; nothing is dropped."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from agent_plant import (
    RunningAgent,
    agent_toml,
    certificate,
    certificate_of_days,
    receiver_settings,
    running_agent,
    running_receiver,
    wait_for,
)
from lnx_agent.agent import Agent
from lnx_agent.delivery.otlp import LONGEST_WAIT_S, Response, Verdict, judge, retry_after
from lnx_agent.record import Parsed
from lnx_agent.reload import SettingsFile
from lnx_common.events import EventFile
from upstream import Reply, Upstream, rejecting


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream(lambda _: Reply())
    yield server
    server.close()


def events(tmp_path: Path, count: int = 300) -> None:
    file = EventFile("inspection", tmp_path / "plant/events")
    for n in range(count):
        file.write("lnx.error", {"status": n, "model": "m"})
    file.close()


def toml(tmp_path: Path, url: str, **more: str) -> Path:
    return agent_toml(tmp_path / "plant", url, uplink="receipts = false\n" + more.get("uplink", ""), more=more.get("more", ""))


def _times(n: int, bad: Callable[[], Reply | None]) -> Callable[[list[Parsed]], Reply | None]:
    """The first n answers are bad ones, then all is well."""
    counter = itertools.count()
    return lambda _: bad() if next(counter) < n else Reply()


@pytest.mark.parametrize(
    ("name", "bad", "state"),
    [
        ("503", lambda: Reply(503), "retrying"),
        ("500", lambda: Reply(500), "retrying"),
        ("408", lambda: Reply(408), "retrying"),
        ("429 seconds", lambda: Reply(429, Retry_After="0"), "retrying"),
        ("429 garbage", lambda: Reply(429, Retry_After="soon"), "retrying"),
        ("429 past date", lambda: Reply(429, Retry_After=formatdate(0, usegmt=True)), "retrying"),
        ("hangs up", lambda: None, "retrying"),
        ("redirect", lambda: Reply(302, Location="http://127.0.0.1:1/"), "refused"),
        ("captive portal", lambda: Reply(200, b"<html>please log in</html>", "text/html"), "refused"),
        ("proxy, empty", lambda: Reply(200, b"", "text/plain"), "refused"),
        ("protobuf that is none", lambda: Reply(200, b"\xff\xff\xff", accept=False), "refused"),
        ("401", lambda: Reply(401), "refused"),
        ("403", lambda: Reply(403), "refused"),
        ("404", lambda: Reply(404), "refused"),
    ],
)
def test_a_bad_answer_delays_and_never_drops(
    tmp_path: Path, upstream: Upstream, name: str, bad: Callable[[], Reply | None], state: str
) -> None:
    events(tmp_path)
    upstream.script = lambda _: bad()
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: agent.uplinks[0].status.state == state)
        assert upstream.statuses() == []
        upstream.script = lambda _: Reply()
        wait_for(lambda: upstream.statuses() == list(range(300)))
        wait_for(lambda: agent.uplinks[0].status.state == "up")
        assert agent.uplinks[0].status.dead_letters == 0
        wait_for(lambda: any(r.event == "agent.uplink" and r.attributes["state"] == state for r in upstream.accepted.values()))


def test_an_accepted_batch_whose_answer_is_lost_comes_again_with_the_same_numbers(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path)
    upstream.script = _times(3, lambda: Reply(503, accept=True))
    with running_agent(toml(tmp_path, upstream.url)):
        wait_for(lambda: upstream.statuses() == list(range(300)))
        assert upstream.duplicates > 0


def _poison(numbers: set[int], status: int) -> Callable[[list[Parsed]], Reply]:
    def script(records: list[Parsed]) -> Reply:
        bad = sum(1 for r in records if r.event == "lnx.error" and r.attributes["status"] in numbers)
        if not bad:
            return Reply()
        return Reply(400) if status == 400 else rejecting(bad, "bad record")

    return script


@pytest.mark.parametrize("status", [400, 200])
def test_one_refused_record_among_512_is_isolated_and_the_others_arrive(tmp_path: Path, upstream: Upstream, status: int) -> None:
    events(tmp_path, 600)
    upstream.script = _poison({333}, status)
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: upstream.statuses() == [n for n in range(600) if n != 333])
        wait_for(lambda: any(r.event == "agent.dead_letter" for r in upstream.accepted.values()))
        assert agent.uplinks[0].status.dead_letters == 1
        around = next(i for i, size in enumerate(upstream.requests) if size > 400)
        alone = upstream.requests.index(1, around)
        assert alone - around <= 10
    letters = list((tmp_path / "plant/data/uplinks/agency/deadletter").glob("*.json"))
    assert len(letters) == 1


def test_refused_records_in_different_places_are_all_found(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path, 300)
    upstream.script = _poison({0, 7, 150, 299}, 400)
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: upstream.statuses() == [n for n in range(300) if n not in (0, 7, 150, 299)])
        wait_for(lambda: agent.uplinks[0].status.dead_letters == 4)


def test_an_upstream_that_refuses_everything_is_doubted_instead_of_the_records(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path, 100)
    upstream.script = lambda _: Reply(400)
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: agent.uplinks[0].status.state == "refused")
        time.sleep(1)
        assert agent.uplinks[0].status.dead_letters <= 6
        upstream.script = lambda _: Reply()
        wait_for(lambda: len(upstream.statuses()) >= 94)


def test_a_warning_without_rejected_records_is_a_success(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path, 50)
    upstream.script = lambda _: rejecting(0, "careful")
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: upstream.statuses() == list(range(50)))
        assert agent.uplinks[0].status.dead_letters == 0


def test_too_large_requests_are_split_until_they_fit(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path, 300)
    upstream.script = lambda records: Reply(413) if len(records) > 20 else Reply()
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: upstream.statuses() == list(range(300)))
        assert agent.uplinks[0].status.dead_letters == 0


def test_a_single_record_that_is_too_large_becomes_a_dead_letter_and_the_others_arrive(tmp_path: Path, upstream: Upstream) -> None:
    events(tmp_path, 100)
    upstream.script = lambda records: Reply(413) if any(r.attributes.get("status") == 42 for r in records) else Reply()
    with running_agent(toml(tmp_path, upstream.url)) as agent:
        wait_for(lambda: upstream.statuses() == [n for n in range(100) if n != 42])
        wait_for(lambda: any(r.event == "agent.dead_letter" for r in upstream.accepted.values()))
        assert agent.uplinks[0].status.dead_letters == 1


def _silent(connection: socket.socket) -> None:
    """Takes what comes and never says a word."""
    while connection.recv(65536):
        pass


def _half(connection: socket.socket) -> None:
    """Resets the connection in the middle of the request's body."""
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("scheme", "behaviour", "reason"),
    [
        ("http", _silent, "timeout"),
        ("https", _silent, "timeout"),
        ("http", _half, "disconnected"),
        ("http", None, "connection-refused"),
        ("name", None, "name-not-found"),
    ],
)
def test_a_line_that_is_dead_is_named_stops_nothing_and_costs_nothing(
    tmp_path: Path, upstream: Upstream, scheme: str, behaviour: Callable[[socket.socket], None] | None, reason: str
) -> None:
    events(tmp_path, 100)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, behaviour), daemon=True).start()
        port = server.getsockname()[1] if behaviour else 1
        url = "http://nowhere.invalid" if scheme == "name" else f"{scheme}://127.0.0.1:{port}"
        settings = _short(toml(tmp_path, url))
        agent = RunningAgent(settings, file=SettingsFile(settings))
        try:
            wait_for(lambda: agent.agent.ready.is_set() and _reason(agent.agent) == reason)
            sealed = agent.agent.ledger.live.sealed
            wait_for(lambda: agent.agent.ledger.live.sealed > sealed)  # a stuck batch keeps nobody from sealing
            settings.write_text(settings.read_text(encoding="utf-8").replace(url, upstream.url), encoding="utf-8")
            wait_for(lambda: upstream.statuses() == list(range(100)))
        finally:
            agent.stop()


def _serve(server: socket.socket, behaviour: Callable[[socket.socket], None] | None) -> None:
    with contextlib.suppress(OSError):
        while behaviour is not None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                behaviour(connection)


def _short(path: Path) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace('timeout = "3s"', 'timeout = "500ms"'), encoding="utf-8")
    return path


def test_an_answer_that_drips_is_cut_at_the_deadline(tmp_path: Path) -> None:
    events(tmp_path, 10)

    def drip(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(300):
                    connection.sendall(b"X: y\r\n")
                    time.sleep(0.2)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        with running_agent(_short(toml(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}"))) as agent:
            wait_for(lambda: agent.uplinks[0].status.state == "retrying")
            assert _reason(agent) == "timeout"  # not that the other side, 20 s later, hung up


def _reason(agent: Agent) -> str:
    return agent.uplinks[0].status.reason


def test_certificates_that_cannot_be_trusted_are_named(tmp_path: Path, tls: tuple[Path, Path]) -> None:
    events(tmp_path, 10)
    other, _ = certificate(tmp_path / "other")
    for begin, end, reason in ((-20, -10, "certificate-expired"), (10, 20, "certificate-not-yet-valid")):
        wrong = certificate_of_days(tmp_path / reason, begin, end)
        with (
            running_receiver(receiver_settings(tmp_path / "receiver", tls=wrong)) as receiver,
            running_agent(agent_toml(tmp_path / "plant", receiver.url, ca=wrong[0])) as agent,
        ):
            wait_for(lambda reason=reason, agent=agent: _reason(agent) == reason)
            assert not receiver.records()
    with running_receiver(receiver_settings(tmp_path / "receiver", tls=tls)) as receiver:
        with running_agent(agent_toml(tmp_path / "plant", receiver.url, ca=other)) as agent:
            wait_for(lambda: _reason(agent) == "certificate-untrusted")
            assert not receiver.records()
        with running_agent(agent_toml(tmp_path / "plant", receiver.url, ca=tls[0])):
            wait_for(lambda: sum(1 for r in receiver.records().values() if r.event == "lnx.error") == 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("120", 120.0), ("0", 0.0), ("999999999999", LONGEST_WAIT_S), ("", None), ("soon", None), ("-5", None), ("1e3", None)],
)
def test_retry_after_is_obeyed_and_clamped(text: str, expected: float | None) -> None:
    assert retry_after(text) == expected


@pytest.mark.parametrize(("ahead", "expected"), [(60, 60.0), (-3600, 0.0), (10 * 365 * 86400, LONGEST_WAIT_S)])
def test_retry_after_takes_dates(ahead: int, expected: float) -> None:
    now = 1_790_000_000.0
    assert retry_after(formatdate(now + ahead, usegmt=True), now) == expected


def test_every_status_has_a_verdict_and_only_a_parsed_200_is_success() -> None:
    for status in range(100, 600):
        verdict = judge(Response(status, {"content-type": "text/html"}, b"<html>")).verdict
        assert verdict is not Verdict.ACCEPTED
