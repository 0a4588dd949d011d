"""tests/windows-acceptance in Windows CPython: the automatic steps that need no GPU pass, answers are kept, a broken-off walk goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tools.dev import windows_assets
from tools.dev.machine import ROOT
from tools.dev.wine import Wine

from .conftest import NEWEST, Model

SCRIPT = ROOT / "tests/windows-acceptance/acceptance.py"
AUTOMATIC = ("facts", "self-test", "first-verdict", "korean-folder", "long-path", "missing-runtime", "unload", "endurance")


def walk(wine: Wine, model: Model, parts: Path, installed: Path, output: Path, answers: str, *more: str) -> tuple[int, dict[str, Any]]:
    words = ["--model", model.path, "--key", model.key, "--picture", sorted(parts.iterdir())[0], "--output", output]
    words += [
        "--runtime",
        windows_assets.runtime_folder(NEWEST),
        "--programs",
        installed,
        "--hours",
        "0",
        "--start",
        "120",
        "--person",
        "시험자",
    ]
    program = wine.start(windows_assets.CPYTHON / "python.exe", SCRIPT, *words, *more)
    told, _ = program.communicate(answers, timeout=300)
    assert (output / "acceptance.json").exists(), told
    record: dict[str, Any] = json.loads((output / "acceptance.json").read_text(encoding="utf-8"))
    assert record["steps"], told
    return program.returncode, record


def test_automatic_steps_pass_and_answers_are_kept(korean: Wine, installed: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    output = tmp_path / "기록"
    for path in (ROOT / "tests/windows-acceptance").iterdir():
        assert path.suffix in (".py", ".toml", ".md") or path.name == "__pycache__"
    _, record = walk(
        korean,
        model,
        parts,
        installed,
        output,
        "p\nfresh PC\ns\nno Defender here\n",
        "--without",
        "gpu",
        "--without",
        "dongle",
        "--without",
        "build",
    )
    steps = record["steps"]
    assert {name: steps[name]["outcome"] for name in AUTOMATIC} == dict.fromkeys(AUTOMATIC, "passed"), json.dumps(steps, ensure_ascii=False)
    assert steps["facts"]["facts"]["code_page"] == 949 and steps["unload"]["facts"]["ways"] == 8
    assert (steps["missing-vcruntime"]["outcome"], steps["missing-vcruntime"]["note"]) == ("passed", "fresh PC")
    assert (steps["antivirus"]["outcome"], steps["antivirus"]["note"]) == ("left out", "no Defender here")
    assert {steps[name]["note"] for name in ("gpu-run", "dongle-pull", "mfc")} == {"without gpu", "without dongle", "without build"}
    assert record["person"] == "시험자" and "| passed |" in (output / "acceptance.md").read_text(encoding="utf-8")
    # A second walk asks only for what did not pass: here the GPU, whose absence is a failure and not a success.
    del steps["gpu-doctor"]
    (output / "acceptance.json").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    status, record = walk(korean, model, parts, installed, output, "")
    assert status == 1 and record["steps"]["gpu-doctor"]["outcome"] == "failed" and "no GPU" in record["steps"]["gpu-doctor"]["note"]
    shutil.rmtree(output)


def test_the_page_lists_every_step() -> None:
    page = (ROOT / "docs/windows-acceptance.md").read_text(encoding="utf-8")
    listed = [
        line.split('"')[1]
        for line in (SCRIPT.parent / "checklist.toml").read_text(encoding="utf-8").splitlines()
        if line.startswith("id = ")
    ]
    assert len(listed) > 20
    for name in listed:
        assert f"**{name}**" in page
