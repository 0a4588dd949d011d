"""The agent as a process under libfaketime: the machine's own clock is dead at the start, is set, jumps back, and leaps over 2038."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from agent_plant import agent_toml, ended, receiver_settings, running_receiver, wait_for
from lnx_common.events import EventFile

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
DAY = 86400


@pytest.mark.skipif(sys.platform != "linux" or LIBRARY is None, reason="needs libfaketime: apt-get install faketime")
def test_a_clock_that_is_dead_set_and_set_again_costs_nothing_and_is_told(tmp_path: Path) -> None:
    control = tmp_path / "clock"
    dead = -int(time.time()) + DAY  # 2 January 1970

    def turn(seconds: int) -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(f"{seconds:+d}", encoding="ascii")
        fresh.replace(control)  # never seen half written

    turn(dead)
    env = {
        **os.environ,
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    events = EventFile("press", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        toml = agent_toml(tmp_path / "plant", there.url)
        agent = subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(toml)], env=env, stdin=subprocess.DEVNULL)
        try:
            jumps = 0
            for n, offset in enumerate((dead, 0, -3600, 12 * 365 * DAY, 0)):
                turn(offset)
                jumps += n > 0
                wait_for(lambda jumps=jumps: sum(r.event == "agent.clock" for r in there.records().values()) >= jumps)
                events.write("lnx.error", {"status": n, "model": "m"})
                wait_for(lambda n=n: any(r.attributes.get("status") == n for r in there.records().values()))
            agent.terminate()
            assert agent.wait(60) == 0
        finally:
            ended(agent)
        records = there.records()
    assert len({stream for stream, _ in records}) == 1
    assert sorted(seq for _, seq in records) == list(range(len(records)))
    in_order = [records[key] for key in sorted(records)]
    assert [r.attributes["status"] for r in in_order if r.event == "lnx.error"] == [0, 1, 2, 3, 4]
    assert [r.unsynchronised for r in in_order if r.event == "lnx.error"] == [True, False, False, False, False]
    told = [round(float(r.attributes["seconds"]) / 60) for r in in_order if r.event == "agent.clock"]
    assert told == [round(-dead / 60), -60, round((12 * 365 * DAY + 3600) / 60), -12 * 365 * 1440]
