"""A Windows PC of its own for the setup program: a copy of the Wine prefix, its registry, and whether what is installed is whole."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

from installer import filelist
from tools.dev.wine import BINARIES, Wine, windows_path

LONG = 300.0  # Wine on a busy machine
OLD, NEW = "0.9.9", "1.0.10"  # 1.0.10 > 1.0.9 > 0.9.9: numbers, not letters
FOLDER = "folder = C:\\설치 폴더\\LNX Edge\n"
ALL = f"[setup]\nlanguage = ko\n{FOLDER}components = sdk, runtime, samples, docs\npack = auto\n"
SMALL = f"; 한국어 설명\n[setup]\n{FOLDER}components = sdk, runtime\n"
SERVICES = "SYSTEM\\CurrentControlSet\\Services"
OURS = (
    "Software\\LNX",
    "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\LNX Edge",
    f"{SERVICES}\\LnxAgent",
    f"{SERVICES}\\LnxCollector",
)
ENVIRONMENT = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment"


class Pc:
    """One prefix, with the folder that LNX Edge is installed in."""

    def __init__(self, wine: Wine, step: Path) -> None:
        self.wine, self._step = wine, step
        self.settings: dict[str, str] = {}  # variables for every program
        self.folder = wine.prefix / "drive_c/설치 폴더/LNX Edge"

    @property
    def environment(self) -> dict[str, str]:
        return {"LNX_LANG": "en", **self.settings}

    @property
    def log(self) -> Path:
        return self.wine.prefix / "drive_c/users/홍길동/Temp/lnx-edge-setup.log"

    def name_the_user(self) -> None:
        """A user with a Korean name, as far as a setup sees one: its folder of temporary files, where it unpacks itself and logs."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        values = "".join(f'"{name}"="C:\\\\users\\\\홍길동\\\\Temp"\r\n' for name in ("TEMP", "TMP"))
        self._write_registry(f"[HKEY_CURRENT_USER\\Environment]\r\n{values}")

    def _write_registry(self, text: str) -> None:
        file = self.wine.prefix / "drive_c/change.reg"
        file.write_text(f"Windows Registry Editor Version 5.00\r\n\r\n{text}", encoding="utf-16")
        self.wine.run("regedit", "/S", "C:\\change.reg", env=self.environment, check=True)

    def setup(self, program: Path, answers: str = "", *words: str) -> int:
        """Runs a setup program silently; its exit status."""
        return self.wine.run(program, *self._words(answers, *words), env=self.environment, timeout=LONG).returncode

    def start(self, program: Path, answers: str) -> subprocess.Popen[bytes]:
        """Starts a setup program and returns at once."""
        words = [str(BINARIES / "wine64"), windows_path(program), *map(str, self._words(answers))]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(words, env=self.wine.environment(self.environment), **quiet)  # type: ignore[call-overload,no-any-return]

    def _words(self, answers: str, *words: str) -> list[str]:
        if not answers:
            return ["/S", *words]
        file = self.wine.prefix / "drive_c/답변.ini"
        file.write_text(answers, encoding="utf-8")
        return ["/S", *words, "/ANSWERS=C:\\답변.ini"]

    def uninstall(self, *words: str) -> int:
        """`_?=` keeps the uninstaller in its place, so that its exit status is seen; it cannot remove itself then."""
        program = self.folder / "uninstall.exe"
        folder = "C:\\설치 폴더\\LNX Edge"
        return self.wine.run(program, "/S", *words, f"_?={folder}", env=self.environment, timeout=LONG).returncode

    def step(self, *words: str) -> tuple[int, dict[str, str]]:
        """Runs a verb of setup_step.exe; exit status and what its result file says."""
        result = self.wine.prefix / "drive_c/result.ini"
        result.unlink(missing_ok=True)
        done = self.wine.run(self._step, "--result", "C:\\result.ini", *words, env=self.environment, timeout=LONG)
        text = result.read_bytes().decode("utf-16") if result.exists() else ""
        told = dict(re.findall(r'^(\w+)="?(.*?)"?\r?$', text, re.MULTILINE))
        return done.returncode, told

    def registry(self, key: str, value: str) -> str:
        """A text value of HKLM, "" when there is none."""
        done = self.wine.run("reg", "query", f"HKLM\\{key}", "/v", value, "/reg:64", env=self.environment)
        found = re.search(rf"^\s+{re.escape(value)}\s+REG_\w+\s+(.*?)\r?$", done.stdout, re.MULTILINE)
        return found[1].strip() if found else ""

    @property
    def version(self) -> str:
        """The version that counts."""
        return self.registry("Software\\LNX", "Version")

    @property
    def runtime(self) -> Path:
        """The folder of the pack that counts, as this machine sees it."""
        told = self.registry("Software\\LNX", "RuntimeDir")  # `reg` prints in the code page, so only the ASCII part is used
        return self.folder / "runtime" / told.rpartition("\\")[2]

    def versions(self) -> list[str]:
        """Names of the folders of versions, half-made ones too."""
        folder = self.folder / "versions"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def whole(self, folder: Path) -> bool:
        """Does each file of each list have its hash? The plain twin of setup_step's verify."""
        lists = sorted((folder / filelist.FOLDER).glob("*.sha256"))
        lines = [line for path in lists for line in path.read_text("utf-8").splitlines()]
        return bool(lines) and all((folder / line[66:]).is_file() and filelist.sha256(folder / line[66:]) == line[:64] for line in lines)

    def logged(self) -> str:
        return self.log.read_bytes().decode("utf-16-le") if self.log.exists() else ""

    def wipe(self) -> None:
        """As before the first installation."""
        if self.folder.parent.exists() or self.version:
            self.wine.stop()
            self._write_registry("".join(f"[-HKEY_LOCAL_MACHINE\\{key}]\r\n" for key in OURS))
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        shutil.rmtree(self.wine.prefix / "drive_c/ProgramData/LNX", ignore_errors=True)
        self.log.unlink(missing_ok=True)


def wait_until(condition: object, seconds: float = LONG) -> None:
    """Waits for a condition, not for a time."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def check_whole(pc: Pc, version: str) -> None:
    """What counts is there, whole."""
    assert pc.version == version, pc.logged()
    assert pc.whole(pc.folder / "versions" / version), pc.logged()
    assert pc.whole(pc.runtime), pc.logged()
