"""Several agents started at once on one folder, and an agent that is ended in the middle of ending, as a shutdown of Windows does it.

Windows gives a service five seconds and kills it then. The kills here come at any moment of those seconds, on a disk that takes 500 ms
to flush and with an upstream that never answers, so that there is always something to be in the middle of.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from agent_plant import agent_toml, ended, receiver_settings, running_receiver, seconds_here, wait_for
from disk_faults import FailingDisk, needs_disk_faults
from lnx_agent.evidence.verify import verify_folder
from lnx_common.events import EventFile


def test_of_several_agents_started_at_once_one_works_and_the_others_say_why_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lnx_agent.main", str(agent_toml(tmp_path, "http://127.0.0.1:1"))]
    logs = [tmp_path / f"said{n}" for n in range(4)]
    agents = []
    for path in logs:
        with path.open("wb") as said:
            agents.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=said))
    try:
        wait_for(lambda: sum(one.poll() is not None for one in agents) == 3)
        (working,) = [one for one in agents if one.poll() is None]
        wait_for(lambda: _status(tmp_path / "data").get("pid") == working.pid)
        told = [path.read_text(encoding="utf-8") for path, one in zip(logs, agents, strict=True) if one is not working]
        assert all("LNX-622" in text for text in told), told
        assert all(one.returncode != 0 for one in agents if one is not working)
        assert len(json.loads((tmp_path / "data/ledger.json").read_bytes())["streams"]) == 1
        working.terminate()
        assert working.wait(120) == 0
    finally:
        for one in agents:
            ended(one)


@needs_disk_faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rounds", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_a_kill_in_the_middle_of_ending_takes_nothing(tmp_path: Path, rounds: int) -> None:
    data = tmp_path / "plant/data"
    data.mkdir(parents=True)
    disk, events = FailingDisk(data, tmp_path / "disk"), EventFile("press", tmp_path / "plant/events")
    written = 0
    with socket.create_server(("127.0.0.1", 0)) as silent, running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        toml = agent_toml(tmp_path / "plant", url)
        command = [sys.executable, "-m", "lnx_agent.main", str(toml)]

        def start() -> subprocess.Popen[bytes]:
            born = time.time()
            agent = subprocess.Popen(command, env=disk.environment(), stdin=subprocess.DEVNULL)
            wait_for(lambda: _status(data).get("time", 0) > born)
            return agent

        with disk.failing("fsync-slow"):
            for _ in range(rounds):
                agent = start()
                try:
                    for _ in range(500):
                        events.write("lnx.error", {"status": written, "model": "m"})
                        written += 1
                    agent.terminate()
                    time.sleep(random.uniform(0, 4))
                finally:
                    ended(agent)
        toml.write_text(toml.read_text(encoding="utf-8").replace(url, there.url), encoding="utf-8")
        agent = start()
        try:
            wait_for(lambda: len({r.source for r in there.records().values() if r.event == "lnx.error"}) == written)
            begin = time.monotonic()
            agent.terminate()
            assert agent.wait(60) == 0
            assert time.monotonic() - begin < seconds_here(5)
        finally:
            ended(agent)
        assert len(there.records()) == len({(r.source or key) for key, r in there.records().items()})  # none twice
    assert len(json.loads((data / "ledger.json").read_bytes())["streams"]) == 1
    report = verify_folder(data)
    assert report.complete, report.problems


def _status(data: Path) -> dict[str, float]:
    try:
        return dict(json.loads((data / "status.json").read_bytes()))
    except (OSError, ValueError):
        return {}
