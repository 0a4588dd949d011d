"""The packaged services under Wine's service manager: install, start, restart, upgrade, stop, remove; bad places for their data.

Wine 8's manager does not notice that a service's process has died, so a kill is tested without it, and under systemd. It does not know
delayed starts, restarts and accounts either (docs/guides/services.md).
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_plant import RunningReceiver, receiver_settings, running_receiver, wait_for
from lnx_agent.evidence.verify import verify_folder
from lnx_collector.historian.database import DATABASE

from tools.dev.wine import Wine, windows_path

from .conftest import linked_copy, need
from .windows_plant import LONG, Program, ServiceProgram, linux_pid, windows_agent_toml


@pytest.fixture
def agent(manager: Wine, programs: Path, programdata: Path) -> Iterator[ServiceProgram]:
    one = ServiceProgram(manager, programs, "lnx-agent")
    one("remove")
    yield one
    one("remove")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[RunningReceiver]:
    with running_receiver(receiver_settings(tmp_path / "receiver")) as one:
        yield one


def wait_until_received(receiver: RunningReceiver, program: Program) -> None:
    wait_for(lambda: program.arrived(receiver.records()) == set(range(program.written)), LONG)


def test_a_fresh_installation_makes_the_layout_and_waits_for_settings(agent: ServiceProgram, programdata: Path) -> None:
    told = agent("install")
    assert told["state"] == "stopped", "settings that are still the sample are not run"
    assert told["command"] == f'"{windows_name(agent)}" service host'
    assert told["account"].lower().endswith("localservice")
    assert sorted(path.name for path in programdata.iterdir()) == sorted(
        ["agent", "collector", "config", "events", "licenses", "state", "trust"]
    )
    assert (programdata / "config/agent.toml").read_text(encoding="utf-8").startswith("# LNX Edge agent")
    (programdata / "config/agent.toml").write_text("# ours\n", encoding="utf-8")
    assert agent("install", "--no-start")["state"] == "stopped"
    assert (programdata / "config/agent.toml").read_text(encoding="utf-8") == "# ours\n", "settings are never written over"


def windows_name(agent: ServiceProgram) -> str:
    return windows_path(agent.programs / agent.program)


def test_a_service_lives_through_restart_and_upgrade_without_losing_a_record(
    agent: ServiceProgram, manager: Wine, receiver: RunningReceiver, tmp_path: Path, made_for_windows: Path
) -> None:
    plant = tmp_path / "공장 설비"
    config = windows_agent_toml(plant, receiver.url)
    program = Program(plant / "이벤트")
    assert agent("install", "--config", config)["state"] == "running"
    assert agent("start")["state"] == "running", "starting what runs is no error"
    program.write(50)
    wait_until_received(receiver, program)
    _a_second_one_is_refused(agent, manager, config)

    assert agent("stop")["state"] == "stopped"
    program.write(50)  # the event files are the buffer
    assert agent("start")["state"] == "running"
    wait_until_received(receiver, program)

    new = ServiceProgram(manager, linked_copy(made_for_windows, agent.programs.with_name("LNX 엣지 새 버전")), "lnx-agent")
    program.write(25)
    assert agent("stop")["state"] == "stopped"
    program.write(25)
    told = new("install")
    assert (told["state"], told["command"]) == ("running", f'"{windows_name(new)}" service host')
    assert told["config"] == windows_path(config), "the settings file stays the one that was named"
    assert linux_pid(agent.programs, agent.program) == 0
    program.write(50)
    wait_until_received(receiver, program)

    begin = time.monotonic()
    assert new("stop")["state"] == "stopped"
    assert time.monotonic() - begin < 60  # of a busy machine; the five seconds are measured where it is quiet
    assert linux_pid(new.programs, new.program) == 0
    report = verify_folder(plant / "데이터", 0, 1 << 62)
    assert report.complete, report.problems
    assert new("remove")["state"] == "absent"
    assert (plant / "데이터/journal").exists() or any((plant / "데이터").iterdir()), "data stays"
    assert new("status")["state"] == "absent"


def _a_second_one_is_refused(agent: ServiceProgram, manager: Wine, config: Path) -> None:
    done = manager.run(agent.programs / agent.program, "run", config, env={"LNX_LANG": "en"}, timeout=300)
    assert done.returncode == 4
    assert "LNX-622" in done.stderr


@pytest.mark.slow
def test_a_killed_agent_loses_nothing(korean: Wine, programs: Path, receiver: RunningReceiver, tmp_path: Path) -> None:
    """The packaged program, killed three times while it delivers; its lock and its half-written records are no hindrance."""
    plant = tmp_path / "공장 설비"
    config = windows_agent_toml(plant, receiver.url)
    program = Program(plant / "이벤트")
    words = [*korean.launcher("wine64"), windows_path(programs / "lnx-agent.exe"), "run", windows_path(config)]

    def start() -> subprocess.Popen[bytes]:
        """Without pipes: Wine's own services would keep them open."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(words, env=korean.environment({"LNX_LANG": "en"}), **quiet)  # type: ignore[call-overload,no-any-return]

    for kills in range(3):
        running = start()
        program.write(500)
        wait_for(lambda before=kills * 500: len(program.arrived(receiver.records())) > before, LONG)
        running.kill()
        running.wait()
    running = start()
    try:
        wait_until_received(receiver, program)
    finally:
        running.kill()
        running.wait()
        korean.stop()
    report = verify_folder(plant / "데이터", 0, 1 << 62)
    assert report.complete, report.problems


