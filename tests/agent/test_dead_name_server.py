"""A name server that swallows every question: the agent says so, keeps the log, takes over other settings, and stops in time.

The agent runs in a mount namespace whose /etc/resolv.conf names a socket of the test that reads and never answers, with the longest
patience that the system's resolver knows: 150 s for one name. That takes root and port 53 of a loopback address.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_plant import agent_toml, ended, receiver_settings, running_receiver, seconds_here, wait_for
from lnx_agent.delivery import dial
from lnx_common.events import EventFile
from upstream import Reply, Upstream

APART = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"'


class Swallower:
    """UDP and TCP port 53 of an address that nobody else uses; counts the questions."""

    def __init__(self) -> None:
        self.questions = 0
        self.address = f"127.{random.randrange(2, 250)}.{random.randrange(250)}.{random.randrange(2, 250)}"
        self._udp, self._tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        for one in (self._udp, self._tcp):
            one.bind((self.address, 53))
        self._tcp.listen()
        threading.Thread(target=self._swallow, daemon=True).start()

    def _swallow(self) -> None:
        with contextlib.suppress(OSError):
            while self._udp.recv(4096):
                self.questions += 1

    def close(self) -> None:
        self._udp.close()
        self._tcp.close()


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[tuple[Swallower, list[str]]]:
    """The name server, and the words before a command that has no other."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root and unshare: apt-get install util-linux")
    try:
        server = Swallower()
    except OSError as error:
        pytest.skip(f"port 53 of a loopback address: {error}")
    resolver, order = tmp_path / "resolv.conf", tmp_path / "nsswitch.conf"
    resolver.write_text(f"nameserver {server.address}\noptions timeout:30 attempts:5\n", encoding="ascii")
    order.write_text("hosts: files dns\npasswd: files\ngroup: files\n", encoding="ascii")
    words = ["unshare", "--mount", "sh", "-ec", APART, "sh", str(resolver), str(order)]
    if subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False).returncode:
        server.close()
        pytest.skip("this kernel does not let root make a mount namespace")
    yield server, words
    server.close()


class Agent:
    """The agent as a process of its own, that knows no names."""

    def __init__(self, words: list[str], toml: Path) -> None:
        self.data = toml.parent / "data"
        self._born = time.time()
        self.process = subprocess.Popen([*words, sys.executable, "-m", "lnx_agent.main", str(toml)], stdin=subprocess.DEVNULL)

    def status(self) -> dict[str, Any]:
        try:
            told = dict(json.loads((self.data / "status.json").read_bytes()))
        except (OSError, ValueError):
            return {}
        return told if told.get("time", 0) > self._born else {}

    def uplink(self) -> dict[str, Any]:
        return next(iter(self.status().get("uplinks", [])), {})

    def stop(self) -> tuple[int, float]:
        """Exit status, and seconds that it took."""
        begin = time.monotonic()
        self.process.terminate()
        return self.process.wait(60), time.monotonic() - begin


def test_a_name_server_that_never_answers_stops_neither_the_log_nor_a_change_nor_the_end(
    tmp_path: Path, dead: tuple[Swallower, list[str]]
) -> None:
    server, words = dead
    events = EventFile("press", tmp_path / "plant/events")
    toml = agent_toml(tmp_path / "plant", "https://receiver.example:4318")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        agent = Agent(words, toml)
        try:
            for n in range(100):
                events.write("lnx.error", {"status": n, "model": "m"})
            wait_for(lambda: agent.uplink().get("reason") == "name-not-found")
            assert server.questions > 0
            wait_for(lambda: agent.status()["sealed"] > 100)  # the log goes on
            begin = time.monotonic()
            toml.write_text(toml.read_text(encoding="utf-8").replace("https://receiver.example:4318", there.url), encoding="utf-8")
            wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.error") == 100)
            assert time.monotonic() - begin < 100  # the resolver's own patience is 150 s
            toml.write_text(toml.read_text(encoding="utf-8").replace(there.url, "https://other.example"), encoding="utf-8")
            wait_for(lambda: agent.uplink().get("reason") == "name-not-found")
            code, seconds = agent.stop()
            assert code == 0
            assert seconds < seconds_here(5)
        finally:
            ended(agent.process)


def test_a_broker_whose_name_is_never_found_keeps_nobody_from_ending(tmp_path: Path, dead: tuple[Swallower, list[str]]) -> None:
    _, words = dead
    toml = agent_toml(tmp_path / "plant", "https://receiver.example")
    text = toml.read_text(encoding="utf-8")
    broker = '[[uplink]]\nkind = "mqtt"\nname = "broker"\nhost = "broker.example"\nport = 8883\n[uplink.retry]\nfirst = "50ms"\n'
    toml.write_text(text[: text.index("[[uplink]]")] + broker, encoding="utf-8")
    agent = Agent(words, toml)
    try:
        wait_for(lambda: agent.uplink().get("state") == "retrying")
        code, seconds = agent.stop()
        assert code == 0
        assert seconds < seconds_here(5)
    finally:
        ended(agent.process)


def test_a_name_is_asked_for_once_at_a_time_and_waited_for_no_longer_than_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = [], threading.Event()

    def never(host: str, port: int, **_: object) -> dial.Addresses:
        asked.append(host)
        answer.wait(60)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", never)
    for _ in range(3):
        with pytest.raises(socket.gaierror):
            dial.resolve("nobody.example", 443, 0.05)
    assert asked == ["nobody.example"]
    answer.set()
    assert dial.resolve("nobody.example", 443, 30)[0][4] == ("127.0.0.1", 443)


def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = Upstream(lambda _: Reply())
    port = int(upstream.url.rpartition(":")[2])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", n)) for n in (closed.getsockname()[1], port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with dial.dial("two.example", port, 30) as channel:
            assert channel.getpeername() == ("127.0.0.1", port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found[:1])
        with pytest.raises(ConnectionRefusedError):
            dial.dial("one.example", port, 30)
    upstream.close()
