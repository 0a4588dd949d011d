"""The setup with all packaged programs under Wine: installed, services run, upgraded, repaired, an older one refused, removed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from installer import onedir, setup
from installer.packs import command as packs_command
from tools.dev.wine import BINARIES, windows_path

from .conftest import need
from .setup_plant import FOLDER, NEW, OLD, SERVICES, Pc, check_whole

ANSWERS = f"[setup]\nlanguage = ko\n{FOLDER}components = sdk, runtime, agent, collector, samples, docs\n"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_plant_gets_programs_and_services_and_keeps_its_data(
    pc: Pc, made_for_windows: Path, setups: dict[str, Path], tmp_path: Path
) -> None:
    for name in onedir.PROGRAMS:
        need(made_for_windows, name)
    inputs = setup.Inputs(setups[OLD].parent / "sdk", made_for_windows, tuple(packs_command.packs()))
    made = {
        version: setup.build(inputs, tmp_path / f"{version}.exe", version=version, compressor="off", work=tmp_path / version)
        for version in (OLD, NEW)
    }
    words = [str(BINARIES / "wine64"), windows_path(onedir.WINDOWS_PYTHON / "python.exe"), "-c", "print('up', flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(words, env=pc.wine.environment(pc.environment), **pipes) as keeper:  # type: ignore[call-overload]
        assert keeper.stdout.readline().strip() == b"up"  # Wine's service manager ends with the last ordinary program
        assert pc.setup(made[OLD], ANSWERS) == 0, pc.logged()
        check_whole(pc, OLD)
        assert pc.setup(made[NEW], ANSWERS) == 0, pc.logged()
        check_whole(pc, NEW)
        assert pc.versions() == [NEW]
        programs = pc.folder / "versions" / NEW / "lnx-edge"
        done = pc.wine.run(programs / "lnx.exe", "doctor", "--json", env=pc.environment)
        assert json.loads(done.stdout)["runtime"]["path"].startswith("C:\\설치 폴더\\LNX Edge\\runtime\\cpu-")
        for name in ("lnx-agent", "lnx-collector"):

            def verb(word: str, program: Path = programs / f"{name}.exe") -> dict[str, Any]:
                said = pc.wine.run(program, "service", word, "--json", env=pc.environment)
                assert said.returncode == 0, said.stdout + said.stderr
                told: dict[str, Any] = json.loads(said.stdout)
                return told

            assert f"versions\\{NEW}\\lnx-edge\\{name}.exe" in verb("status")["command"], "the service follows the upgrade"
            verb("start")
            assert verb("stop")["state"] == "stopped"
        (programs / "_internal/base_library.zip").unlink()
        assert pc.setup(made[NEW], ANSWERS) == 0, pc.logged()
        check_whole(pc, NEW)
        assert pc.setup(made[OLD], ANSWERS) == 11, "an older one never replaces a newer one"
        assert pc.uninstall() == 0, pc.logged()
        assert pc.version == "" and pc.registry(f"{SERVICES}\\LnxAgent", "ImagePath") == ""
        assert (pc.wine.prefix / "drive_c/ProgramData/LNX/config/agent.toml").exists(), "data stay"
        keeper.stdin.close()
