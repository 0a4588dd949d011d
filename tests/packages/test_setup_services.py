"""The setup program and the services: they follow an upgrade, and go back when one refuses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installer import setup
from installer.packs import command as packs_command

from .setup_plant import ENVIRONMENT, FOLDER, NEW, OLD, SERVICES, Pc, check_whole

SERVICE = r"""
#include <windows.h>
#include <wchar.h>
#define SERVICES L"SYSTEM\\CurrentControlSet\\Services\\"
/* `NAME.exe service VERB`, as far as the setup sees it: install points the service at this file, unless refuse.txt lies beside it. */
int wmain(int count, wchar_t** words) {
  wchar_t self[600], beside[620];
  if (count < 3) return 2;
  GetModuleFileNameW(NULL, self, 600);
  wcscpy(beside, self);
  wcscpy(wcsrchr(beside, L'\\') + 1, L"refuse.txt");
  const wchar_t* key = wcsstr(wcsrchr(self, L'\\'), L"agent") ? SERVICES L"LnxAgent" : SERVICES L"LnxCollector";
  if (wcscmp(words[2], L"install") == 0) {
    if (GetFileAttributesW(beside) != INVALID_FILE_ATTRIBUTES) return 4;
    return (int)RegSetKeyValueW(HKEY_LOCAL_MACHINE, key, L"ImagePath", REG_SZ, self, (DWORD)(wcslen(self) + 1) * 2);
  }
  if (wcscmp(words[2], L"remove") == 0) RegDeleteKeyW(HKEY_LOCAL_MACHINE, key);
  return 0;
}
"""


@pytest.fixture(scope="session")
def setups_with_services(tmp_path_factory: pytest.TempPathFactory, setups: dict[str, Path]) -> dict[str, Path]:
    """Setups with programs whose services can be made to refuse, which the packaged ones cannot. "refusing" is a third version."""
    folder = tmp_path_factory.mktemp("services")
    programs = folder / "lnx-edge"
    programs.mkdir()
    for name in ("lnx", "lnx-agent", "lnx-collector"):
        compiler = ["x86_64-w64-mingw32-gcc-posix", "-municode", "-static", "-s", "-xc", "-", "-ladvapi32"]
        subprocess.run([*compiler, "-o", str(programs / f"{name}.exe")], input=SERVICE, text=True, check=True)
    made = {}
    for name, version in ((OLD, OLD), (NEW, NEW), ("refusing", "1.1.0")):
        (programs / "version.txt").write_text(version, encoding="ascii")
        if name == "refusing":
            (programs / "refuse.txt").write_text("", encoding="ascii")
        inputs = setup.Inputs(setups[OLD].parent / "sdk", programs, tuple(packs_command.packs()), ())
        output = folder / f"lnx-edge-{version}-setup.exe"
        made[name] = setup.build(inputs, output, version=version, compressor="off", work=folder / name)
    return made


@pytest.mark.slow
def test_services_follow_an_upgrade_and_are_pointed_back_when_one_refuses(pc: Pc, setups_with_services: dict[str, Path]) -> None:
    answers = f"[setup]\n{FOLDER}components = runtime, agent, collector\n"

    def pointed() -> set[str]:
        told = {pc.registry(f"{SERVICES}\\{name}", "ImagePath") for name in ("LnxAgent", "LnxCollector")}
        return {path.split("\\versions\\")[-1].split("\\")[0] for path in told}

    assert pc.setup(setups_with_services[OLD], answers) == 0, pc.logged()
    assert pointed() == {OLD}
    assert pc.setup(setups_with_services[NEW], answers.replace(", agent, collector", "")) == 0, pc.logged()
    assert pointed() == {NEW} and pc.version == NEW, "a service that is there is not left behind"
    assert pc.setup(setups_with_services["refusing"], answers) == 18, pc.logged()
    check_whole(pc, NEW)
    assert pointed() == {NEW} and pc.versions() == [NEW], pc.logged()
    assert f"versions\\{NEW}\\lnx-edge" in pc.registry(ENVIRONMENT, "Path")
    assert pc.uninstall() == 0
    assert pointed() == {""} and f"versions\\{NEW}" not in pc.registry(ENVIRONMENT, "Path")
