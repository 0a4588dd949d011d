"""The whole collector as people run it: configuration in, durable samples out, status, reload, restart."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lnx_collector import quality as q
from lnx_collector.historian import Historian
from peers import Lines

LNX = [sys.executable, "-m", "lnx_collector"]


def config(folder: Path, port: int, extra: str = "", tags: int = 3, name: str = "plc") -> Path:
    path = folder / "collect.toml"
    listed = "".join(f'[[source.tag]]\nname = "{name}.t{i}"\naddress = {i}\n' for i in range(tags))
    path.write_text(
        f'[collector]\ndata = "data"\nhttp = "127.0.0.1:0"\n[historian]\nreserve = 0\n'
        f'[[source]]\nname = "{name}"\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {port}\nperiod = "100ms"\ntimeout = "200ms"\n'
        f'backoff_max = "500ms"\n{listed}{extra}',
        encoding="utf-8",
    )
    return path


class Running:
    """`lnx collect run` as a process of its own."""

    def __init__(self, path: Path) -> None:
        self.events = path.parent / "events"
        environment = {**os.environ, "LNX_LANG": "en", "LNX_EVENT_DIR": str(self.events)}
        self.process = subprocess.Popen([*LNX, "run", str(path)], stderr=subprocess.PIPE, text=True, env=environment)
        lines = Lines(self.process.stderr)  # read on, so that a collector that says much never waits for us
        while not (line := lines.next()).startswith("collecting"):
            assert line, "ended before it collected"
        self.url = line.split()[-1].rsplit("/", 1)[0]

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return str(answer.read().decode())

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/status"))
        return found

    def until(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while not condition(found := self.status()):
            assert time.monotonic() < deadline, json.dumps(found)
            time.sleep(0.05)
        return found

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for file in sorted(self.events.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def run() -> Iterator[Callable[[Path], Running]]:
    started: list[Running] = []

    def start(path: Path) -> Running:
        started.append(Running(path))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def command(*arguments: object, lang: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LNX, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "LNX_LANG": lang, "COLUMNS": "200"},
        timeout=90,
        check=False,
    )


def test_init_check_probe_and_once_lead_a_newcomer_from_nothing_to_stored_values(tmp_path: Path, server: Any) -> None:
    path = tmp_path / "plant.toml"
    assert command("init", path, "--kind", "modbus-tcp").returncode == 0
    assert command("check", path).stdout.startswith("the configuration is correct: sources 1, tags 4")
    assert command("init", path).returncode == 2  # never overwritten

    server.registers("h", 0, [7, 8, 9])
    mine = config(tmp_path, server.port)
    probed = command("probe", mine)
    assert probed.returncode == 0, probed.stderr
    assert "plc.t1" in probed.stdout and "GOOD" in probed.stdout
    assert not (tmp_path / "data" / "collector.sqlite").exists()

    once = command("run", mine, "--once", "--json")
    values = {sample["tag"]: sample["value"] for sample in json.loads(once.stdout)["samples"]}
    assert values == {"plc.t0": 7, "plc.t1": 8, "plc.t2": 9}
    asked = command("query", mine, "SELECT tag, number FROM samples WHERE seq <= 3 ORDER BY tag", "--json")
    assert [json.loads(line) for line in asked.stdout.splitlines()] == [{"tag": f"plc.t{i}", "number": 7.0 + i} for i in range(3)]


def test_the_command_lnx_knows_collect_and_speaks_korean() -> None:
    line = [sys.executable, "-c", "from lnx.cli import main; main()", "collect", "init", "--list"]
    found = subprocess.run(line, capture_output=True, text=True, env={**os.environ, "LNX_LANG": "ko"}, timeout=90, check=True)
    assert "수집원" in found.stdout and "modbus-tcp" in found.stdout and "postgresql" in found.stdout


def test_mistakes_are_told_with_their_line_in_both_languages(tmp_path: Path) -> None:
    path = config(tmp_path, 502)
    path.write_text(path.read_text(encoding="utf-8").replace("timeout =", "timeuot ="), encoding="utf-8")
    english, korean = command("check", path), command("check", path, lang="ko")
    assert english.returncode == 2
    assert "collect.toml:12" in english.stderr and 'perhaps   "timeout"' in english.stderr
    assert "혹시" in korean.stderr and "collect.toml:12" in korean.stderr
    path.write_text('[[source]]\nname = "x"\ntype = "modbus-tpc"\n', encoding="utf-8")
    assert '"modbus-tcp"' in command("check", path).stderr
    twice = config(tmp_path, 502, '[[source.tag]]\nname = "plc.t0"\naddress = 9\n')
    assert "this one is taken at collect.toml:15" in command("check", twice).stderr


def test_probe_says_which_tag_has_no_value_and_why(tmp_path: Path, server: Any) -> None:
    server.tell("hole 1 1")
    probed = command("probe", config(tmp_path, server.port), "--wait", "3")
    assert probed.returncode == 1
    assert "BAD_NODE_ID_UNKNOWN" in probed.stdout and "LNX-702" in probed.stderr
    nobody = command("probe", config(tmp_path, 1), "--wait", "1", lang="ko")
    assert nobody.returncode == 1 and "LNX-701" in nobody.stderr and "수집원" in nobody.stderr


def test_a_running_collector_shows_status_metrics_and_a_live_tail(tmp_path: Path, server: Any, run: Callable[[Path], Running]) -> None:
    collector = run(config(tmp_path, server.port))
    found = collector.until(lambda status: status["accepted"] >= 9)
    assert found["sources"][0]["state"] == "running" and found["losses"] == []
    metrics = collector.get("/metrics")
    assert 'lnx_source_up{source="plc"} 1.0' in metrics and "lnx_historian_accepted_samples_total" in metrics
    with urllib.request.urlopen(collector.url + "/tail?tags=plc.t2", timeout=5) as tail:
        lines = [json.loads(tail.readline()) for _ in range(3)]
    assert {line["tag"] for line in lines} == {"plc.t2"} and lines[0]["quality_name"] == "GOOD"
    forged = urllib.request.Request(collector.url + "/status", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(forged, timeout=5)
    second = command("run", tmp_path / "collect.toml")
    assert second.returncode == 4 and "LNX-622" in second.stderr
    assert collector.stop() == 0
    names = [event["event"] for event in collector.told()]
    assert names[0] == "lnx.collector.start" and names[-1] == "lnx.collector.stop"


def test_status_tail_and_losses_tell_a_person_what_goes_on(tmp_path: Path, server: Any, run: Callable[[Path], Running]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = config(tmp_path, server.port)
    path.write_text(path.read_text(encoding="utf-8").replace("127.0.0.1:0", f"127.0.0.1:{port}"), encoding="utf-8")
    nobody = command("status", path)
    assert nobody.returncode != 0 and "LNX-710" in nobody.stderr
    server.registers("h", 0, [11, 12, 13])
    collector = run(path)
    collector.until(lambda status: status["accepted"] >= 9)
    shown = command("status", path)
    assert shown.returncode == 0 and "plc" in shown.stdout and "running" in shown.stdout, shown.stdout + shown.stderr
    assert json.loads(command("status", path, "--json").stdout)["sources"][0]["name"] == "plc"
    assert command("losses", path).returncode == 0
    tail = subprocess.Popen(
        [*LNX, "tail", str(path), "-t", "plc.t1"], stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    lines = Lines(tail.stdout)
    heard = [lines.next() for _ in range(3)]
    assert all("plc.t1" in line and "12" in line and "GOOD" in line for line in heard), heard
    assert collector.stop() == 0
    assert tail.wait(30) in (0, 4), "it ends with the collector"


def test_a_source_that_fails_goes_bad_once_comes_back_and_disturbs_no_other(
    tmp_path: Path, start_server: Callable[..., Any], run: Callable[[Path], Running]
) -> None:
    one, other = start_server(), start_server()
    extra = (
        f'[[source]]\nname = "b"\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {other.port}\nperiod = "100ms"\nbackoff_max = "500ms"\n'
    )
    extra += '[[source.tag]]\nname = "b.x"\naddress = 0\n'
    collector = run(config(tmp_path, one.port, extra))
    collector.until(lambda status: all(source["state"] == "running" for source in status["sources"]))
    other.process.kill()
    other.process.wait(10)
    broken = collector.until(lambda status: status["sources"][1]["state"] == "waiting" and status["sources"][1]["restarts"] >= 2)
    assert "LNX-701" in broken["sources"][1]["error"] and broken["sources"][0]["state"] == "running"
    revived = start_server("tcp", str(other.port))
    collector.until(lambda status: status["sources"][1]["state"] == "running")
    assert revived.requests() > 0
    collector.until(lambda status: status["accepted"] > broken["accepted"] + 10)
    collector.stop()
    store = Historian(tmp_path / "data")
    rows = [row.sample for row in store.rows_after(0, 100_000)]
    store.close()
    of_b = [sample for sample in rows if sample.tag == "b.x"]
    assert [sample.quality for sample in of_b if q.is_bad(sample.quality)] == [q.BAD_NO_COMMUNICATION]
    times = [sample.receive_time for sample in rows if sample.tag == "plc.t0"]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 1e9
    troubles = [event for event in collector.told() if event["event"] == "lnx.collector.trouble"]
    assert len({json.dumps(event["attributes"]) for event in troubles}) <= 2  # told when it changes, not at every attempt


def test_a_change_of_the_file_is_taken_over_a_wrong_one_refused_and_a_useless_one_rolled_back(
    tmp_path: Path, server: Any, run: Callable[[Path], Running]
) -> None:
    path = config(tmp_path, server.port, tags=2)
    collector = run(path)
    collector.until(lambda status: status["accepted"] > 4)

    config(tmp_path, server.port, tags=3)
    collector.until(lambda status: _has(tmp_path, "plc.t2"))

    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("period", "perod"), encoding="utf-8")
    _until_event(collector, "refused")
    before = collector.status()["accepted"]
    collector.until(lambda status: status["accepted"] > before + 6)

    path.write_text(good.replace(f"port = {server.port}", "port = 1"), encoding="utf-8")
    _until_event(collector, "rolled_back", seconds=20)
    before = collector.status()["accepted"]
    found = collector.until(lambda status: status["accepted"] > before + 6)
    assert found["sources"][0]["state"] == "running"
    assert (tmp_path / "data" / "last-good.toml").read_text(encoding="utf-8") == good


def _has(folder: Path, tag: str) -> bool:
    asked = command("query", folder / "collect.toml", f"SELECT count(*) n FROM samples WHERE tag = '{tag}'", "--json")
    return bool(json.loads(asked.stdout)["n"])


def _until_event(collector: Running, outcome: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not any(event["attributes"].get("outcome") == outcome for event in collector.told()):
        assert time.monotonic() < deadline, outcome
        time.sleep(0.1)
