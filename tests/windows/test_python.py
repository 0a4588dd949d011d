"""The wheel for Windows, in Windows CPython: tests/windows/on_windows, held against what the Linux build says."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import lnx
import numpy as np
import pytest

from tools.dev import machine, windows, windows_assets
from tools.dev.wine import Wine, windows_path

from .conftest import NEWEST, Model, settings

HERE = Path(__file__).parent


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def expected(model: Model, parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results, maps and overlays of the Linux build, at the version of ONNX Runtime that Windows CPython has."""
    told = {}
    runtime = machine.runtime_folder(NEWEST)
    options = {"want": ("score_map", "label_map"), "runtime_dir": runtime, "events": False}
    with lnx.Session(model.path, device="cpu", trusted_keys=[model.key], **options) as session:
        for path in sorted(parts.iterdir()):
            image = lnx.read_image(path)
            result = session.run(image)
            line = result.to_dict()
            line.pop("timings_us")
            maps = {"score_map": digest(result.score_map), "label_map": digest(result.label_map), "overlay": digest(result.draw(image))}
            told[path.name] = {"result": line, **maps}
    path = tmp_path_factory.mktemp("리눅스") / "기대값.json"
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return path


def test_the_package_works_in_windows_cpython(in_locale: Wine, expected: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    shutil.copy(HERE / "on_windows/test_lnx.py", tmp_path)
    given = {"LNX_TEST_PARTS": windows_path(parts), "LNX_TEST_EXPECTED": windows_path(expected)}
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "test_lnx.py"]
    done = in_locale.run(windows_assets.CPYTHON / "python.exe", *words, env={**settings(model=model), **given}, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout


def test_the_agent_uses_windows_for_its_secrets_locks_and_held_files(in_locale: Wine, tmp_path: Path) -> None:
    shutil.copy(HERE / "on_windows/test_agent.py", tmp_path)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "test_agent.py"]
    done = in_locale.run(windows_assets.CPYTHON / "python.exe", *words, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "4 passed" in done.stdout


def test_the_wheel_holds_the_library_and_nothing_of_this_machine() -> None:
    (wheel,) = windows.WHEELS.glob("*.whl")
    assert wheel.name.endswith("-win_amd64.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("lnx/lnx.dll") == (windows.BUILD / "native/lnx.dll").read_bytes()
    extensions = sorted(name for name in names if name.endswith(".pyd"))
    assert extensions == ["lnx/_core.cp311-win_amd64.pyd", "lnx_agent/_scan.cp311-win_amd64.pyd"]
    assert not [name for name in names if ".so" in Path(name).suffixes]
