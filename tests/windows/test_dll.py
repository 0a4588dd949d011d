"""The rules of the DLL: what it exports and imports, what runs when it is loaded, how it goes, and that its bytes repeat."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.dev import windows
from tools.dev.machine import PYTHON, ROOT
from tools.dev.wine import Wine

from .conftest import Model, settings

TRIPLET = "x86_64-w64-mingw32-"
# Part of every Windows 10; nothing that an installer would have to bring. advapi32 reads where the setup put the runtime pack.
SYSTEM_LIBRARIES = {"kernel32.dll", "msvcrt.dll", "bcrypt.dll", "crypt32.dll", "advapi32.dll"}


def tool(name: str, *words: str | Path) -> str:
    return subprocess.run([TRIPLET + name, *words], capture_output=True, text=True, check=True).stdout


def objects() -> Iterator[Path]:
    """The object files that lnx.dll is made of, without third parties: one for the files of a room, and the few compiled alone."""
    for folder in windows.BUILD.glob("native/CMakeFiles/lnx*.dir"):
        yield from folder.rglob("*.obj")


def test_exports_are_the_functions_of_the_header_and_nothing_else() -> None:
    header = (ROOT / "native/include/lnx/lnx.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"LNX_API\s+[\w\s*]+?LNX_CALL\s+(Lnx\w+)\(", header))
    dump = tool("objdump", "-p", windows.BUILD / "native/lnx.dll")
    exported = set(re.findall(r"^\s*\[\s*\d+\]\s+(\w+)\s*$", dump.split("[Ordinal/Name Pointer] Table")[1].split("\n\n")[0], re.MULTILINE))
    assert len(declared) > 30
    assert exported == declared


def test_imports_are_libraries_of_every_windows() -> None:
    dump = tool("objdump", "-p", windows.BUILD / "native/lnx.dll")
    imported = {name.lower() for name in re.findall(r"DLL Name: (\S+)", dump)}
    assert imported and imported <= SYSTEM_LIBRARIES


def test_hardening_is_on() -> None:
    dump = tool("objdump", "-p", windows.BUILD / "native/lnx.dll")
    for flag in ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT"):
        assert flag in dump, flag


def test_no_thread_local_has_a_destructor() -> None:
    # A DLL that is unloaded while threads live would leave them with a call into nowhere.
    found = list(objects())
    assert len(found) > 15  # the files of a room are compiled as one
    for path in found:
        assert "__cxa_thread_atexit" not in tool("nm", "-u", path), path.name


def test_nothing_of_ours_runs_when_the_library_is_loaded() -> None:
    for path in objects():
        symbols = tool("nm", path)
        assert not re.search(r" [Tt] (DllMain|_?DllMainCRTStartup)$", symbols, re.MULTILINE), path.name
        assert "_GLOBAL__sub_I" not in symbols, f"{path.name} has a constructor of a global object"
        assert ".CRT$XL" not in tool("objdump", "-h", path), f"{path.name} has a TLS callback"


@pytest.mark.parametrize("how", ["idle", "sessions"])
def test_three_loads_and_unloads_under_four_threads(how: str, korean: Wine, installed: Path, model: Model) -> None:
    done = korean.run(installed / "windows_unload.exe", how, installed / "lnx.dll", env=settings(model=model), timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "unloaded 3 times under 4 threads"), done.stderr


@pytest.mark.parametrize("how", ["open", "in-flight", "static", "atexit", "thread", "queue"])
def test_the_process_ends_in_every_order(how: str, korean: Wine, installed: Path, model: Model) -> None:
    done = korean.run(installed / "windows_exit_order.exe", how, env=settings(model=model), timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """A second build in another folder, without a compiler cache."""
    folder = tmp_path / "again"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER"))}
    env["PATH"] = os.pathsep.join([str(PYTHON.parent), env["PATH"]])
    configure = ["cmake", "--preset", "mingw", "-B", folder, "-DLNX_BUILD_TESTS=OFF", "-DLNX_BUILD_EXAMPLES=OFF"]
    subprocess.run([*configure, "--log-level=WARNING"], cwd=ROOT, env=env, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", folder, "--target", "lnx", "-j", "2"], env=env, check=True, capture_output=True)
    for name in ("lnx.dll", "lnx.lib", "lnx.def"):
        assert (folder / "native" / name).read_bytes() == (windows.BUILD / "native" / name).read_bytes(), name
    shutil.rmtree(folder)
