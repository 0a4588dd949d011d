"""A clock that is wrong stays in the samples, and events tell which samples it is in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.runtime.wall_clock import WallClock

SECOND = 10**9
NOW = 1_796_000_000 * SECOND


class HandClock:
    """Moves when the test says so."""

    def __init__(self, wall: int) -> None:
        self.wall, self.steady = wall, 0

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.steady

    boot_ns = monotonic_ns


@pytest.mark.parametrize("dead", [0, 1_262_304_000 * SECOND, NOW - 3600 * SECOND], ids=["1970", "2010", "earlier than the samples"])
def test_a_dead_battery_is_told_at_the_start_and_put_right_with_the_samples_it_is_in(dead: int) -> None:
    clock, seq = HandClock(dead), [41]
    watch = WallClock(clock, lambda: seq[0], NOW)
    told = watch.begin()
    assert told is not None and told.kind == "unsynchronised" and watch.wrong
    assert (told.before, told.after, told.first_seq, told.last_seq) == (NOW, dead, 42, 41)
    seq[0] = 100
    clock.wall = NOW + 60 * SECOND  # NTP
    told = watch.look()
    assert told is not None and told.kind == "corrected" and not watch.wrong
    assert (told.seconds, told.first_seq, told.last_seq) == ((NOW - dead) / SECOND + 60, 42, 100)
    seq[0] = 110
    clock.wall -= 3600 * SECOND
    told = watch.look()
    assert told is not None and (told.kind, told.seconds, told.first_seq, told.last_seq) == ("jump", -3600, 101, 110)


def test_a_clock_that_can_be_right_is_not_told() -> None:
    watch = WallClock(HandClock(NOW), lambda: 0, NOW - 5 * SECOND)
    assert watch.begin() is None and watch.look() is None and not watch.wrong


def test_a_jump_from_wrong_to_wrong_is_no_correction() -> None:
    clock = HandClock(0)
    watch = WallClock(clock, lambda: 0, NOW)
    watch.begin()
    clock.wall = 1_262_304_000 * SECOND
    told = watch.look()
    assert told is not None and told.kind == "jump" and watch.wrong


FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed: apt-get install faketime")
def test_a_pc_that_wakes_up_in_2001_collects_and_tells_when_its_clock_is_put_right(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.csv").write_text("v\n1\n2\n", encoding="utf-8")
    path = tmp_path / "collect.toml"
    path.write_text(
        '[collector]\ndata = "data"\nhttp = ""\n[historian]\nreserve = 0\n[[source]]\nname = "t"\ntype = "csv-folder"\nfolder = "in"\n'
        'period = "100ms"\n[[source.tag]]\nname = "v"\ncolumn = "v"\n',
        encoding="utf-8",
    )
    control = tmp_path / "clock"
    control.write_text("@2001-01-01 00:00:00")
    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    events = tmp_path / "events"
    child = subprocess.Popen(
        [sys.executable, "-m", "lnx_collector", "run", str(path)],
        env={**os.environ, **env, "LNX_EVENT_DIR": str(events)},
        stderr=subprocess.DEVNULL,
    )

    def clocks() -> list[dict[str, Any]]:
        lines = [json.loads(line) for file in events.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
        return [line["attributes"] for line in lines if line["event"] == "lnx.collector.clock"]

    try:
        _wait(lambda: [one["kind"] for one in clocks()] == ["unsynchronised"])
        time.sleep(1.5)  # the two rows are stored meanwhile
        control.write_text("+0")
        _wait(lambda: [one["kind"] for one in clocks()] == ["unsynchronised", "corrected"])
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        finally:
            child.kill()
    corrected = clocks()[1]
    assert corrected["seconds"] > 20 * 365 * 86400 and corrected["first_seq"] == 1


def _wait(done: Any) -> None:
    deadline = time.monotonic() + 40
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
