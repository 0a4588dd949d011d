"""Runtime packs: pinned, decided about file by file, and proved complete by what the libraries themselves ask for."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from installer import filelist
from installer.packs import assemble as assembling
from installer.packs import command
from installer.packs.assemble import IncompleteError, assemble, fetch, prove
from installer.packs.pe_imports import NotALibraryError, needs
from installer.packs.recipe import Pack, Recipe, Wheel, load

from .conftest import ROOT

OBJDUMP = "x86_64-w64-mingw32-objdump"
GCC = "x86_64-w64-mingw32-gcc-posix"


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return load(ROOT)


@pytest.fixture(scope="session")
def cpu() -> Path:
    """The CPU pack, assembled."""
    if shutil.which(OBJDUMP) is None:
        pytest.skip("not prepared: python3 dev.py windows")
    return command.packs(("cpu",))[0]


@pytest.fixture
def copy(cpu: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cpu, tmp_path / "팩"))


def library(folder: Path, name: str, source: str, *words: str) -> Path:
    """A small library."""
    target = folder / name
    subprocess.run([GCC, "-shared", "-xc", "-", "-o", str(target), *words], input=source, text=True, check=True)
    return target


def test_imports_are_those_that_binutils_reads(cpu: Path) -> None:
    for path in sorted(cpu.glob("*.dll")):
        text = subprocess.run([OBJDUMP, "-p", str(path)], capture_output=True, text=True, check=True).stdout
        told = needs(path)
        names = [name.lower() for name in re.findall(r"DLL Name: (\S+)", text)]
        assert names[: len(told.imports)] == [*told.imports] and set(names) <= {*told.imports, *told.delayed}


def test_the_pack_holds_what_its_manifest_says_and_nothing_of_it_is_missing(cpu: Path, recipe: Recipe) -> None:
    told = json.loads((cpu / "pack.json").read_text("utf-8"))
    assert {entry["name"] for entry in told["files"]} == {path.name for path in cpu.glob("*.dll")}
    assert all(filelist.sha256(cpu / entry["name"]) == entry["sha256"] for entry in told["files"])
    assert all(entry["why"] for entry in told["left_out"]) and told["left_out"]
    for part in told["components"]:
        texts = list((cpu / "licenses" / f"{part['name']}-{part['version']}").iterdir())
        assert texts and all(path.stat().st_size > 500 for path in texts)
    edges = prove(cpu, recipe)
    assert {"msvcp140.dll", "vcruntime140.dll", "vcruntime140_1.dll"} <= set(edges["onnxruntime.dll"])
    listed = (cpu / "manifest" / f"{cpu.name}.sha256").read_text("utf-8")
    assert "onnxruntime.dll" in listed and "licenses/" in listed and "pack.json" in listed


@pytest.mark.parametrize("name", ["vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll", "onnxruntime_providers_shared.dll"])
def test_a_library_that_is_taken_away_is_missed(copy: Path, recipe: Recipe, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(IncompleteError, match=rf"onnxruntime\.dll (imports|may load) {re.escape(name)}"):
        prove(copy, recipe)


@pytest.mark.parametrize("text", ['"cudnn_new64_9.dll"', 'L"cudnn_new64_9.dll"'], ids=["ascii", "utf-16"])
def test_a_library_that_is_loaded_by_name_later_is_missed(copy: Path, recipe: Recipe, text: str) -> None:
    kind = "unsigned short" if text.startswith("L") else "char"
    source = f"__declspec(dllexport) const {kind} name[] = {text}; int DllMain(void* a, int b, void* c) {{ return a != c || b; }}\n"
    library(copy, "late.dll", source, "-nostdlib", "-e", "DllMain")
    with pytest.raises(IncompleteError, match=r"late\.dll may load cudnn_new64_9\.dll"):
        prove(copy, recipe)
    library(copy, "cudnn_new64_9.dll", "int DllMain(void* a, int b, void* c) { return a != c || b; }\n", "-nostdlib", "-e", "DllMain")
    assert "cudnn_new64_9.dll" in prove(copy, recipe)["late.dll"]


def test_what_is_no_library_for_x64_is_refused(cpu: Path, tmp_path: Path) -> None:
    data = (cpu / "vcruntime140_1.dll").read_bytes()
    spoilt = tmp_path / "x.dll"
    for content in (b"", b"MZ" + bytes(600), b"\x7fELF" + bytes(600), data[:700]):
        spoilt.write_bytes(content)
        with pytest.raises(NotALibraryError):
            needs(spoilt)
    pe = int.from_bytes(data[60:64], "little")
    for offset in range(pe, pe + 300):
        spoilt.write_bytes(data[:offset] + b"\xff" + data[offset + 1 :])
        try:
            needs(spoilt)
        except NotALibraryError:
            continue


def small_pack(recipe: Recipe, **change: object) -> Pack:
    pack = recipe.packs["cpu"]
    return dataclasses.replace(pack, wheels=tuple(dataclasses.replace(wheel, **change) for wheel in pack.wheels))  # type: ignore[arg-type]


def test_another_file_than_the_pinned_one_is_never_opened(cpu: Path, recipe: Recipe, tmp_path: Path) -> None:
    wheel = recipe.packs["cpu"].wheels[0]
    place = tmp_path / wheel.label
    place.mkdir()
    (place / "onnxruntime-1-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(IncompleteError, match="another file"):
        fetch(wheel, tmp_path)


def test_a_full_disk_is_told_before_the_download(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(assembling.shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(IncompleteError, match="1 MiB free"):
        fetch(recipe.packs["cu12"].wheels[-1], tmp_path)
    with pytest.raises(IncompleteError, match="MiB needed for pack cu13"):
        assemble(recipe.packs["cu13"], recipe, tmp_path / "packs", tmp_path)
    assert not list((tmp_path / "packs").glob("cu13*"))


def test_a_library_that_nobody_decided_about_ends_the_assembly(cpu: Path, recipe: Recipe, tmp_path: Path) -> None:
    pack = small_pack(recipe, leave={})
    with pytest.raises(IncompleteError, match="not decided about"):
        assemble(pack, recipe, tmp_path / "packs", command.DOWNLOADS)
    assert not (tmp_path / "packs" / pack.folder).exists()


def test_every_wheel_is_pinned_and_every_pack_has_a_c_runtime(recipe: Recipe) -> None:
    for pack in recipe.packs.values():
        assert any(wheel.distribution == "msvc-runtime" for wheel in pack.wheels)
        for wheel in pack.wheels:
            assert re.fullmatch("[0-9a-f]{64}", wheel.sha256) and wheel.size > 1 << 20 and wheel.licence and wheel.texts
            assert not set(wheel.take) & set(wheel.leave)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cu12", "cu13"])
def test_the_cuda_packs_are_complete(recipe: Recipe, name: str, tmp_path: Path) -> None:
    """Several GB. Each library that is left out is left out rightly, and each that is taken is missed when it is away."""
    folder = command.packs((name,))[0]
    edges = prove(folder, recipe)
    provider = edges["onnxruntime_providers_cuda.dll"]
    assert any(found.startswith("cublaslt64_") for found in provider) and "cudnn64_9.dll" in provider
    away = tmp_path / "away"
    away.mkdir()
    for path in folder.glob("*.dll"):
        if not path.name.startswith("nvrtc-builtins"):
            (away / path.name).symlink_to(path)
    with pytest.raises(IncompleteError, match="may load nvrtc-builtins64_"):
        prove(away, recipe)


def test_a_wheel_tells_every_library_that_is_taken(cpu: Path, recipe: Recipe) -> None:
    wheel: Wheel = recipe.packs["cpu"].wheels[0]
    with zipfile.ZipFile(fetch(wheel, command.DOWNLOADS)) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert {*wheel.take, *wheel.leave} <= names
