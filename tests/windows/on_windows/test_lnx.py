"""Run by Windows CPython with our wheel installed: the Python face of the DLL on its first target.

Environment: LNX_TEST_MODEL, LNX_TEST_KEY, LNX_TEST_PARTS (folder of pictures), LNX_TEST_EXPECTED (what the Linux build said, JSON).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import lnx
import numpy as np
import pytest

MODEL, KEY = Path(os.environ["LNX_TEST_MODEL"]), Path(os.environ["LNX_TEST_KEY"])
PARTS = sorted(Path(os.environ["LNX_TEST_PARTS"]).iterdir())
EXPECTED = json.loads(Path(os.environ["LNX_TEST_EXPECTED"]).read_text(encoding="utf-8"))


def opened(**options) -> lnx.Session:
    return lnx.Session(MODEL, device="cpu", trusted_keys=[KEY], events=False, **options)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def test_this_is_windows_and_the_library_is_the_wheels() -> None:
    assert sys.platform == "win32"
    assert (Path(lnx.__file__).parent / "lnx.dll").exists()


def test_results_maps_and_overlays_are_those_of_linux() -> None:
    with opened(want=("score_map", "label_map")) as session:
        for path in PARTS:
            image = lnx.read_image(path)
            result = session.run(image)
            told = result.to_dict()
            told.pop("timings_us")
            expected = EXPECTED[path.name]
            assert told == expected["result"], path.name
            assert digest(result.score_map) == expected["score_map"], path.name
            assert digest(result.label_map) == expected["label_map"], path.name
            assert digest(result.draw(image)) == expected["overlay"], path.name


def test_the_self_test_of_the_model_passes() -> None:
    with opened() as session:
        assert session.self_test()["passed"]


def test_the_runtime_of_this_python_is_found_without_any_variable() -> None:
    # A process of its own: one process loads one ONNX Runtime.
    program = (
        "import lnx, sys\n"
        "with lnx.Session(sys.argv[1], device='cpu', trusted_keys=[sys.argv[2]], events=False) as session:\n"
        "    print(session.describe()['runtime']['path'])\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "LNX_RUNTIME_DIR"}
    words = [sys.executable, "-c", program, str(MODEL), str(KEY)]
    done = subprocess.run(words, env=env, capture_output=True, encoding="utf-8", errors="replace")
    assert done.stdout.strip().lower().endswith("onnxruntime\\capi\\onnxruntime.dll"), done.stdout + done.stderr


def test_threads_share_a_session() -> None:
    images, verdicts = [lnx.read_image(path) for path in PARTS[:4]], {}
    with opened() as session:

        def work(i: int) -> None:
            verdicts[i] = [session.run(images[i]).to_dict()["verdict"] for _ in range(5)]

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {i: set(v) for i, v in verdicts.items()} == {i: {EXPECTED[PARTS[i].name]["result"]["verdict"]} for i in range(4)}


def test_an_upside_down_picture_is_borrowed_as_it_is() -> None:
    image = lnx.read_image(PARTS[3])
    with opened() as session:
        there = session.run(image[::-1].copy()[::-1]).to_dict()
        assert there["regions"] == session.run(image).to_dict()["regions"]


def test_a_missing_model_is_told_with_its_korean_path(tmp_path: Path) -> None:
    missing = tmp_path / "없는 모델.lnx"
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(missing, device="cpu")
    assert caught.value.status == 201 and "없는 모델.lnx" in caught.value.text()


def test_pictures_are_written_and_read_under_korean_names(tmp_path: Path) -> None:
    image = lnx.read_image(PARTS[0])
    path = tmp_path / "결과 그림.png"
    lnx.write_image(path, image)
    assert (lnx.read_image(path) == image).all()


def test_the_command_line_inspects_a_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; from lnx.cli import main; sys.exit(main())"]
    lines = tmp_path / "결과.jsonl"
    words = ["run", str(MODEL), str(PARTS[3]), "--trust", str(KEY), "--device", "cpu", "--json", str(lines)]
    done = subprocess.run([*command, *words], capture_output=True, encoding="utf-8", errors="replace", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(lines.read_text(encoding="utf-8"))["verdict"] == EXPECTED[PARTS[3].name]["result"]["verdict"]
