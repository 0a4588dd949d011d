"""The command line as scripts and people use it: real processes, exit codes, both languages."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import brightness_classifier
from lnx import attribution
from lnx.cli.messages import TEXTS
from lnx.container import OpenRecipient, PublicInfo, load_public_key, load_signing_key, read_container, write_container


def run(*arguments: object, lang: str = "en", **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from lnx.cli import main; main()", *map(str, arguments)]
    settings = {**os.environ, "LNX_LANG": lang, "COLUMNS": "200", **env}
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=settings, check=False)


def on_a_terminal(arguments: list[str]) -> str:
    """What a command writes to stderr when that is a terminal, in Korean."""
    import pty

    ours, theirs = pty.openpty()
    env = {**os.environ, "LNX_LANG": "ko", "COLUMNS": "120", "TERM": "xterm"}
    command = [sys.executable, "-c", "from lnx.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=env) as program:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal ends with the program
            while part := os.read(ours, 65536):
                shown += part
        assert program.wait(timeout=60) == 0
    os.close(ours)
    return shown.decode("utf-8", "replace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Parts in every format, with Korean names; one file that is no picture."""
    place = tmp_path / "부품 사진"
    for i, suffix in enumerate((".png", ".jpg", ".bmp", ".tiff", ".JPG".lower())):
        lnx.write_image(place / f"부품 {i}{suffix}", np.full((40, 40, 3), 250 if i % 2 else 5, np.uint8))
    lnx.write_image(place / "16bit.tif", np.full((40, 40), 65000, np.uint16))
    return place


def test_from_keys_to_verdicts(tmp_path: Path, folder: Path) -> None:
    assert run("keys", "new", "container", "--name", "line", "--out", tmp_path / "키").returncode == 0
    private, public = tmp_path / "키/line.container-key.pem", tmp_path / "키/line.container-pub.pem"
    assert run("keys", "new", "family", "--name", "fam", "--out", tmp_path / "키").returncode == 0
    family = tmp_path / "키/fam.family.json"
    model, packed = brightness_classifier(tmp_path / "m.onnx"), tmp_path / "모델.lnx"
    recipe = ["--preset", "classification", "--labels", "dark,bright", "--set", "resize=stretch", "--set", "ng=bright", "--images", folder]
    done = run("pack", model, packed, "--key", private, "--family", family, *recipe)
    assert done.returncode == 0, done.stderr
    assert "assumed" in done.stdout and packed.exists()

    assert json.loads(run("inspect", packed, "--json").stdout)["recipients"] == [{"type": "family", "kid": "fam"}]
    verified = run("verify-file", packed, "--trust", public)
    assert verified.returncode == 0 and "intact" in verified.stdout
    assert run("verify-file", packed).returncode == 3

    common = ["--trust", public, "--family", family, "--device", "cpu"]
    lines = tmp_path / "결과.jsonl"
    ran = run("run", packed, folder, "--overlay", tmp_path / "그림", "--json", lines, *common)
    assert ran.returncode == 0, ran.stderr
    records = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 6
    assert {r["file"]: r["verdict"] for r in records}["부품 1.jpg"] == "NG"
    assert {r["file"]: r["verdict"] for r in records}["16bit.tif"] == "NG"
    assert (tmp_path / "그림" / "부품 0.png").exists()
    assert run("run", packed, folder, "--fail-on-ng", *common).returncode == 1

    assert run("selftest", packed, *common).returncode == 0
    bench = json.loads(run("bench", packed, "--runs", "20", "--json", *common).stdout)
    assert bench["stages"]["total"]["p99_ms"] >= bench["stages"]["total"]["p50_ms"] > 0
    assert run("run", packed, folder, "--trust", public, "--device", "cpu").returncode == 3, "without the family key"


