"""The Visual Studio solution of the core names what the CMake build is made of."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tools import docs_visual_studio
from tools.dev import windows
from tools.dev.machine import ROOT

FOLDER = ROOT / "native/visual-studio"
NAMESPACE = {"m": "http://schemas.microsoft.com/developer/msbuild/2003"}


def compiled_for_windows() -> set[Path]:
    """The files that the cross-build compiles into lnx.dll, also where those of a room are compiled as one."""
    commands = json.loads((windows.BUILD / "compile_commands.json").read_text(encoding="utf-8"))
    rooms = "|".join(room for room in docs_visual_studio.rooms(ROOT) if room != "api")
    found: set[Path] = set()
    for command in commands:
        if not re.search(rf"-o \S*CMakeFiles/lnx(_(?:{rooms}))?\.dir/", command["command"]):
            continue
        path = Path(command["file"])
        joined = re.findall(r'^#include "(.+\.cpp)"', path.read_text(encoding="utf-8"), re.MULTILINE) if path.suffix == ".cxx" else [path]
        found |= {Path(name) for name in joined}
    return found


def test_the_project_is_made_of_the_files_of_the_cross_build() -> None:
    project = ElementTree.parse(FOLDER / "lnx.vcxproj")
    listed = [item.get("Include", "").replace("\\", "/") for item in project.findall(".//m:ItemGroup/m:ClCompile", NAMESPACE)]
    assert len(listed) == len(set(listed)) > 100
    assert {(FOLDER / path).resolve() for path in listed} == compiled_for_windows()
    objects = [item.text for item in project.findall(".//m:ObjectFileName", NAMESPACE)]
    assert len(objects) == len(set(objects)) == len(listed), "every file has an object of its own"


def test_the_solution_names_the_project_in_both_configurations() -> None:
    solution = (FOLDER / "lnx.sln").read_text(encoding="utf-8")
    guid = ElementTree.parse(FOLDER / "lnx.vcxproj").findtext(".//m:ProjectGuid", namespaces=NAMESPACE)
    assert f'"lnx", "lnx.vcxproj", "{guid}"' in solution
    for configuration in ("Debug|x64", "Release|x64"):
        assert f"{guid}.{configuration}.Build.0 = {configuration}" in solution


def test_options_are_those_of_the_cmake_build() -> None:
    project = (FOLDER / "lnx.vcxproj").read_text(encoding="utf-8")
    options = (ROOT / "cmake/options.cmake").read_text(encoding="utf-8")
    windows_part = re.search(r"if\(WIN32\)\s+add_compile_definitions\((.+?)\)", options, re.DOTALL)
    assert windows_part is not None
    for word in windows_part[1].split():
        assert word in project, word
    for library in ("bcrypt", "crypt32"):
        assert f"{library}.lib" in project
    assert "<RuntimeLibrary Condition=\"'$(Configuration)' == 'Release'\">MultiThreaded<" in project
