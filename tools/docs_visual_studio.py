"""Writes the Visual Studio 2022 solution of the core: native/visual-studio/lnx.sln and lnx.vcxproj.

It builds lnx.dll and lnx.lib as `cmake --preset vs2022` does, for those who want to step through the core from their own solution without
CMake. Rooms and files are those of native/CMakeLists.txt; nlohmann-json comes from vcpkg by the manifest vcpkg.json.

Invariants: every file that lnx.dll is made of is listed once, in the order of the rooms; two files of one name get objects in their own
folders; nothing is written that depends on the machine.
"""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path("native/visual-studio")
PROJECT = "{" + str(uuid.uuid5(uuid.NAMESPACE_URL, "lnx-edge/native/visual-studio/lnx.vcxproj")).upper() + "}"
CPP_PROJECT = "{8BC9CEB8-8B4A-11D0-8D11-00A0C91BC942}"  # the kind of project, as Visual Studio numbers it
CONFIGURATIONS = ("Debug", "Release")
NOT_WINDOWS = re.compile(r"_posix\.cpp$|/openssl\.cpp$")

SOLUTION = """Microsoft Visual Studio Solution File, Format Version 12.00
# Visual Studio Version 17
VisualStudioVersion = 17.0.31903.59
MinimumVisualStudioVersion = 10.0.40219.1
Project("{kind}") = "lnx", "lnx.vcxproj", "{project}"
EndProject
Global
\tGlobalSection(SolutionConfigurationPlatforms) = preSolution
{platforms}
\tEndGlobalSection
\tGlobalSection(ProjectConfigurationPlatforms) = postSolution
{active}
\tEndGlobalSection
EndGlobal
"""

HEAD = r"""<?xml version="1.0" encoding="utf-8"?>
<!-- Written by tools/docs_visual_studio.py: `python3 dev.py docs`. Visual Studio 2022 with its vcpkg (`vcpkg integrate install` once). -->
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <ItemGroup Label="ProjectConfigurations">
    <ProjectConfiguration Include="Debug|x64"><Configuration>Debug</Configuration><Platform>x64</Platform></ProjectConfiguration>
    <ProjectConfiguration Include="Release|x64"><Configuration>Release</Configuration><Platform>x64</Platform></ProjectConfiguration>
  </ItemGroup>
  <PropertyGroup Label="Globals">
    <VCProjectVersion>17.0</VCProjectVersion>
    <ProjectGuid>{project}</ProjectGuid>
    <RootNamespace>lnx</RootNamespace>
    <WindowsTargetPlatformVersion>10.0</WindowsTargetPlatformVersion>
  </PropertyGroup>
  <PropertyGroup Label="Vcpkg">
    <VcpkgEnableManifest>true</VcpkgEnableManifest>
    <VcpkgUseStatic>true</VcpkgUseStatic>
  </PropertyGroup>
  <Import Project="$(VCTargetsPath)\Microsoft.Cpp.Default.props" />
  <PropertyGroup Label="Configuration">
    <ConfigurationType>DynamicLibrary</ConfigurationType>
    <PlatformToolset>v143</PlatformToolset>
    <CharacterSet>Unicode</CharacterSet>
    <UseDebugLibraries Condition="'$(Configuration)' == 'Debug'">true</UseDebugLibraries>
    <UseDebugLibraries Condition="'$(Configuration)' == 'Release'">false</UseDebugLibraries>
  </PropertyGroup>
  <Import Project="$(VCTargetsPath)\Microsoft.Cpp.props" />
  <PropertyGroup>
    <TargetName>lnx</TargetName>
    <OutDir>$(ProjectDir)..\..\build\visual-studio\$(Configuration)\</OutDir>
    <IntDir>$(OutDir)obj\</IntDir>
  </PropertyGroup>
  <ItemDefinitionGroup>
    <ClCompile>
      <WarningLevel>Level4</WarningLevel>
      <ConformanceMode>true</ConformanceMode>
      <LanguageStandard>stdcpp17</LanguageStandard>
      <MultiProcessorCompilation>true</MultiProcessorCompilation>
      <ControlFlowGuard>Guard</ControlFlowGuard>
      <FloatingPointModel>Precise</FloatingPointModel>
      <RuntimeLibrary Condition="'$(Configuration)' == 'Debug'">MultiThreadedDebug</RuntimeLibrary>
      <RuntimeLibrary Condition="'$(Configuration)' == 'Release'">MultiThreaded</RuntimeLibrary>
      <AdditionalOptions>/utf-8 %(AdditionalOptions)</AdditionalOptions>
      <PreprocessorDefinitions>{definitions};%(PreprocessorDefinitions)</PreprocessorDefinitions>
      <AdditionalIncludeDirectories>..\src;..\include;%(AdditionalIncludeDirectories)</AdditionalIncludeDirectories>
    </ClCompile>
    <Link>
      <SubSystem>Windows</SubSystem>
      <AdditionalDependencies>bcrypt.lib;crypt32.lib;%(AdditionalDependencies)</AdditionalDependencies>
      <AdditionalOptions>/HIGHENTROPYVA /BREPRO %(AdditionalOptions)</AdditionalOptions>
    </Link>
  </ItemDefinitionGroup>
"""
DEFINITIONS = ("LNX_BUILD", "UNICODE", "_UNICODE", "NOMINMAX", "WIN32_LEAN_AND_MEAN", "_WIN32_WINNT=0x0A00", "_CRT_SECURE_NO_WARNINGS")
TAIL = """  <Import Project="$(VCTargetsPath)\\Microsoft.Cpp.targets" />
</Project>
"""