def test_what_the_manager_is_told(agent: ServiceProgram, manager: Wine) -> None:
    agent("install", "--no-start")
    asked = manager.run("reg", "query", r"HKLM\System\CurrentControlSet\Services\LnxAgent", "/s").stdout
    assert "DelayedAutoStart" in asked or "Start" in asked
    source = manager.run("reg", "query", r"HKLM\System\CurrentControlSet\Services\EventLog\Application\LnxAgent").stdout
    assert "EventLogMessages.dll" in source
    agent("remove")
    assert manager.run("reg", "query", r"HKLM\System\CurrentControlSet\Services\EventLog\Application\LnxAgent").returncode != 0


def test_removing_deletes_data_only_when_asked(agent: ServiceProgram, programdata: Path) -> None:
    agent("install", "--no-start")
    kept = programdata / "agent/journal.db"
    kept.write_bytes(b"three years")
    agent("remove")
    assert kept.read_bytes() == b"three years"
    agent("remove", "--delete-data")
    assert not (programdata / "agent").exists()
    assert (programdata / "events").exists(), "other programs' files are not the agent's"


def test_an_unwritable_programdata_is_named_and_nothing_is_registered(agent: ServiceProgram, programdata: Path) -> None:
    programdata.write_text("a file where the folder should be", encoding="utf-8")
    try:
        answer = agent("install", code=4)
    finally:
        programdata.unlink()
    assert answer["error"]["status"] == 621
    assert answer["error"]["where"].endswith("LNX")
    assert agent("status")["state"] == "absent"


def test_broken_settings_end_the_service_with_an_error_that_the_manager_sees(agent: ServiceProgram, manager: Wine, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text("[identity\n", encoding="utf-8")
    agent("install", "--no-start", "--config", config)
    done = manager.run("net", "start", "LnxAgent", timeout=120)
    wait_for(lambda: agent("status")["state"] == "stopped", LONG)
    assert "started" not in done.stdout or agent("status")["pid"] == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Sixteen megabytes."""
    folder = tmp_path / "작은 디스크"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_makes_the_service_wait_and_nothing_is_lost(
    agent: ServiceProgram, receiver: RunningReceiver, small_disk: Path, tmp_path: Path
) -> None:
    plant = small_disk / "공장"
    config = windows_agent_toml(plant, receiver.url)
    program = Program(tmp_path / "이벤트")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(windows_path(plant / "이벤트"), windows_path(tmp_path / "이벤트")), encoding="utf-8")
    program.write(10)
    agent("install", "--config", config)
    wait_until_received(receiver, program)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    program.write(20_000)  # more than the reserve holds
    log = plant / "데이터/log/agent.log"
    wait_for(lambda: "alarm storage" in log.read_text(encoding="utf-8", errors="replace") or _fill(ballast), LONG)
    assert agent("status")["state"] == "running"
    ballast.unlink()
    wait_until_received(receiver, program)


def _fill(ballast: Path) -> bool:
    """Takes what the agent's reserve gave back."""
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        file.write(bytes(4096))
    return False


def test_the_collector_runs_as_a_service(manager: Wine, programs: Path, programdata: Path, tmp_path: Path) -> None:
    need(programs, "lnx-collector")
    collector = ServiceProgram(manager, programs, "lnx-collector")
    collector("remove")
    try:
        assert collector("install")["state"] == "stopped"
        sample = (programdata / "config/collector.toml").read_text(encoding="utf-8")
        assert "C:\\ProgramData\\LNX\\collector" in sample
        folder = tmp_path / "측정값"
        folder.mkdir()
        (folder / "하루.csv").write_text("time,온도\n2026-01-01T00:00:00Z,21.5\n", encoding="utf-8")
        config = tmp_path / "수집기.toml"
        config.write_text(
            f"""
[collector]
data = '{windows_path(tmp_path / "수집")}'
http = ""
[[source]]
type = "csv-folder"
name = "gauge"
folder = '{windows_path(folder)}'
time_column = "time"
time_format = "%Y-%m-%dT%H:%M:%SZ"
time_zone = "UTC"
[[source.tag]]
name = "temperature"
column = "온도"
""",
            encoding="utf-8",
        )
        assert collector("install", "--config", config)["state"] == "running"
        wait_for((tmp_path / "수집" / DATABASE).exists, LONG)
        assert collector("stop")["state"] == "stopped"
        assert (tmp_path / "수집").is_dir()
    finally:
        collector("remove")
    assert collector("status")["state"] == "absent"


def test_rights_of_the_layout_are_protected_and_name_the_service(agent: ServiceProgram) -> None:
    """SDDL as it is handed to Windows; Wine keeps only what a mode of Unix can say."""
    from lnx_common.programdata import FOLDERS, sddl_of

    for name in ("", *FOLDERS):
        assert sddl_of(name).startswith("D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
    assert ";;;BU)" not in sddl_of("agent") + sddl_of("config"), "keys and tokens are not for users"
    assert "0x1301bf;;;LS)" in sddl_of("agent")
    assert "S-1-5-80-1" in sddl_of("collector", "S-1-5-80-1")
