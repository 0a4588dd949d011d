"""The example programs run, and C, C++ and Python say the same about the same part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lnx
import pytest
from lnx import runtime_path
from lnx.container import load_signing_key
from lnx.pack import pack

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "examples/parts"
PROGRAMS = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build/release")) / "examples"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Path:
    sys.path.insert(0, str(ROOT))
    from tools.demo import LABELS, MODEL, OPTIONS

    output = tmp_path_factory.mktemp("모델") / "surface.lnx"
    pack(
        MODEL,
        output,
        preset="segmentation",
        labels=LABELS,
        options=OPTIONS,
        images=[PARTS / "03.png"],
        signing_key=load_signing_key(keys[0]),
    )
    return output


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("부품") / "부품 3.bmp"
    lnx.write_image(path, lnx.read_image(PARTS / "03.png"))
    return path


def program(name: str) -> Path:
    path = PROGRAMS / name
    if not path.exists():
        pytest.skip(f"{name} is not built here")
    return path


def answer(command: list[Any]) -> dict[str, Any]:
    env = {**os.environ}
    env.setdefault("LNX_RUNTIME_DIR", runtime_path.package_folder() or "")
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, encoding="utf-8", env=env, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    told.pop("timings_us")
    return told


def test_c_cpp_and_python_give_the_same_json(model: Path, part: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    from_python = answer([sys.executable, ROOT / "examples/python/inspect_part.py", model, part, tmp_path / "p.png", keys[1]])
    assert from_python["regions"], "the part has a painted defect"
    assert answer([program("inspect_c"), model, part, keys[1]]) == from_python
    assert answer([program("inspect_cpp"), model, part, tmp_path / "c.png", keys[1]]) == from_python
    assert (lnx.read_image(tmp_path / "c.png") == lnx.read_image(tmp_path / "p.png")).all()


def test_the_inspection_loop_counts_every_part(model: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    env = {**os.environ, "LNX_RUNTIME_DIR": os.environ.get("LNX_RUNTIME_DIR") or runtime_path.package_folder() or ""}
    command = [program("inspection_loop_cpp"), model, PARTS, tmp_path / "그림", keys[1]]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env, check=True)
    counts = dict(line.split() for line in done.stdout.splitlines() if line.split()[0] in ("OK", "NG", "REVIEW"))
    assert sum(map(int, counts.values())) == len(list(PARTS.glob("*.png")))
    assert len(list((tmp_path / "그림").iterdir())) == len(list(PARTS.glob("*.png")))


def test_examples_fit_on_one_screen() -> None:
    for path in [*ROOT.glob("examples/c/*.c"), *ROOT.glob("examples/cpp/*.cpp"), *ROOT.glob("examples/python/*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path


def test_the_demo_leaves_its_page_and_lines(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from tools.demo import run_demo

    told = run_demo(tmp_path / "데모", "cpu")
    assert told["agree_with_truth"] >= 0.8 * told["parts"]
    page = (tmp_path / "데모" / "index.html").read_text(encoding="utf-8")
    assert page.count("<figure") == told["parts"] and "http" not in page.replace("http-equiv", "")
    assert len((tmp_path / "데모" / "results.jsonl").read_text(encoding="utf-8").splitlines()) == told["parts"]