def test_one_bad_image_does_not_stop_the_others(classifier: Path, keys: tuple[Path, Path], folder: Path, tmp_path: Path) -> None:
    (folder / "깨진.png").write_bytes(b"not a picture")
    (folder / "빈.png").write_bytes(b"")
    lines = tmp_path / "r.jsonl"
    ran = run("run", classifier, folder, "--trust", keys[1], "--device", "cpu", "--json", lines, "--summary-json")
    assert ran.returncode == 5
    assert json.loads(ran.stdout)["failed"] == 2
    records = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert sum("error" in record for record in records) == 2
    assert sum("verdict" in record for record in records) == 6


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "none.lnx", "{parts}"], 3),
        (["run", "{model}", "{empty}", "--trust", "{key}"], 3),
        (["run", "{model}", "{parts}"], 3),
        (["inspect", "none.lnx"], 3),
        (["inspect", "{key}"], 3),
        (["verify-file", "{model}"], 3),
        (["verify-file", "{model}", "--trust", "{key}"], 0),
        (["keys", "new", "rsa", "--name", "a"], 2),
        (["keys", "new", "container", "--name", "a", "--out", "{key}/inside"], 5),
        (["keys", "show", "{key}"], 0),
        (["pack", "none.onnx", "o.lnx", "--key", "none.pem", "--preset", "yolox"], 3),
        (["pack", "none.onnx", "o.lnx", "--key", "none.pem", "--preset", "yolox", "--set", "colour"], 3),
        (["bench", "{model}", "--runs", "9", "--trust", "{key}"], 2),
        (["bench", "{model}", "--runs", "10", "--trust", "{key}", "--device", "cpu"], 0),
        (["selftest", "{model}", "--trust", "{key}", "--device", "cpu"], 0),
        (["selftest", "{model}", "--trust", "{key}", "--device", "cpu", "--runtime-dir", "{empty}"], 4),
        (["selftest", "{model}", "--trust", "{key}", "--device", "gpu"], 4),
        (["doctor", "--runtime-dir", "{empty}"], 4),
        (["run", "{model}", "{parts}", "--trust", "{key}", "--device", "cpu", "--json", "{key}/lines.jsonl"], 5),
        (["run", "{model}", "{parts}", "--trust", "{key}", "--device", "cpu", "--overlay", "{key}/pictures"], 5),
        (["no-such-command"], 2),
        (["run"], 2),
    ],
)
def test_exit_codes_tell_what_kind_of_problem_it_was(
    arguments: list[str], code: int, tmp_path: Path, classifier: Path, keys: tuple[Path, Path], folder: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"model": classifier, "key": keys[1], "parts": folder, "empty": tmp_path / "empty"}
    done = run(*(argument.format(**places) for argument in arguments))
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_self_test_that_differs_exits_with_1_and_says_which_stage(classifier: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    entries = dict(read_container(classifier, trusted=[load_public_key(keys[1])]).entries)
    tensor = np.frombuffer(entries["golden/0.tensor"], np.float32).copy()
    tensor[5] += 0.25
    entries["golden/0.tensor"] = tensor.tobytes()
    changed = tmp_path / "changed.lnx"
    signing = load_signing_key(keys[0])
    write_container(changed, entries=entries, public=PublicInfo("m", "1"), signing_key=signing, recipients=[OpenRecipient()])
    done = run("selftest", changed, "--trust", keys[1], "--device", "cpu", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["pre_max_error"] == pytest.approx(0.25) and report["post_max_error"] <= report["post_tolerance"]


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of POSIX")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["selftest", "{model}", "--device", "cpu"], ["예열 중", "골든 이미지와 비교 중"]),
        (["bench", "{model}", "--runs", "3000", "--device", "cpu"], ["측정 중"]),
        (["verify-file", "{model}"], ["청크 검사 중"]),
        (["run", "{model}", "{parts}", "--device", "cpu"], ["예열 중"]),
    ],
)
def test_long_commands_show_their_progress_on_a_terminal_and_nothing_with_json(
    command: list[str], words: list[str], classifier: Path, keys: tuple[Path, Path], folder: Path
) -> None:
    arguments = [word.format(model=classifier, parts=folder) for word in command] + ["--trust", str(keys[1])]
    shown = on_a_terminal(arguments)
    for word in words:
        assert word in shown
    quiet = run(*arguments, "--summary-json" if command[0] == "run" else "--json")
    assert quiet.returncode == 0 and quiet.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="sends a signal of POSIX, and looks into /proc")
def test_an_interrupted_command_says_so_and_exits_with_130(classifier: Path, keys: tuple[Path, Path]) -> None:
    # A background shell hands SIGINT down as ignored; a console does not.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from lnx.cli import main; main()"
    command = [sys.executable, "-c", start, "bench", classifier, "--runs", 1_000_000, "--trust", keys[1]]
    env = {**os.environ, "LNX_LANG": "en"}
    with subprocess.Popen([*map(str, command), "--device", "cpu"], stderr=subprocess.PIPE, text=True, env=env) as program:
        end = time.monotonic() + 60
        while "onnxruntime" not in Path(f"/proc/{program.pid}/maps").read_text(encoding="utf-8") and time.monotonic() < end:
            time.sleep(0.05)  # from here on it is our command that is interrupted, not the import of something
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=60)
    assert program.returncode == 130 and "interrupted" in told and "Traceback" not in told


def test_errors_have_the_four_lines_in_both_languages(tmp_path: Path) -> None:
    english, korean = run("inspect", tmp_path / "없음.lnx"), run("inspect", tmp_path / "없음.lnx", lang="ko")
    for line in ("LNX-201", "where", "found", "expected", "do", "docs/errors/LNX-201.md"):
        assert line in english.stderr
    assert "모델 파일이 없습니다" in korean.stderr and "조치" in korean.stderr
    as_json: dict[str, Any] = json.loads(run("inspect", tmp_path / "x.lnx", "--json").stdout)
    assert as_json["error"]["status"] == 201


def test_help_speaks_korean_and_no_text_is_missing() -> None:
    assert "패키징" in run("--help", lang="ko").stdout
    assert "Pack an ONNX" in run("--help", lang="en").stdout
    assert all(english and korean for english, korean in TEXTS.values())


def test_about_names_the_version_and_the_programme_that_supported_the_development() -> None:
    version = metadata.version("lnx-edge")
    for language, sentence in (("en", attribution.ENGLISH), ("ko", attribution.KOREAN)):
        assert run("about", lang=language).stdout == f"LNX Edge {version}, Apache-2.0\n{sentence}\n"
    assert json.loads(run("about", "--json").stdout) == {"version": version, "license": "Apache-2.0", "attribution": attribution.KOREAN}


def test_doctor_names_the_runtime_and_what_is_wrong_with_a_bad_one(tmp_path: Path) -> None:
    good = run("doctor", "--json")
    assert good.returncode == 0, good.stdout
    assert json.loads(good.stdout)["runtime"]["version"]
    pack = json.loads(good.stdout)["pack"]
    assert pack["name"] in ("cpu", "cu12", "cu13") and [verdict["pack"] for verdict in pack["verdicts"]] == ["cu13", "cu12"]
    assert all(verdict["fit"] == "serves" or verdict["needed"] for verdict in pack["verdicts"])
    (tmp_path / "libonnxruntime.so").write_text("no library", encoding="utf-8")
    bad = run("doctor", "--json", "--runtime-dir", tmp_path)
    told = json.loads(bad.stdout)
    assert bad.returncode == 4 and told["runtime"] is None
    assert "not a library" in told["candidates"][0]["verdict"] and told["fix"]
