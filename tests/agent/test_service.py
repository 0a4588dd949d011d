"""The service under a real systemd: `lnx agent install`, ready when it says so, credentials, restart, stop, reload, one instance.

systemd runs as process 1 of namespaces of its own, with nothing but our unit to start: its units come from one empty folder, its /run and
/var/lib are its own. That takes root and a kernel that lets root do it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_plant import RunningReceiver, agent_toml, bounded, ended, receiver_settings, seconds_here, wait_for
from lnx_agent import install
from lnx_agent.config import load_agent
from lnx_agent.install import secret_files, unit_text
from lnx_common.events import EventFile

UNIT = "lnx-agent.service"
LNX = (sys.executable, "-c", "from lnx.cli import main; main()")
TARGETS = ("lnx", "sysinit", "basic", "shutdown", "multi-user", "local-fs", "time-sync")
BEGIN = """
mount --make-rprivate / && mount --make-rshared /
for place in /run /mnt /etc/systemd/system /var/lib; do mount -t tmpfs tmpfs $place; done
for name in $TARGETS; do printf '[Unit]\\nDefaultDependencies=no\\n' > /etc/systemd/system/$name.target; done
mkdir /etc/systemd/system/$UNIT.d
printf '[Service]\\nStandardError=append:/mnt/plant/stderr\\n' > /etc/systemd/system/$UNIT.d/no-journal.conf
mkdir /mnt/plant && mount --bind "$PLANT" /mnt/plant
mount -t proc proc /proc
mount -o remount,bind,ro /proc/sys 2>/dev/null || { mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys; }
exec /lib/systemd/systemd --system --unit=lnx.target --log-target=null --show-status=no
"""


class Systemd:
    """A systemd of its own, and the plant's folder as /mnt/plant in it."""

    def __init__(self, plant: Path) -> None:
        settings = {
            "PLANT": str(plant),
            "TARGETS": " ".join(TARGETS),
            "UNIT": UNIT,
            "SYSTEMD_UNIT_PATH": "/etc/systemd/system",
            "container": "lnx",
        }
        apart = ["unshare", "--pid", "--fork", "--mount", "--cgroup", "--uts", "--ipc", "--kill-child"]
        self._outside = subprocess.Popen(
            [*apart, "sh", "-ec", BEGIN],
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # a pipe would be held by whatever outlives this process
        )
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 15)

    def runs(self) -> bool:
        return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children").read_text(encoding="ascii").split()
        except OSError:
            children = []
        if not children:
            return subprocess.CompletedProcess(words, 1, "", "systemd is not there")
        inside = ["nsenter", "-t", children[0], "-m", "-p", "-u", "-i", "-C", "--", *words]
        return bounded(inside, 120)

    def show(self, name: str) -> str:
        return self.run("systemctl", "show", UNIT, "--property", name, "--value").stdout.strip()

    def end(self) -> None:
        ended(self._outside)


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Systemd, Path]]:
    if sys.platform != "linux" or os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists() or shutil.which("nsenter") is None:
        pytest.skip("needs root and systemd: apt-get install systemd")
    plant = tmp_path_factory.mktemp("plant")
    one = Systemd(plant)
    try:
        if not one.runs():
            pytest.skip("this kernel does not let root run a systemd of its own")
        one.run("systemctl", "set-environment", f"PYTHONPATH={os.pathsep.join(sys.path)}")
        yield one, plant
    finally:
        one.end()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd: apt-get install systemd")
    folder = tmp_path / "한글 100%"
    unit = tmp_path / UNIT
    unit.write_text(unit_text(agent_toml(folder, "http://127.0.0.1:1")), encoding="utf-8")
    judged = bounded(["systemd-analyze", "verify", "--man=no", str(unit)], 120)
    ours = [line for line in judged.stderr.splitlines() if "lnx-agent" in line]
    assert (judged.returncode, ours) == (0, [])


