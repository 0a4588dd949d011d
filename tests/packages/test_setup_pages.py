"""The pages of setup and uninstaller as a person sees them, on a display of their own, in Korean and in English: every text has room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.dev.wine import KOREAN, SYSTEM_UTF8, Wine

from .conftest import REQUIRED
from .setup_plant import FOLDER, NEW, OLD, Pc, check_whole

WALKER = Path(__file__).with_name("setup_pages.c")
FONT = "NanumGothic"  # in the place of Windows' own Korean fonts, which Debian does not have
WINDOWS_FONTS = ("굴림", "Gulim", "Malgun Gothic", "맑은 고딕", "MS Shell Dlg", "MS Shell Dlg 2", "Tahoma")
KOREAN_TEXTS = {
    "install": ["LNX Edge 설치를 시작합니다.", "사용권 계약", "구성 요소 선택", "설치 위치 선택", "설치중", "LNX Edge 설치 완료"],
    "update": ["LNX Edge 업데이트", "사용권 계약", "구성 요소 선택", "설치중", "LNX Edge 설치 완료"],
    "repair": ["LNX Edge 복구", "사용권 계약"],
    "remove": ["LNX Edge 제거", "제거중"],
}


@dataclass(frozen=True)
class Control:
    """A control with a text."""

    page: int
    kind: str
    number: int
    fits: bool
    text: str


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X display of our own."""
    if shutil.which("Xvfb") is None:
        assert not REQUIRED, "Xvfb is missing"
        pytest.skip("no Xvfb: apt-get install xvfb fonts-nanum")
    read, write = os.pipe()
    words = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(words, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            number = told.readline().strip()
        yield f":{number}"
        server.terminate()


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that walks through the pages."""
    target = tmp_path_factory.mktemp("walker") / "setup_pages.exe"
    subprocess.run(["x86_64-w64-mingw32-gcc-posix", "-Wall", "-static", "-s", "-o", str(target), str(WALKER), "-lgdi32"], check=True)
    return target


class Person:
    """Who sits before the PC and clicks."""

    def __init__(self, pc: Pc, walker: Path, display: str, locale: str) -> None:
        self._pc, self._walker, self._display = pc, walker, display
        self._wine = Wine(pc.wine.prefix, locale)

    def walk(self, program: Path, *words: str, pages: int = 0) -> list[Control]:
        """Starts a program and clicks through so many pages of it, 0 = to its end. What was on them."""
        env = {**self._pc.environment, "DISPLAY": self._display}
        running = self._wine.start(program, *words, env=env)
        try:
            done = self._wine.run(self._walker, str(pages), env=env, timeout=600)
            assert done.returncode == 0, done.stdout
            running.wait(120)
        finally:
            running.kill()
            running.communicate()
        lines = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("page\t")]
        return [Control(int(at), kind, int(number), fits == "1", text) for _, at, kind, number, fits, text in lines]


@pytest.fixture
def person(request: pytest.FixtureRequest, pc: Pc, walker: Path, display: str) -> Iterator[Person]:
    """With the font of a Korean Windows; the indirect parameter is the locale."""
    pc.wine.stop()  # a Wine that began without a display never gets one
    values = "".join(f'"{name}"="{FONT}"\r\n' for name in WINDOWS_FONTS)
    file = pc.wine.prefix / "drive_c/fonts.reg"
    file.write_text(
        f"Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\Software\\Wine\\Fonts\\Replacements]\r\n{values}", "utf-16"
    )
    pc.wine.run("regedit", "/S", "C:\\fonts.reg", check=True)
    pc.wine.stop()
    yield Person(pc, walker, display, request.param)
    pc.wine.stop()


def titles(shown: list[Control], wanted: list[str]) -> list[str]:
    """Those of the wanted texts that were shown, in their order."""
    texts = [control.text for control in shown]
    return [text for text in wanted if text in texts]


def check_texts(shown: list[Control]) -> None:
    assert shown
    cut = [control for control in shown if not control.fits]
    assert not cut, "\n".join(map(str, cut))
    assert [control.text for control in shown if "(을)" in control.text or "$(" in control.text or "\ufffd" in control.text] == []


@pytest.mark.slow
@pytest.mark.parametrize("person", [KOREAN], indirect=True)
def test_every_korean_page_of_install_update_repair_and_removal(pc: Pc, setups: dict[str, Path], person: Person) -> None:
    (pc.wine.prefix / "drive_c/폴더.ini").write_text(f"[setup]\n{FOLDER}", encoding="utf-8")
    words = ("/ANSWERS=C:\\폴더.ini",)
    for name, program, told, pages in (
        ("install", setups[OLD], words, 0),
        ("update", setups[NEW], (), 0),
        ("repair", setups[NEW], (), 1),
        ("remove", pc.folder / "uninstall.exe", (), 0),
    ):
        shown = person.walk(program, *told, pages=pages)
        check_texts(shown)
        assert titles(shown, KOREAN_TEXTS[name]) == KOREAN_TEXTS[name], [control.text for control in shown]
        if name in ("install", "update"):
            check_whole(pc, OLD if name == "install" else NEW)
    assert pc.version == ""


@pytest.mark.slow
@pytest.mark.parametrize("person", [SYSTEM_UTF8], indirect=True)
def test_english_texts_have_room_too(pc: Pc, setups: dict[str, Path], person: Person) -> None:
    shown = person.walk(setups[OLD], pages=3)
    check_texts(shown)
    assert {"Choose Components", "Choose Install Location"} <= {control.text for control in shown}
    assert pc.version == "", "nothing is installed by looking"
