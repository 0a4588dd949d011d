"""The packaged programs: one folder with `lnx`, `lnx-agent`, `lnx-collector` and what they share, made by PyInstaller.

For Windows it is made by Windows CPython: under Wine here, by the running Python on Windows itself. A folder whose inputs (our wheel, the
files of this room, the pins) are those of last time is kept as it is.

Invariants: the folder can be moved anywhere; no program writes into it; what it holds is measured into a JSON file beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from installer import contents
from tools.dev import machine, windows, windows_assets
from tools.dev.machine import CACHE, PYTHON, ROOT, run, say
from tools.dev.wine import Wine, windows_path

HERE = Path(__file__).parent
SPEC = HERE / "edge.spec"
DIST = ROOT / "build/dist"
NAME = "lnx-edge"
PROGRAMS = tuple(contents.ENTRIES)
QUICK = ("lnx-agent",)  # what CI makes; all of them are made by `dev.py package` and every night
EXTRAS = ("collector", "agent", "dongle")
PACKER = ("pyinstaller", "pyinstaller-hooks-contrib", "altgraph", "packaging", "pefile", "pywin32-ctypes", "setuptools")
WINDOWS_PYTHON = windows_assets.FOLDER / "packaging"
LINUX_PYTHON = CACHE / "packaging"
MINUTES = 20
CHOICE = "LNX_EDGE_PROGRAMS"  # read by edge.spec


def folder_of(system: str, programs: Sequence[str] = PROGRAMS) -> Path:
    """Where the folder for "windows" or "linux" is made."""
    name = system if tuple(programs) == PROGRAMS else f"{system}-quick"
    return DIST / name / NAME


def windows_programs(programs: Sequence[str] = PROGRAMS) -> Path:
    """Makes the folder for Windows. Returns it."""
    if os.name == "nt":
        return _on_this_machine("windows", programs)
    wheel = windows.make_wheel()
    folder, stamp = folder_of("windows", programs), _stamp(wheel)
    if _is_of(folder, stamp):
        return folder
    python = windows_assets.python_with(WINDOWS_PYTHON, [*requirements("win32"), *PACKER])
    windows_assets.install_our_wheel(wheel, WINDOWS_PYTHON)
    say("packaging the programs for Windows")
    wine = Wine(windows.PREFIX)
    env = {"LNX_MSVC_RUNTIME": windows_path(windows_assets.FOLDER / "vcruntime"), CHOICE: " ".join(programs)}
    words = ["-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    places = ["--distpath", folder.parent, "--workpath", ROOT / "build/pyinstaller" / folder.parent.name]
    done = wine.run(python, *words, *places, SPEC, env=env, timeout=MINUTES * 60)
    if done.returncode != 0:
        sys.exit(f"PyInstaller ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    _finish(folder, stamp)
    return folder


def linux_programs(programs: Sequence[str] = PROGRAMS) -> Path:
    """Makes the folder for the Linux that this is. Returns it."""
    return _on_this_machine("linux", programs)


def windows_part() -> None:
    """The part `windows` of `dev.py package`."""
    tell(windows_programs())


def requirements(platform: str) -> list[str]:
    """What the packaged programs need: the project's own requirements and those of EXTRAS, for "win32" or "linux"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    found = []
    for line in listed:
        requirement, _, marker = line.partition(";")
        if not marker or platform in marker:
            found.append(requirement.strip())
    return list(dict.fromkeys(found))


def _on_this_machine(system: str, programs: Sequence[str]) -> Path:
    """PyInstaller in an environment with our wheel; everything else comes from .venv, where the tests have it from."""
    wheels = ROOT / "build/dist/wheel"
    for old in (wheels, *(ROOT / "build").glob("lib*")):  # what setuptools built last time may hold modules that are gone
        shutil.rmtree(old, ignore_errors=True)
    say("making the wheel")
    build = {"LNX_BUILD_DIR": str(ROOT / "build/release")}
    run([PYTHON, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT], env=build)
    wheel = next(wheels.glob("*.whl"))
    folder, stamp = folder_of(system, programs), _stamp(wheel)
    if _is_of(folder, stamp):
        return folder
    python, site = _environment()
    limits = ["-c", ROOT / "constraints.txt"]
    if not (site / "PyInstaller").exists():
        run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--target", site, *limits, *PACKER])
    for old in ("lnx", "lnx_agent", "lnx_collector", "lnx_common", "lnx_licensing"):
        shutil.rmtree(site / old, ignore_errors=True)
    for old_info in site.glob("lnx_edge-*"):
        shutil.rmtree(old_info)
    run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel])
    say(f"packaging the programs for {system}")
    words = [python, "-P", "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    places = ["--distpath", folder.parent, "--workpath", ROOT / "build/pyinstaller" / folder.parent.name]
    run([*words, *places, SPEC], env={CHOICE: " ".join(programs)})
    _finish(folder, stamp)
    return folder


def _environment() -> tuple[Path, Path]:
    """An interpreter that sees a folder of its own before what .venv holds; (python, that folder)."""
    python = LINUX_PYTHON / PYTHON.relative_to(machine.VENV)
    if not python.exists():
        venv.create(LINUX_PYTHON, with_pip=False)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site, theirs = (
        subprocess.run([program, "-c", ask], capture_output=True, text=True, check=True).stdout.strip() for program in (python, PYTHON)
    )
    Path(site, "venv.pth").write_text(theirs + "\n", encoding="utf-8")  # a plain line: the editable install of .venv is not seen
    return python, Path(site)


def _stamp(wheel: Path) -> str:
    """SHA-256 over everything that decides what the folder will be."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        for member in sorted(archive.infolist(), key=lambda one: one.filename):
            digest.update(f"{member.filename} {member.CRC}\n".encode())
    for path in (SPEC, HERE / "contents.py", *sorted((HERE / "entry").glob("*.py")), ROOT / "constraints.txt", ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_of(folder: Path, stamp: str) -> bool:
    try:
        return bool(json.loads(_figures(folder).read_text(encoding="utf-8"))["inputs"] == stamp) and folder.is_dir()
    except (OSError, ValueError, KeyError):
        return False


def _figures(folder: Path) -> Path:
    return folder.with_suffix(".json")


def _finish(folder: Path, stamp: str) -> None:
    sizes = component_sizes(folder)
    told = {"inputs": stamp, "bytes": sum(sizes.values()), "files": sum(1 for path in folder.rglob("*") if path.is_file()), "parts": sizes}
    _figures(folder).write_text(json.dumps(told, indent=1), encoding="utf-8")


def component_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each program and of each thing in _internal, the largest first."""
    sizes: dict[str, int] = {}
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        key = parts[0] if parts[0] != "_internal" else f"_internal/{parts[1]}"
        sizes[key] = sizes.get(key, 0) + path.stat().st_size
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def tell(folder: Path) -> None:
    """One line for people: where the folder is and how large."""
    told = json.loads(_figures(folder).read_text(encoding="utf-8"))
    say(f"{folder.relative_to(ROOT)}: {told['bytes'] / 1e6:.0f} MB in {told['files']} files")