def test_credentials_are_handed_over_by_name_and_only_when_the_name_is_clear(tmp_path: Path) -> None:
    toml = agent_toml(tmp_path, "http://127.0.0.1:1")
    assert secret_files(load_agent(toml)) == [tmp_path / "token"]
    second = '[[uplink]]\nkind = "otlp_http"\nname = "second"\nurl = "http://127.0.0.1:1"\ntoken_file = "other/token"\n'
    toml.write_text(toml.read_text(encoding="utf-8") + second, encoding="utf-8")
    assert secret_files(load_agent(toml)) == []
    assert load_agent(toml).uplink[1].token_file == tmp_path / "other/token"  # relative to the file, wherever the service begins


def test_a_program_below_tmp_is_not_hidden_from_its_own_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = agent_toml(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setattr(install, "TEMPORARY", (tmp_path,))
    assert "PrivateTmp" not in unit_text(toml)
    monkeypatch.setattr(install, "TEMPORARY", (tmp_path / "other",))
    assert "PrivateTmp=yes\n" in unit_text(toml)


def test_the_service_lives_as_it_should(systemd: tuple[Systemd, Path]) -> None:
    system, plant = systemd
    receiver = RunningReceiver(receiver_settings(plant / "receiver"))
    try:
        toml = agent_toml(plant, receiver.url)
        toml.write_text(toml.read_text(encoding="utf-8").replace(str(plant), "/mnt/plant"), encoding="utf-8")
        (plant / "token").chmod(0o644)  # the agent would refuse this file; systemd hands over what is in it
        events = EventFile("press", plant / "events")

        def arrived(count: int) -> bool:
            for n in range(count):
                events.write("lnx.error", {"status": n, "model": "m"})
            before = len(receiver.records())
            wait_for(lambda: len(receiver.records()) > before)
            return True

        done = system.run(*LNX, "agent", "install", "/mnt/plant/agent.toml")
        assert done.returncode == 0, (
            done.stdout + done.stderr + system.run("systemctl", "cat", UNIT).stdout + (plant / "stderr").read_text(encoding="utf-8")
        )
        assert system.show("ActiveState") == "active"  # Type=notify: active means that the agent said READY
        assert arrived(10)
        _refuses_a_second_one(system)
        _comes_back_after_a_kill(system)
        assert arrived(10)
        _takes_over_settings(system, plant)
        _stops_in_time(system)
        system.run("systemctl", "start", UNIT)
        assert arrived(10)
        done = system.run(*LNX, "agent", "uninstall")
        assert done.returncode == 0, done.stdout + done.stderr
        assert system.show("LoadState") == "not-found"
    finally:
        receiver.stop()


def _refuses_a_second_one(system: Systemd) -> None:
    second = system.run(sys.executable, "-m", "lnx_agent.main", "/mnt/plant/agent.toml")
    assert second.returncode != 0
    assert "LNX-622" in second.stderr or "LNX-804" in second.stderr


def _comes_back_after_a_kill(system: Systemd) -> None:
    before = system.show("MainPID")
    system.run("kill", "-9", before)
    wait_for(lambda: system.show("ActiveState") == "active" and system.show("MainPID") not in ("0", before))
    assert system.show("NRestarts") == "1"


def _takes_over_settings(system: Systemd, plant: Path) -> None:
    toml = plant / "agent.toml"
    good = toml.read_text(encoding="utf-8")
    before = system.show("MainPID")
    toml.write_text(good.replace("[seal]", "[seal"), encoding="utf-8")
    wait_for(lambda: "alarm settings" in (plant / "data/log/agent.log").read_text(encoding="utf-8"))
    toml.write_text(good.replace('asset = "AI-VISION-01"', 'asset = "AI-VISION-02"'), encoding="utf-8")
    wait_for(lambda: "alarm settings is over" in (plant / "data/log/agent.log").read_text(encoding="utf-8"))
    assert system.show("MainPID") == before


def _stops_in_time(system: Systemd) -> None:
    begin = time.monotonic()
    system.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin < seconds_here(5)
    assert (system.show("ActiveState"), system.show("Result"), system.show("ExecMainStatus")) == ("inactive", "success", "0")
