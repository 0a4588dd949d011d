"""The agent for hours at twice the load it is made for, with a fault every so often: memory, open files and threads must not grow.

A program writes 4000 events a second; every `period` one fault in turn: the upstream away, kill -9, other settings, a log-in page
instead of the upstream. Memory and open files are read every few seconds of a life that is older than a minute (`--warm`); the slope is
that of a line through the readings of the longest life. In the end everything must be there.

    python benchmarks/agent_soak.py --hours 24 --period 3600      what the figures are for
    python benchmarks/agent_soak.py --hours 0.2 --period 60       a look
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from _report import ROOT, claim, report
from lnx_common.events import EventFile

sys.path.insert(0, str(ROOT / "tests/agent"))
from agent_plant import RunningReceiver, agent_toml, receiver_settings
from oracle import HostileReceiver

RATE, BURST = 4000, 40
LOOK_S = 5.0
FAULTS = ("upstream away", "kill -9", "other settings", "log-in page")


class Line:
    """A program that writes steadily until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self.written = 0
        self._events, self._end = EventFile("press", folder), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        due = time.monotonic()
        while not self._end.wait(max(0.0, due - time.monotonic())):
            due = max(due, time.monotonic() - 1.0) + BURST / RATE
            for _ in range(BURST):
                self._events.write("lnx.error", {"status": self.written, "model": "m"})
                self.written += 1

    def end(self) -> None:
        self._end.set()
        self._thread.join()


class Soak:
    """The agent, its upstream, and what was read of its memory."""

    def __init__(self, folder: Path, warm_s: float) -> None:
        self.folder, self._warm_s = folder, warm_s
        self.receiver = RunningReceiver(receiver_settings(folder / "receiver"), HostileReceiver)
        self._port = int(self.receiver.url.rsplit(":", 1)[1])
        self.toml = agent_toml(folder / "plant", self.receiver.url, uplink="batch_records = 512")
        text = re.sub(r'size = "100kB"', 'size = "4MB"', self.toml.read_text(encoding="utf-8"))
        self.toml.write_text(
            text.replace('after = "2s"', 'after = "10m"').replace('heartbeat = "1s"', 'heartbeat = "5m"'), encoding="utf-8"
        )
        self.readings: list[list[tuple[float, float, int, int]]] = []
        self.start()

    def start(self) -> None:
        self.agent = subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(self.toml)], stderr=subprocess.DEVNULL)
        self._born = time.monotonic()
        self.readings.append([])

    def look(self) -> None:
        if time.monotonic() - self._born > self._warm_s:
            process = psutil.Process(self.agent.pid)
            now = time.monotonic()
            self.readings[-1].append((now, process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))

    def upstream(self, up: bool) -> None:
        if not up:
            self.receiver.stop()
        else:
            settings = receiver_settings(self.folder / "receiver", port=self._port)
            self.receiver = RunningReceiver(settings, HostileReceiver)

    def fault(self, number: int, seconds: float) -> str:
        name = FAULTS[number % len(FAULTS)]
        if name == "kill -9":
            self.agent.kill()
            self.agent.wait()
            self.start()
        elif name == "other settings":
            text = self.toml.read_text(encoding="utf-8")
            self.toml.write_text(re.sub(r"batch_records = \d+", f"batch_records = {400 + number}", text), encoding="utf-8")
        elif name == "upstream away":
            self.upstream(False)
            time.sleep(seconds)
            self.upstream(True)
        else:
            HostileReceiver.portal = True
            time.sleep(seconds)
            HostileReceiver.portal = False
        return name


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--hours", type=float, default=0.1)
    parser.add_argument("--period", type=float, default=60.0)
    parser.add_argument("--warm", type=float, default=60.0)
    options, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    with tempfile.TemporaryDirectory() as place:
        one = Soak(Path(place), options.warm)
        line = Line(Path(place) / "plant/events")
        end, next_fault, faults = time.monotonic() + options.hours * 3600, time.monotonic() + options.period, 0
        while time.monotonic() < end or faults < len(FAULTS):
            time.sleep(min(LOOK_S, options.period / 4))
            one.look()
            if time.monotonic() > next_fault:
                one.fault(faults, options.period / 10)
                faults, next_fault = faults + 1, next_fault + options.period
        line.end()
        lost = _lost(one, line.written)
        one.agent.terminate()
        one.agent.wait()
        one.receiver.stop()
    rows, slope = _judged(one.readings, line.written, faults, lost, options.hours)
    report(
        rows, [claim("lost", lost, "events", 0, at_least=False), claim("memory, longest life", slope, "MB per hour", 1.0, at_least=False)]
    )


def _lost(one: Soak, written: int) -> int:
    """What the receiver lacks once the agent has delivered everything, or nothing more for two minutes. The receiver is asked once: it
    reads every row, and its interpreter is the one that takes them in."""
    status, delivered, accepted, changed = one.folder / "plant/data/status.json", -1, 0, time.monotonic()
    while time.monotonic() - changed < 120:
        told = json.loads(status.read_bytes())
        now = sum(told["uplinks"][0]["delivered"].values()) if told["uplinks"] else 0
        if now >= written and now >= told["accepted"] - 20 and told["accepted"] < accepted + 20:  # its own records never stop coming
            break
        if now != delivered:
            delivered, changed = now, time.monotonic()
        accepted = told["accepted"]
        time.sleep(LOOK_S)
    return written - _found(one)


def _found(one: Soak) -> int:
    from lnx_agent.receiver.archive import query

    _, rows = query(one.receiver.receiver.store, "SELECT count(*) FROM records WHERE event = 'lnx.error'")
    return int(rows[0][0])


def _judged(
    readings: list[list[tuple[float, float, int, int]]], written: int, faults: int, lost: int, hours: float
) -> tuple[list[dict[str, Any]], float]:
    longest = max(readings, key=len)
    times, memory, files, threads = (np.array(column) for column in zip(*longest, strict=True))
    slope = float(np.polyfit((times - times[0]) / 3600, memory, 1)[0])
    row = {
        "hours": round(hours, 2),
        "events": written,
        "faults": faults,
        "lost": lost,
        "lives": len(readings),
        "readings": len(longest),
        "memory_mb": f"{memory.min():.1f} … {memory.max():.1f}",
        "open_files": f"{files.min()} … {files.max()}",
        "threads": f"{threads.min()} … {threads.max()}",
    }
    return [row], slope


if __name__ == "__main__":
    main()
