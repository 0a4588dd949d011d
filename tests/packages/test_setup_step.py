"""The verbs of setup_step.exe under Wine: answers, trees of files that somebody holds, PATH, versions."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from installer import filelist
from tools.dev import wine
from tools.dev.wine import windows_path

from .setup_plant import ENVIRONMENT, Pc


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("[setup]\nkomponents = sdk\n", '3: found "komponents'),
        ("[setup]\ncomponents = sdk, gpu\n", '3: found components = "sdk, gpu'),
        ("[setup]\npack = cu11\n", "auto|cpu|cu12|cu13"),
        ("[setup]\nfolder =\n", "a value"),
        ("[setup]\npack = cpu\npack = cpu\n", "4: found pack twice"),
        ("pack = cpu\n", '2: found "pack = cpu", expected [setup]'),
        ("[install]\npack = cpu\n", "2: found [install]"),
    ],
)
def test_an_answer_file_with_a_mistake_is_refused_with_its_line(shared_pc: Pc, answers: str, text: str) -> None:
    file = shared_pc.wine.prefix / "drive_c/답변.ini"
    file.write_text("# 주석\n" + answers, encoding="utf-8-sig")
    status, told = shared_pc.step("answers", "C:\\답변.ini", "C:\\out.ini")
    assert status == 1 and told["code"] == "bad-answers" and text in told["text"], told


HOLDER = r"""
#include <windows.h>
#include <stdio.h>
int wmain(int count, wchar_t** words) {
  HANDLE file = CreateFileW(words[1], GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
  puts(count == 3 && file != INVALID_HANDLE_VALUE ? "held" : "not held");
  fflush(stdout);
  if (_wtoi(words[2]) > 0) Sleep((DWORD)_wtoi(words[2]));
  else getchar(); /* until its input ends */
  return 0;
}
"""


@pytest.fixture(scope="session")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that holds a file as a virus scanner does: open, shared with nobody."""
    program = tmp_path_factory.mktemp("scanner") / "scanner.exe"
    compiler = ["x86_64-w64-mingw32-gcc-posix", "-municode", "-static", "-xc", "-", "-o", str(program)]
    subprocess.run(compiler, input=HOLDER, text=True, check=True)
    return program


def held(pc: Pc, scanner: Path, path: str, seconds: float = 0) -> subprocess.Popen[bytes]:
    """The file is held from the return of this on, for so many seconds, or until the input of what is returned is closed."""
    words = [str(wine.BINARIES / "wine64"), windows_path(scanner), path, str(int(seconds * 1000))]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    holder = subprocess.Popen(words, env=pc.wine.environment(), stdin=pipe, stdout=pipe, stderr=nothing)
    assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
    return holder


@pytest.mark.parametrize("seconds", [3.0, pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_scanner_that_holds_a_file_is_waited_for(shared_pc: Pc, scanner: Path, seconds: float) -> None:
    """Files that are replaced and files that are hashed, each held for a while."""
    drive = shared_pc.wine.prefix / "drive_c/스캐너"
    shutil.rmtree(drive, ignore_errors=True)
    for name, text in (("old", "1"), ("new", "2")):
        (drive / name).mkdir(parents=True)
        (drive / name / "lnx.dll").write_text(text, encoding="ascii")
        filelist.write(drive / name, "sdk")
    for path in ("C:\\스캐너\\old\\lnx.dll", "C:\\스캐너\\new\\lnx.dll"):
        waiting = held(shared_pc, scanner, path, seconds)
        begin = time.monotonic()
        status, told = shared_pc.step("commit", "C:\\스캐너\\new", "C:\\스캐너\\old")
        assert status == 0 and told["code"] == "repaired", told
        assert time.monotonic() - begin > seconds / 2
        waiting.communicate()
        assert (drive / "old/lnx.dll").read_text("ascii") == "2"
        shutil.rmtree(drive / "old")
        (drive / "new").mkdir(exist_ok=True)
        for name, text in (("old", "1"), ("new", "2")):
            (drive / name).mkdir(parents=True, exist_ok=True)
            (drive / name / "lnx.dll").write_text(text, encoding="ascii")
            filelist.write(drive / name, "sdk")
    waiting = held(shared_pc, scanner, "C:\\스캐너\\old\\lnx.dll", seconds)
    assert shared_pc.step("remove", "C:\\스캐너\\old")[1]["code"] == "removed"
    waiting.communicate()


def test_a_file_that_stays_held_is_named_and_the_old_version_counts(shared_pc: Pc, scanner: Path) -> None:
    pc = shared_pc
    drive = pc.wine.prefix / "drive_c/스캐너"
    shutil.rmtree(drive, ignore_errors=True)
    (drive / "new").mkdir(parents=True)
    (drive / "new/lnx.dll").write_text("2", encoding="ascii")
    filelist.write(drive / "new", "sdk")
    holder = held(pc, scanner, "C:\\스캐너\\new\\lnx.dll")
    status, told = pc.step("--patience", "1", "commit", "C:\\스캐너\\new", "C:\\스캐너\\final")
    assert status == 1 and told["code"] == "held" and "lnx.dll" in told["text"] and not (drive / "final").exists()
    holder.communicate()


def test_one_changed_byte_is_not_installed(shared_pc: Pc) -> None:
    pc = shared_pc
    drive = pc.wine.prefix / "drive_c/바이트"
    shutil.rmtree(drive, ignore_errors=True)
    (drive / "new").mkdir(parents=True)
    (drive / "new/lnx.dll").write_bytes(bytes(100))
    filelist.write(drive / "new", "sdk")
    (drive / "new/lnx.dll").write_bytes(bytes(99) + b"\1")
    status, told = pc.step("commit", "C:\\바이트\\new", "C:\\바이트\\final")
    assert status == 1 and told["code"] == "damaged" and not (drive / "final").exists()
    assert pc.step("verify", "C:\\바이트\\nothing")[1]["code"] == "damaged"


def test_a_long_path_variable_is_kept_whole(shared_pc: Pc) -> None:
    pc = shared_pc
    long = ";".join(f"C:\\Program Files\\Vendor {i}\\bin" for i in range(100))
    assert len(long) > 2000
    pc.wine.run("reg", "add", f"HKLM\\{ENVIRONMENT}", "/v", "Path", "/t", "REG_EXPAND_SZ", "/d", long, "/f", env=pc.environment)
    assert pc.step("path", "add", "C:\\LNX\\bin")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path") == f"{long};C:\\LNX\\bin"
    assert pc.step("path", "add", "C:\\lnx\\bin\\")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path").lower().count("c:\\lnx\\bin") == 1
    assert pc.step("path", "remove", "C:\\LNX\\bin")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path") == long


@pytest.mark.parametrize(("a", "b", "said"), [("1.0.9", "1.0.10", "older"), ("1.0.10", "1.0.10.0", "same"), ("2.0", "1.9.9", "newer")])
def test_versions_are_compared_number_by_number(shared_pc: Pc, a: str, b: str, said: str) -> None:
    assert shared_pc.step("compare", a, b)[1]["code"] == said
