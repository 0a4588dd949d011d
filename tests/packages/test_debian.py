"""The Debian package: installed, run, upgraded and removed by dpkg under a systemd of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_plant import RunningReceiver, agent_toml, receiver_settings, wait_for

from installer import debian

from .conftest import REQUIRED, packaged_for_linux
from .linux_machine import LinuxMachine
from .windows_plant import Program

AGENT, COLLECTOR = debian.UNITS
LONG = 60.0


@pytest.fixture(scope="module")
def made_for_linux() -> Path:
    """build/dist/linux/lnx-edge."""
    folder = packaged_for_linux()
    if not (folder / "lnx-agent").exists() and not REQUIRED:
        pytest.skip("not made: python3 dev.py package --only deb")
    return folder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LinuxMachine, Path]]:
    if sys.platform != "linux" or os.geteuid() != 0 or not Path("/lib/systemd/systemd").exists():
        pytest.skip("needs root and systemd: apt-get install systemd")
    plant = tmp_path_factory.mktemp("plant")
    one = LinuxMachine(plant, tmp_path_factory.mktemp("machine") / "layer")
    try:
        if not one.runs():
            pytest.skip(f"this kernel does not let root run a Linux of its own: {one.why_not()}")
        yield one, plant
    finally:
        one.end()


@pytest.mark.parametrize("unit", debian.UNITS)
def test_systemd_accepts_the_units(unit: str, tmp_path: Path) -> None:
    text = (debian.HERE / unit).read_text(encoding="utf-8").replace("/opt/lnx-edge/current/", "/bin/true /opt/lnx-edge/current/")
    (tmp_path / unit).write_text(text, encoding="utf-8")
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], capture_output=True, text=True, check=False)
    assert (judged.returncode, [line for line in judged.stderr.splitlines() if "lnx-" in line]) == (0, [])


def test_the_unit_keeps_what_the_installed_one_keeps() -> None:
    from lnx_agent.install import UNIT

    ours = set((debian.HERE / AGENT).read_text(encoding="utf-8").splitlines())
    differs = {line.split("=")[0] for line in set(UNIT.splitlines()) - ours}
    assert differs <= {"ExecStart", "WorkingDirectory", "{credentials}Restart"}


@pytest.mark.parametrize("script", debian.SCRIPTS)
def test_the_maintainer_scripts_are_shell(script: str) -> None:
    assert subprocess.run(["sh", "-n", str(debian.HERE / script)], check=False).returncode == 0


def test_a_package_lives_as_it_should(machine: tuple[LinuxMachine, Path], made_for_linux: Path) -> None:
    system, plant = machine
    first = debian.make(made_for_linux, "1.0.0~test1", plant, level=1)
    receiver = RunningReceiver(receiver_settings(plant / "receiver"))
    try:
        _units_of(system, first)
        done = system.run("dpkg", "-i", f"/mnt/plant/{first.name}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert system.run("lnx-agent", "--version").stdout.startswith("lnx-edge ")
        assert system.show(AGENT, "ActiveState") == "inactive", "without settings it does not start"
        assert system.run("stat", "-c", "%U %a", "/var/lib/lnx/agent").stdout == "lnx 700\n"
        assert system.run("stat", "-c", "%a", "/var/lib/lnx/events").stdout == "1777\n"

        program = _settings(system, plant, receiver.url)
        assert system.run("systemctl", "restart", AGENT).returncode == 0, _stderr(plant)
        program.write(20)
        wait_for(lambda: program.arrived(receiver.records()) == set(range(program.written)), LONG)
        assert system.run("ps", "-o", "user=", "-p", system.show(AGENT, "MainPID")).stdout.strip() == "lnx"
        if (made_for_linux / "lnx-collector").exists():  # CI makes lnx-agent alone
            assert system.run("systemctl", "start", COLLECTOR).returncode == 0, _stderr(plant)
        _comes_back_after_a_kill(system)

        second = debian.make(made_for_linux, "1.0.0~test2", plant, level=1)
        program.write(20)
        _a_power_cut_while_unpacking_leaves_the_old_version(system)
        done = system.run("dpkg", "-i", f"/mnt/plant/{second.name}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert system.run("readlink", "/opt/lnx-edge/current").stdout == "versions/1.0.0~test2\n"
        assert system.run("ls", "/opt/lnx-edge/versions").stdout == "1.0.0~test2\n"
        assert system.show(AGENT, "ActiveState") == "active"
        program.write(20)
        wait_for(lambda: program.arrived(receiver.records()) == set(range(program.written)), LONG)

        assert system.run("dpkg", "-r", "lnx-edge").returncode == 0
        assert system.show(AGENT, "ActiveState") in ("inactive", "")
        assert system.run("ls", "/opt/lnx-edge").returncode != 0
        assert system.run("ls", "/var/lib/lnx/agent/status.json", "/etc/lnx/agent.toml").returncode == 0, "removing leaves data"
        assert system.run("dpkg", "-P", "lnx-edge").returncode == 0
        assert system.run("ls", "/var/lib/lnx/agent").returncode != 0, "purging is asking for it"
    finally:
        receiver.stop()


def _units_of(system: LinuxMachine, package: Path) -> None:
    """systemd looks for units in /mnt/plant/units, where links show it the installed ones."""
    for unit in debian.UNITS:
        system.run("ln", "-s", f"/usr/lib/systemd/system/{unit}", f"/mnt/plant/units/{unit}")
    assert package.exists()


def _settings(system: LinuxMachine, plant: Path, url: str) -> Program:
    """agent.toml and collector.toml in /etc/lnx, the token where the guide says; a program that writes into the events folder."""
    toml = agent_toml(plant / "made", url)
    text = toml.read_text(encoding="utf-8")
    text = text.replace(str(plant / "made/data"), "/var/lib/lnx/agent").replace(str(plant / "made/events"), "/mnt/plant/events")
    toml.write_text(text.replace(str(plant / "made/token"), "/etc/lnx/secrets/token"), encoding="utf-8")
    (plant / "events").mkdir()
    system.run("install", "-m", "0644", "/mnt/plant/made/agent.toml", "/etc/lnx/agent.toml")
    system.run("install", "-m", "0600", "-o", "lnx", "/mnt/plant/made/token", "/etc/lnx/secrets/token")
    system.run("install", "-m", "0644", "/usr/share/doc/lnx-edge/examples/collector.toml", "/etc/lnx/collector.toml")
    system.run("chmod", "1777", "/mnt/plant/events")
    plant.chmod(0o755)
    return Program(plant / "events")


def _comes_back_after_a_kill(system: LinuxMachine) -> None:
    before = system.show(AGENT, "MainPID")
    system.run("kill", "-9", before)
    wait_for(lambda: system.show(AGENT, "ActiveState") == "active" and system.show(AGENT, "MainPID") not in ("0", before), LONG)


def _a_power_cut_while_unpacking_leaves_the_old_version(system: LinuxMachine) -> None:
    """What preinst does, then the worst that dpkg can leave: the old files gone, the new ones not there."""
    assert system.run("sh", "/var/lib/dpkg/info/lnx-edge.preinst", "upgrade", "1.0.0~test1").returncode == 0
    assert system.run("mv", "/opt/lnx-edge/versions/1.0.0~test1", "/opt/lnx-edge/gone").returncode == 0
    assert system.run("systemctl", "restart", AGENT).returncode == 0
    assert system.show(AGENT, "ActiveState") == "active"
    assert system.run("mv", "/opt/lnx-edge/gone", "/opt/lnx-edge/versions/1.0.0~test1").returncode == 0


def _stderr(plant: Path) -> str:
    path = plant / "stderr"
    return path.read_text(encoding="utf-8") if path.exists() else ""
