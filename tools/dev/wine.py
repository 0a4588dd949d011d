"""Runs Windows programs on Linux through Wine, in a prefix of its own.

Paths go in and come out as Windows sees them (`Z:\\...`). Output is always read through a pipe: Windows CPython refuses a plain file as
its standard output under Wine 8. A UTF-8 locale is needed, or Wine sees no Korean file names; the code page follows the locale.

Invariants: nothing outside the prefix is written; no window is opened; only this prefix's server is ever stopped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BINARIES = Path("/usr/lib/wine")  # Debian keeps wine64 and wineserver64 off PATH
SYSTEM_UTF8 = "C.UTF-8"  # code page 1252 inside, UTF-8 file names outside
KOREAN = "ko_KR.UTF-8"  # code page 949, as on a Korean factory PC
# No .NET, no HTML, no menus, no debugger; the native ucrtbase carries what numpy needs and Wine 8 lacks.
OVERRIDES = "mscoree=d;mshtml=d;winemenubuilder.exe=d;winedbg.exe=d;ucrtbase=n,b"


def windows_path(path: Path | str) -> str:
    """The path of a file of this machine as Windows programs see it."""
    return "Z:" + str(Path(path).absolute()).replace("/", "\\")


@dataclass(frozen=True)
class Wine:
    """One prefix and one locale. Several may share a prefix, one after the other."""

    prefix: Path
    locale: str = SYSTEM_UTF8

    @property
    def system32(self) -> Path:
        return self.prefix / "drive_c/windows/system32"

    def launcher(self, program: str) -> list[str]:
        """The words that start wine64 or wineserver64."""
        return [str(BINARIES / program)]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a Windows program: nothing of LNX's own is inherited."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LNX_") and name not in ("DISPLAY", "LANG")}
        return {
            **kept,
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": OVERRIDES,
            "LC_ALL": self.locale,
            "LOCPATH": str(self.prefix.parent / "locale") if self.locale == KOREAN else "",
            **(extra or {}),
        }

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 280,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program. Path arguments become Windows paths, text stays as it is. Exit codes are modulo 256."""
        words = [windows_path(word) if isinstance(word, Path) else word for word in command]
        done = subprocess.run(
            [*self.launcher("wine64"), *words],
            env=self.environment(env),
            cwd=cwd,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}\nstatus {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Starts a program that is watched and talked to while it runs: its output, errors with it, and its input are pipes."""
        words = [windows_path(word) if isinstance(word, Path) else word for word in command]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        text = {"text": True, "encoding": "utf-8", "errors": "replace", "bufsize": 1}
        return subprocess.Popen([*self.launcher("wine64"), *words], env=self.environment(env), cwd=cwd, **pipes, **text)  # type: ignore[call-overload,no-any-return]

    def stop(self) -> None:
        """Ends every process of this prefix."""
        subprocess.run([*self.launcher("wineserver64"), "-k"], env=self.environment(), check=False, capture_output=True)


def _add_process_prng(wine: Wine) -> None:
    """Wine before 9 lacks bcryptprimitives.dll, whose one function extension modules written in Rust call for random bytes."""
    target = wine.system32 / "bcryptprimitives.dll"
    if target.exists():
        return
    source = (
        "#include <windows.h>\n"
        "BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);\n"
        "__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }\n"
    )
    compiler = ["x86_64-w64-mingw32-gcc-posix", "-shared", "-xc", "-", "-o", str(target), "-ladvapi32"]
    subprocess.run(compiler, input=source, text=True, check=True, capture_output=True)


def major_version() -> int:
    """8 for Debian 12, 10 for Debian 13."""
    told = subprocess.run([str(BINARIES / "wine64"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.removeprefix("wine-").split(".")[0])


def make_prefix(prefix: Path, ucrtbase: Path) -> Wine:
    """A fresh Windows 10 prefix, with the locale for code page 949 beside it; kept when it is already there."""
    wine = Wine(prefix)
    locale = prefix.parent / "locale"
    if not (locale / KOREAN).exists():
        locale.mkdir(parents=True, exist_ok=True)
        subprocess.run(["localedef", "-i", "ko_KR", "-f", "UTF-8", str(locale / KOREAN)], check=True, capture_output=True)
    fill_prefix(wine, ucrtbase)
    return wine


def copied(prefix: Path, target: Path) -> Path:
    """A copy of a prefix by hard links, whose processes can be ended without harm to the first one's. Its registry files are copies: Wine
    writes into files that have several names. Kept as long as the first one is the one that it was made of. Returns ``target``."""
    ready, ours = prefix / "lnx-ready", target / "lnx-ready"
    if not ours.exists() or not ready.samefile(ours):
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-al", str(prefix), str(target)], check=True)
        for path in target.glob("*.reg"):
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
    return target


def of_this_worker(prefix: Path) -> Path:
    """The prefix of this process where pytest-xdist runs several: one's own, so that nobody's Windows changes under a test."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return prefix if worker == "gw0" else prefix.with_name(f"{prefix.name}-{worker}")


def fill_prefix(wine: Wine, ucrtbase: Path) -> None:
    """Makes the prefix of `wine`, unless it is there with a registry of its own."""
    done = wine.prefix / "lnx-ready"
    if done.exists() and all(path.stat().st_nlink == 1 for path in wine.prefix.glob("*.reg")):
        return
    shutil.rmtree(wine.prefix, ignore_errors=True)
    wine.prefix.mkdir(parents=True)
    wine.run("wineboot", "-i", timeout=300)
    wine.run("winecfg", "-v", "win10", check=True)
    subprocess.run([*wine.launcher("wineserver64"), "-w"], env=wine.environment(), check=True, timeout=120)
    _add_process_prng(wine)
    target = wine.system32 / "ucrtbase.dll"
    target.unlink(missing_ok=True)
    shutil.copyfile(ucrtbase, target)
    done.touch()
