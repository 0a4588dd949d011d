"""A disk that fails under the running agent: it stays, says so within seconds, loses nothing, and goes on alone when the disk is well."""

from __future__ import annotations

import errno
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from agent_plant import RunningReceiver, agent_toml, receiver_settings, running_agent, running_receiver, seconds_here, wait_for
from disk_faults import FailingDisk, needs_disk_faults
from lnx_agent import segment
from lnx_agent.evidence.verify import verify_folder
from lnx_common import files
from lnx_common.events import EventFile
from oracle import DISK_FAULTS, run

pytestmark = needs_disk_faults


class Plant:
    """An agent whose data folder lies on a failing disk, its receiver, and a program that writes events."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "plant/data"
        self.data.mkdir(parents=True)
        self.disk = FailingDisk(self.data, folder / "disk")
        self.receiver = RunningReceiver(receiver_settings(folder / "receiver"))
        self.toml = agent_toml(folder / "plant", self.receiver.url)
        self.events = EventFile("press", folder / "plant/events")
        self.said = folder / "stderr"
        self.written = 0
        self.start()

    def start(self) -> None:
        with self.said.open("wb") as said:
            command = [sys.executable, "-m", "lnx_agent.main", str(self.toml)]
            self.agent = subprocess.Popen(command, env=self.disk.environment(), stderr=said)
        self.write(10)
        wait_for(lambda: self.stored() == self.written)

    def write(self, count: int) -> None:
        for _ in range(count):
            self.events.write("lnx.error", {"status": self.written, "model": "m"})
            self.written += 1

    def stored(self) -> int:
        return len({record.attributes["status"] for record in self.receiver.records().values() if record.event == "lnx.error"})

    def alarms(self) -> dict[str, str]:
        try:
            return dict(json.loads((self.data / "status.json").read_bytes())["alarms"])
        except (OSError, ValueError):
            return {}

    def stop(self) -> None:
        self.agent.terminate()
        self.agent.wait(120)
        self.receiver.stop()


@contextmanager
def plant(folder: Path) -> Iterator[Plant]:
    one = Plant(folder)
    try:
        yield one
    finally:
        one.stop()


@pytest.mark.parametrize("fault", ["write-eio", "write-full", "fsync-eio", "read-only"])
def test_a_disk_that_refuses_is_an_alarm_within_five_seconds_and_costs_nothing(tmp_path: Path, fault: str) -> None:
    with plant(tmp_path) as one:
        with one.disk.failing(fault):
            one.write(300)
            wait_for(lambda: "alarm storage" in one.said.read_text(encoding="utf-8"), seconds_here(5))
            time.sleep(1)
            assert one.agent.poll() is None
        one.write(10)
        wait_for(lambda: one.stored() == one.written)
        wait_for(lambda: "storage" not in one.alarms() and "alarm storage is over" in one.said.read_text(encoding="utf-8"))
    report = verify_folder(one.data)
    assert report.complete, report.problems


def test_a_scanner_that_holds_files_is_an_alarm_and_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows answers while a virus scanner holds a file, longer than the agent waits for it at once."""
    held = threading.Event()
    real = files.publish

    def publish(temporary: Path, final: Path) -> None:
        if held.is_set():
            raise PermissionError(errno.EACCES, "the file is used by another process", str(final))
        real(temporary, final)

    for module in (files, segment):
        monkeypatch.setattr(module, "publish", publish)
    events = EventFile("press", tmp_path / "plant/events")
    with (
        running_receiver(receiver_settings(tmp_path / "receiver")) as there,
        running_agent(agent_toml(tmp_path / "plant", there.url)) as agent,
    ):
        held.set()
        for n in range(300):
            events.write("lnx.error", {"status": n, "model": "m"})
        wait_for(lambda: "storage" in agent.alarms.now())
        held.clear()
        wait_for(lambda: len({r.source for r in there.records().values() if r.event == "lnx.error"}) == 300)
        wait_for(lambda: "storage" not in agent.alarms.now() and agent.ledger.live.sealed > 300)
        assert len(agent.ledger.streams) == 1
    report = verify_folder(tmp_path / "plant/data")
    assert report.complete, report.problems


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_files_that_are_held_for_a_minute_are_an_alarm_and_cost_nothing(tmp_path: Path, seconds: float) -> None:
    """The same under a process of its own, whose every rename is refused for so long."""
    with plant(tmp_path) as one:
        with one.disk.failing("held"):
            begin = time.monotonic()
            while time.monotonic() - begin < seconds:
                one.write(100)
                time.sleep(0.5)
            wait_for(lambda: "alarm storage" in one.said.read_text(encoding="utf-8"))
            assert one.agent.poll() is None
        one.write(10)
        wait_for(lambda: one.stored() == one.written)
        wait_for(lambda: "storage" not in one.alarms() and "alarm storage is over" in one.said.read_text(encoding="utf-8"))
        assert len(json.loads((one.data / "ledger.json").read_bytes())["streams"]) == 1
    report = verify_folder(one.data)
    assert report.complete, report.problems


@pytest.mark.slow
def test_a_slow_disk_slows_nobody_down_and_takes_no_memory(tmp_path: Path) -> None:
    with plant(tmp_path) as one, one.disk.failing("fsync-slow"):
        before = psutil.Process(one.agent.pid).memory_info().rss
        begin = time.monotonic()
        one.write(1_500)
        assert time.monotonic() - begin < seconds_here(5)  # programs never wait for the agent's disk
        wait_for(lambda: one.stored() == one.written, 60)
        assert psutil.Process(one.agent.pid).memory_info().rss - before < 60e6


def test_a_data_folder_that_is_deleted_while_the_agent_runs_is_made_anew_and_the_lines_are_read_again(tmp_path: Path) -> None:
    with plant(tmp_path) as one:
        for path in sorted(one.data.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        one.write(50)
        time.sleep(3)
        one.agent.kill()
        one.agent.wait()
        one.start()
        one.write(10)
        wait_for(lambda: one.stored() == one.written)


@pytest.mark.timeout(1200)  # a crowded machine
@pytest.mark.parametrize("fault", DISK_FAULTS)
def test_a_power_cut_takes_nothing_that_was_accepted(fault: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    outcome = run(seed, 20 if fault == "power" else 10, fault, tmp_path)
    assert outcome.faultless(), f"seed {seed}: {outcome.line()}"
    assert outcome.obligations > 300


def test_a_cut_takes_what_was_not_flushed_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "before").write_bytes(b"old")
    disk = FailingDisk(root, tmp_path / "disk")
    program = """
import os, pathlib, sys
from lnx_common.files import write_durably
root = pathlib.Path(sys.argv[1])
write_durably(root / "new" / "deep" / "kept", b"flushed")
write_durably(root / "before", b"young")
(root / "before").unlink()
(root / "loose").write_bytes(b"never flushed")
file = (root / "half").open("wb"); file.write(b"flushed,"); file.flush(); os.fsync(file.fileno())
folder = os.open(root, os.O_RDONLY); os.fsync(folder)
file.write(b" not flushed"); file.flush()
(root / "later").write_bytes(b"")
(root / "new" / "deep" / "kept").unlink()
"""
    subprocess.run([sys.executable, "-c", program, str(root)], env=disk.environment(), check=True)
    disk.cut_power()
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert found == {"new/deep/kept": b"flushed", "loose": b"", "half": b"flushed,"}
