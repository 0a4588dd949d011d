"""The C# sample, compiled by Mono and run against liblnx.so: the same result as the C sample, and errors with their text."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.dev import machine
from tools.dev.machine import ROOT

from .conftest import LINUX, NEWEST, Model, on_linux, results


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("csharp") / "Inspect.exe"
    sources = [ROOT / "examples/csharp/Inspect.cs", ROOT / "examples/csharp/Lnx.cs"]
    subprocess.run(["mcs", "-platform:x64", "-warnaserror", f"-out:{output}", *sources], check=True)
    return output


def run(program: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    paths = {"LD_LIBRARY_PATH": str(LINUX / "native"), "LNX_RUNTIME_DIR": str(machine.runtime_folder(NEWEST))}
    env = {**os.environ, **paths, "LC_ALL": "C.UTF-8"}
    return subprocess.run(["mono", program, *words], env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def test_it_says_what_the_c_sample_says(program: Path, model: Model, parts: Path) -> None:
    picture = sorted(parts.iterdir())[3]
    done = run(program, model.path, picture, model.key)
    assert done.returncode == 0, done.stderr
    assert results(done.stdout) == results(on_linux("inspect_c", model.path, picture, model.key))
    assert done.stderr.split()[0] in ("OK", "NG", "Review")


def test_an_error_arrives_with_its_text(program: Path, parts: Path, tmp_path: Path) -> None:
    done = run(program, tmp_path / "없는 모델.lnx", sorted(parts.iterdir())[0])
    assert done.returncode == 1 and "LNX-201" in done.stderr and "없는 모델.lnx" in done.stderr
