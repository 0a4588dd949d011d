"""The programs behind the services, on this system: what the manager starts, without the manager."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from agent_plant import wait_for
from lnx_collector.config import load_config
from lnx_collector.historian.database import DATABASE
from lnx_collector.service import SERVICE as COLLECTOR
from lnx_collector.service import run_collector
from lnx_common.config import ConfigError
from lnx_common.service import StopSignal
from lnx_common.service_cli import service_program
from lnx_common.windows_service import host


def test_the_collector_ends_with_its_stop_signal_and_leaves_a_log(tmp_path: Path) -> None:
    config = tmp_path / "수집기.toml"
    config.write_text(f"[collector]\ndata = '{tmp_path / '데이터'}'\nhttp = \"\"\n", encoding="utf-8")
    stop, failures = StopSignal(), []

    def work() -> None:
        try:
            run_collector(config, stop)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for((tmp_path / "데이터" / DATABASE).exists, 90)
    stop.set()
    thread.join(90)
    assert (thread.is_alive(), failures) == (False, [])
    assert (tmp_path / "데이터/log").is_dir()


def test_settings_that_cannot_be_used_are_the_failure_of_the_service(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text('[collector]\nhttp = "0.0.0.0:1"\n', encoding="utf-8")
    with pytest.raises(ConfigError):
        run_collector(config, StopSignal())


def test_the_sample_of_a_fresh_collector_is_correct_and_names_the_folder_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROGRAMDATA", str(tmp_path))
    config = tmp_path / "collector.toml"
    config.write_text(COLLECTOR.sample(), encoding="utf-8")
    assert load_config(config).data == tmp_path / "LNX/collector"


@pytest.mark.parametrize("module", ["lnx_agent.program", "lnx_collector.program"])
def test_the_programs_know_their_version_and_their_commands(module: str) -> None:
    told = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("lnx-edge ")
    assert subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, check=False).returncode == 0


def test_nothing_but_windows_hosts_a_windows_service() -> None:
    assert host(COLLECTOR) == 2


def test_an_agent_that_is_started_twice_says_so(tmp_path: Path) -> None:
    from agent_plant import agent_toml, running_agent

    toml = agent_toml(tmp_path, "http://127.0.0.1:1")
    with running_agent(toml):
        words = [sys.executable, "-m", "lnx_agent.program", "run", str(toml)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "LNX-622" in done.stderr


def test_the_verbs_of_a_service_are_a_program_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        service_program(lambda: COLLECTOR, "lnx-collector")(["service", "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    for verb in ("install", "start", "stop", "remove", "status", "layout"):
        assert verb in told
