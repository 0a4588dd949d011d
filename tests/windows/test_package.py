"""`cmake --install` gives a folder that find_package(lnx) uses, on Linux and for Windows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tools.dev import machine, windows
from tools.dev.machine import PYTHON, ROOT
from tools.dev.wine import Wine

from .conftest import LINUX, Model, results, settings

PROJECT = Path(__file__).parent / "find_package"
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def cmake(*words: str | Path) -> None:
    env = {**os.environ, "PATH": os.pathsep.join([str(PYTHON.parent), os.environ["PATH"]])}
    done = subprocess.run(["cmake", *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def build(build_of_lnx: Path, folder: Path, *words: str) -> Path:
    cmake("--install", build_of_lnx, "--component", "sdk", "--prefix", folder / "sdk")
    inspect = f"-DINSPECT_C={ROOT / 'examples/c/inspect.c'}"
    cmake("-S", PROJECT, "-B", folder / "user", "-G", "Ninja", f"-Dlnx_ROOT={folder / 'sdk'}", inspect, *words)
    cmake("--build", folder / "user")
    return folder / "user"


def test_on_linux(tmp_path: Path, model: Model, parts: Path) -> None:
    folder = build(LINUX, tmp_path / "설치")
    assert subprocess.run([folder / "user_cpp"], capture_output=True, text=True, check=True).stdout == f"{VERSION} 1\n"
    env = {**os.environ, "LNX_RUNTIME_DIR": str(machine.runtime_folder(machine.RUNTIMES[0]))}
    words = [folder / "user", model.path, sorted(parts.iterdir())[0], model.key]
    assert '"verdict"' in subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout


def test_for_windows(tmp_path: Path, korean: Wine, model: Model, parts: Path) -> None:
    toolchain = [f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake/mingw.cmake'}", "-DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH"]
    folder = build(windows.BUILD, tmp_path / "sdk", *toolchain)
    done = korean.run(folder / "user_cpp.exe")
    assert (done.returncode, done.stdout.strip()) == (0, f"{VERSION} 1")
    done = korean.run(folder / "user.exe", model.path, sorted(parts.iterdir())[0], model.key, env=settings())
    assert done.returncode == 0 and len(results(done.stdout)) == 1, done.stderr


def test_the_installed_folder_holds_what_a_visual_studio_project_needs(tmp_path: Path) -> None:
    cmake("--install", windows.BUILD, "--component", "sdk", "--prefix", tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"bin/lnx.dll", "lib/lnx.lib", "include/lnx/lnx.h", "include/lnx/lnx.hpp", "lib/cmake/lnx/lnx-config.cmake"} <= found
