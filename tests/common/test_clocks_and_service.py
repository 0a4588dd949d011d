"""Clock changes are seen, timers do not follow them, and a service ends in time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from lnx_common.clocks import ClockWatch, Every, boot_id, plausible
from lnx_common.service import Notifier, StopSignal, run_until_stopped

SECOND = 10**9


def ending(child: subprocess.Popen[Any]) -> subprocess.Popen[Any]:
    """Kills it after two minutes, if it is there still: waiting for its next line has an end."""
    limit = threading.Timer(120, child.kill)
    limit.daemon = True
    limit.start()
    return child


class HandClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.wall, self.mono, self.boot = 1_790_000_000 * SECOND, 0, 0

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.mono

    def boot_ns(self) -> int:
        return self.boot

    def tick(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.mono += int(seconds * SECOND)
        self.boot += int(seconds * SECOND)


@pytest.mark.parametrize("jump", [3600, -3600, -1_790_000_000, 3_000_000_000])
def test_a_jump_is_told_with_its_size(jump: int) -> None:
    clock = HandClock()
    watch = ClockWatch(clock)
    clock.tick(5)
    assert watch.look() is None
    clock.tick(5)
    clock.wall += jump * SECOND
    change = watch.look()
    assert change is not None
    assert (change.kind, change.seconds) == ("jump", jump)
    assert watch.look() is None


def test_sleep_is_not_a_jump() -> None:
    clock = HandClock()
    watch = ClockWatch(clock)
    clock.wall += 8 * 3600 * SECOND
    clock.boot += 8 * 3600 * SECOND
    change = watch.look()
    assert change is not None
    assert (change.kind, change.seconds) == ("suspend", 8 * 3600)


def test_a_timer_does_not_follow_the_wall_clock() -> None:
    clock = HandClock()
    timer = Every(60, clock)
    clock.wall += 10**6 * SECOND
    assert not timer.due()
    clock.tick(600)
    assert timer.due()
    assert not timer.due()


def test_dead_batteries_are_recognised() -> None:
    assert plausible(time.time_ns())
    assert not plausible(0)
    assert not plausible(5 * 10**18)
    assert boot_id() == boot_id() != ""


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_the_systems_own_clock_shows_a_jump(tmp_path: Path) -> None:
    script = (
        "import sys, time, threading\nfrom lnx_common.clocks import *\nw = ClockWatch(SystemClock())\nprint('ready', flush=True)\n"
        "deadline = time.monotonic() + 90\nwhile time.monotonic() < deadline:\n    threading.Event().wait(0.2)\n    c = w.look()\n"
        "    if c:\n        print(c.kind, round(c.seconds), flush=True)\n        break\n"
    )
    control = tmp_path / "clock"
    control.write_text("+0")
    libraries = [
        Path(p) for p in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1")
    ]
    library = next((p for p in libraries if p.exists()), None)
    if library is None:
        pytest.skip("libfaketime is not where Debian puts it")
    env = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(control),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    child = ending(subprocess.Popen([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True))
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    set_back = tmp_path / "set-back"
    set_back.write_text("-3600")
    set_back.replace(control)  # never seen half written
    assert child.stdout.readline() == "jump -3600\n"
    child.wait(90)


def test_a_service_that_listens_ends_at_once_and_one_that_hangs_is_ended(tmp_path: Path) -> None:
    for body, expected in (("stop.wait(600)", 0), ("time.sleep(600)", 70)):
        script = (
            "import time, sys\nfrom lnx_common.service import *\ndef body(stop):\n    print('up', flush=True)\n    "
            f"{body}\nrun_until_stopped(body, stop_within=0.5)\n"
        )
        child = ending(subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(90) == expected, "long before its ten minutes are over"


def test_what_a_service_raises_is_raised() -> None:
    def body(_: StopSignal) -> None:
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        run_until_stopped(body)


@pytest.mark.skipif(sys.platform == "win32", reason="systemd")
def test_systemd_is_told(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(60)
        Notifier(address).send("READY=1")
        assert listener.recv(100) == b"READY=1"
    Notifier(address + "gone").send("READY=1")
