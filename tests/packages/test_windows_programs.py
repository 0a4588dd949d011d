"""The packaged programs for Windows, started in a folder with a Korean name, in code page 949."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import threading
import zipfile
from pathlib import Path

import pefile
import pytest
from lnx.handover.sbom import canonical
from lnx_collector.historian.parquet_process import WORD

from installer import contents, onedir
from tools.dev import windows_assets
from tools.dev.wine import Wine, windows_path

from .conftest import need

VERSION = (onedir.ROOT / "VERSION").read_text(encoding="utf-8").strip()
LARGEST_MB = 420


def names(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("program", onedir.PROGRAMS)
def test_a_program_starts_and_says_its_version(programs: Path, korean: Wine, program: str) -> None:
    need(programs, program)
    done = korean.run(programs / f"{program}.exe", "--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"lnx-edge {VERSION}"), done.stderr


def test_nothing_is_written_beside_the_programs(programs: Path, korean: Wine, tmp_path: Path) -> None:
    before = names(programs)
    assert korean.run(programs / "lnx-agent.exe", "init", tmp_path / "에이전트.toml").returncode == 0
    assert (tmp_path / "에이전트.toml").read_text(encoding="utf-8").startswith("# LNX Edge agent")
    for program in onedir.PROGRAMS:
        if (programs / f"{program}.exe").exists():
            assert korean.run(programs / f"{program}.exe", "--help").returncode == 0
    assert names(programs) == before


def test_every_kind_of_source_and_sink_loads(programs: Path, korean: Wine, tmp_path: Path) -> None:
    """Their modules are named in tables of text, which no analysis of imports sees."""
    need(programs, "lnx-collector")
    from lnx_collector.sinks import SINKS
    from lnx_collector.sources import SOURCES

    words = [word for kind in (*SOURCES, *SINKS) for word in ("--kind", kind)]
    done = korean.run(programs / "lnx-collector.exe", "init", tmp_path / "수집기.toml", *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_packaged_collector_works_on_parquet_files_in_a_process_of_its_own(programs: Path, korean: Wine, tmp_path: Path) -> None:
    need(programs, "lnx-collector")
    words = [*korean.launcher("wine64"), windows_path(programs / "lnx-collector.exe"), WORD, windows_path(tmp_path)]
    child = subprocess.Popen(words, env=korean.environment(None), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    limit = threading.Timer(180, child.kill)
    limit.start()
    try:
        assert child.stdin and child.stdout
        child.stdin.write(pickle.dumps(("describe", ("nothing.parquet",))))
        child.stdin.flush()
        assert pickle.load(child.stdout) == (True, None)
        child.stdin.close()
        assert child.wait(60) == 0, "it ends with its input"
    finally:
        limit.cancel()
        child.kill()


def test_the_commands_of_all_packages_are_in_the_help_of_lnx(programs: Path, korean: Wine) -> None:
    need(programs, "lnx")
    done = korean.run(programs / "lnx.exe", "--help", env={"LNX_LANG": "en"})
    assert done.returncode == 0, done.stderr
    for command in ("run", "pack", "agent", "collect", "dongle", "license", "receiver", "handover"):
        assert f" {command} " in done.stdout
    assert "pip install" not in done.stdout, "a library of a command is missing"


def test_a_handover_made_by_the_packaged_program_names_every_package_inside(
    programs: Path, korean: Wine, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    need(programs, "lnx")
    (tmp_path / "보고서.html").write_text("<p>ok</p>", encoding="utf-8")
    made = tmp_path / "인계.zip"
    done = korean.run(programs / "lnx.exe", "handover", "make", tmp_path / "보고서.html", "--key", keys[0], "-o", made)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(made) as archive:
        bom = json.loads(archive.read("sbom.cdx.json"))
    named = {component["name"]: component for component in bom["components"]}
    inside = {canonical(path.name.split("-")[0]) for path in programs.glob("_internal/*.dist-info")}
    assert set(named) | {"lnx-edge"} == inside
    assert {"numpy", "onnx", "cryptography", "aiohttp", "multidict", "pyarrow", "duckdb", "pydantic-core", "pywin32"} <= set(named)
    assert not {"onnxruntime", "pyinstaller", "pytest"} & set(named)
    assert [name for name, component in named.items() if not component.get("licenses")] == []


def test_a_runtime_pack_beside_the_program_is_used(programs: Path, korean: Wine) -> None:
    need(programs, "lnx")
    missing = korean.run(programs / "lnx.exe", "doctor", "--json")
    assert missing.returncode == 4 and json.loads(missing.stdout)["runtime"] is None
    pack = programs / "runtime"
    pack.mkdir()
    try:
        for path in windows_assets.runtime_folder("1.31.1").iterdir():
            os.link(path, pack / path.name)
        done = korean.run(programs / "lnx.exe", "doctor", "--json")
    finally:
        for path in pack.iterdir():
            path.unlink()
        pack.rmdir()
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert told["runtime"]["path"] == windows_path(pack / "onnxruntime.dll")


def test_the_size_is_known_and_kept(made_for_windows: Path) -> None:
    told = json.loads(made_for_windows.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["bytes"] == sum(onedir.component_sizes(made_for_windows).values())
    assert told["bytes"] < LARGEST_MB * 10**6, dict(list(told["parts"].items())[:10])


def test_nothing_of_the_building_windows_and_no_runtime_is_packed(made_for_windows: Path) -> None:
    found = {path.name.lower() for path in made_for_windows.rglob("*") if path.is_file()}
    assert "onnxruntime.dll" not in found
    assert not {name for name in found if name.startswith(("api-ms-win", "kernel32", "ucrtbase"))}
    ours = {path.name.lower(): path for path in (made_for_windows / "_internal").glob("*.dll")}
    for name in contents.MICROSOFT:
        assert ours[name].read_bytes() == (windows_assets.FOLDER / "vcruntime" / name).read_bytes()


def test_every_imported_library_is_packed_or_part_of_windows(made_for_windows: Path, korean: Wine) -> None:
    """Import tables, as a PC without our folder on its path would follow them: own folder, package folder, System32."""
    everywhere = {path.name.lower() for path in made_for_windows.rglob("*.dll")} | {
        path.name.lower() for path in made_for_windows.rglob("*.pyd")
    }
    system = {path.name.lower() for path in korean.system32.glob("*.dll")} | WINDOWS_HAS
    missing = {}
    for path in made_for_windows.rglob("*"):
        if path.suffix.lower() not in (".dll", ".pyd", ".exe"):
            continue
        image = pefile.PE(str(path), fast_load=True)
        image.parse_data_directories(directories=[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_IMPORT"]])
        wanted = {entry.dll.decode("ascii").lower() for entry in getattr(image, "DIRECTORY_ENTRY_IMPORT", [])}
        image.close()
        lacking = {name for name in wanted if name not in everywhere and name not in system and not name.startswith("api-ms-win")}
        if lacking:
            missing[path.name] = lacking
    assert missing == {}


WINDOWS_HAS = {"pdh.dll", "mf.dll", "mfplat.dll", "mfreadwrite.dll", "evr.dll", "bcryptprimitives.dll", "ntdll.dll"}
