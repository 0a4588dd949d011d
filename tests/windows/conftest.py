"""Fixtures of the Windows suite: Wine in two locales, the cross-built files in a folder with a Korean name, a packed model, pictures.

`python3 dev.py windows` prepares what is needed and runs the suite. Started alone, the tests use what lies there already, and are skipped
when there is nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lnx
import pytest
from lnx.container import load_signing_key
from lnx.pack import pack

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.demo import LABELS, MODEL, OPTIONS, PARTS  # noqa: E402
from tools.dev import machine, windows, windows_assets, wine  # noqa: E402
from tools.dev.wine import Wine, windows_path  # noqa: E402

collect_ignore = ["on_windows"]  # run by Windows CPython
LINUX = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build/release"))
LOCALES = {"utf-8": wine.SYSTEM_UTF8, "cp949": wine.KOREAN}
OLDEST, NEWEST = machine.RUNTIMES[-1], machine.RUNTIMES[0]


# clang as Visual Studio's compiler: its dialect, names and struct layout.
MSVC = ["--target=x86_64-pc-windows-msvc", "-fms-compatibility", "-fms-extensions", "-fms-compatibility-version=19.30"]


def msvc_with_headers() -> list[str]:
    """The same with mingw-w64's windows.h and the standard library of gcc, for sources that need more than a freestanding compiler.

    -fgnuc-version lets those headers in; the language, the ABI and windows.h as a program sees it stay those of MSVC mode.
    """
    library = Path(gcc("-print-file-name=include")).parent / "include/c++"
    own = subprocess.run(["clang-19", "-print-resource-dir"], capture_output=True, text=True, check=True).stdout.strip()
    folders = [library, library / "x86_64-w64-mingw32", Path(own) / "include", Path("/usr/x86_64-w64-mingw32/include")]
    known = ["-fgnuc-version=12.2", "-D__MINGW32__", "-D__MINGW64__", "-D__STRICT_ANSI__"]
    include = [word for folder in folders for word in ("-isystem", str(folder))]
    return [*MSVC, *known, "-nostdinc", *include, "-include", str(Path(__file__).parent / "mfc_headers/mingw_for_msvc.h")]


def gcc(*words: str) -> str:
    return subprocess.run(["x86_64-w64-mingw32-g++-posix", *words], capture_output=True, text=True, check=True).stdout.strip()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the suite where it is not prepared; where dev.py prepared it, a missing piece is a failure."""
    ready = (windows.PREFIX / "lnx-ready").exists() and (windows.BUILD / "native/lnx.dll").exists()
    if ready or os.environ.get("LNX_WINDOWS") == "required":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="not prepared: python3 dev.py windows"))


@pytest.fixture(scope="session", params=list(LOCALES))
def in_locale(request: pytest.FixtureRequest) -> Wine:
    """Wine in UTF-8, and in code page 949 as on a Korean PC."""
    return Wine(wine.of_this_worker(windows.PREFIX), LOCALES[request.param])


@pytest.fixture(scope="session")
def korean() -> Wine:
    """Wine in code page 949, for what needs no second locale."""
    return Wine(wine.of_this_worker(windows.PREFIX), wine.KOREAN)


@dataclass(frozen=True)
class Model:
    """A packed model with the key that it is signed with."""

    path: Path
    key: Path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Model:
    """The demo model in a folder with a Korean name."""
    output = tmp_path_factory.mktemp("모델 폴더") / "표면 검사.lnx"
    samples = sorted(PARTS.glob("*.png"))[:2]
    pack(
        MODEL,
        output,
        name="surface-defects",
        preset="segmentation",
        labels=LABELS,
        options=OPTIONS,
        images=samples,
        signing_key=load_signing_key(keys[0]),
    )
    key = output.with_name("공개 키.pem")
    shutil.copyfile(keys[1], key)
    return Model(output, key)


@pytest.fixture(scope="session")
def plain_model(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The same in a folder with an ASCII name, for unit tests: they read their paths with getenv, in the system's code page."""
    folder = tmp_path_factory.mktemp("model")
    return Model(Path(shutil.copy(model.path, folder / "surface.lnx")), Path(shutil.copy(model.key, folder / "key.pem")))


def bitmaps(pictures: list[Path], folder: Path) -> Path:
    """The pictures as 24-bit BMP files with Korean names, which the examples read."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in pictures:
        lnx.write_image(folder / f"부품 {path.stem}.bmp", lnx.read_image(path))
    return folder


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample parts as BMP files."""
    return bitmaps(sorted(PARTS.glob("*.png")), tmp_path_factory.mktemp("사진") / "부품")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lnx.dll, the tests and the examples in one folder with a Korean name, as an installation would lay them out."""
    folder = tmp_path_factory.mktemp("설치 폴더")
    for pattern in ("native/lnx.dll", "native/lnx.lib", "native/*.exe", "examples/*.exe"):
        for path in windows.BUILD.glob(pattern):
            shutil.copy2(path, folder / path.name)
    return folder


def settings(version: str = NEWEST, model: Model | None = None) -> dict[str, str]:
    """LNX variables for a Windows program."""
    env = {"LNX_RUNTIME_DIR": windows_path(windows_assets.runtime_folder(version))}
    env["LNX_TEST_RUNTIME_DIRS"] = env["LNX_RUNTIME_DIR"]
    if model is not None:
        env |= {"LNX_TEST_MODEL": windows_path(model.path), "LNX_TEST_KEY": windows_path(model.key)}
    return env


def on_linux(program: str, *arguments: str | Path, version: str = NEWEST) -> str:
    """What the Linux build of an example prints, with the same version of ONNX Runtime."""
    path = LINUX / "examples" / program
    env = {**os.environ, "LNX_RUNTIME_DIR": str(machine.runtime_folder(version))}
    done = subprocess.run([path, *arguments], capture_output=True, text=True, encoding="utf-8", env=env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def results(text: str) -> list[str]:
    """Lines of JSON without what a clock says; everything else must be equal to the last character."""
    lines = [re.sub(r'"timings_us":\{[^}]*\},', "", line) for line in text.splitlines() if line.startswith("{")]
    for line in lines:
        parsed: dict[str, Any] = json.loads(line)
        assert "timings_us" not in parsed
    return lines