def rooms(root: Path) -> list[str]:
    """The rooms that lnx.dll is made of, lowest first: api/ and whatever session/ reaches."""
    text = (root / "native/CMakeLists.txt").read_text(encoding="utf-8")
    needs = {name: words.split() for name, words in re.findall(r"^lnx_room\((\w+)(?: DEPENDS ([\w ]+))?\)", text, re.MULTILINE)}
    reached, waiting = set(), ["session"]
    while waiting:
        room = waiting.pop()
        if room not in reached:
            reached.add(room)
            waiting += needs[room]
    return [*(room for room in needs if room in reached), "api"]


def sources(root: Path) -> list[str]:
    """The files of lnx.dll on Windows, as paths inside native/src."""
    base = root / "native/src"
    found: list[str] = []
    for room in rooms(root):
        files = sorted([*(base / room).glob("*.cpp"), *(base / room).glob("*/*.cpp")])
        found += [path.relative_to(base).as_posix() for path in files if not NOT_WINDOWS.search(path.as_posix())]
    return found


def headers(root: Path) -> list[str]:
    """The headers beside them and the public ones, as paths inside native/."""
    base = root / "native"
    found = [path for room in rooms(root) for path in sorted([*(base / "src" / room).glob("*.h"), *(base / "src" / room).glob("*/*.h")])]
    return [path.relative_to(base).as_posix() for path in [*sorted((base / "include/lnx").glob("*.h*")), *found]]


def windows(path: str) -> str:
    return path.replace("/", "\\")


def project(root: Path) -> str:
    version = (root / "VERSION").read_text(encoding="utf-8").strip()
    definitions = ";".join([*DEFINITIONS, f'LNX_VERSION=\\"{version}\\"'])
    lines = [HEAD.replace("{project}", PROJECT).replace("{definitions}", escape(definitions)).rstrip("\n"), "  <ItemGroup>"]
    for path in sources(root):
        object_file = "$(IntDir)" + windows(str(Path(path).with_suffix(".obj").as_posix()))
        lines += [f'    <ClCompile Include="..\\src\\{windows(path)}">', f"      <ObjectFileName>{object_file}</ObjectFileName>"]
        if path.endswith("_avx2.cpp"):
            lines.append("      <EnableEnhancedInstructionSet>AdvancedVectorExtensions2</EnableEnhancedInstructionSet>")
        lines.append("    </ClCompile>")
    lines += ["  </ItemGroup>", "  <ItemGroup>", *(f'    <ClInclude Include="..\\{windows(path)}" />' for path in headers(root))]
    return "\n".join([*lines, "  </ItemGroup>"]) + "\n" + TAIL


def solution() -> str:
    platforms = "\n".join(f"\t\t{name}|x64 = {name}|x64" for name in CONFIGURATIONS)
    active = "\n".join(f"\t\t{PROJECT}.{name}|x64.{what} = {name}|x64" for name in CONFIGURATIONS for what in ("ActiveCfg", "Build.0"))
    return SOLUTION.format(kind=CPP_PROJECT, project=PROJECT, platforms=platforms, active=active)


def generate(root: Path) -> dict[Path, str]:
    return {FOLDER / "lnx.sln": solution(), FOLDER / "lnx.vcxproj": project(root)}
