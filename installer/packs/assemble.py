"""Assembles one runtime pack: fetches the pinned wheels, takes the libraries that are named, and proves that nothing is missing.

    build/dist/packs/cu13-1.31.1/   *.dll   pack.json (files, hashes, origin, what was left out and why)   licenses/

The folder is built beside its name and renamed when the proof holds, so a folder that exists is a pack that is complete.

Invariants: a wheel whose SHA-256 is not the pinned one is never opened; every library of a wheel is taken or left out by name; every
library that a taken one imports is in the pack or belongs to Windows; every name that it may load later is in the pack, belongs to
Windows, or is on the list of those that may be absent, with the reason.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from installer import filelist
from installer.filelist import sha256
from installer.packs.pe_imports import needs
from installer.packs.recipe import Pack, Recipe, Wheel

WINDOWS = ["--platform", "win_amd64", "--python-version", "3.11", "--implementation", "cp"]
ABIS = ["--abi", "cp311", "--abi", "abi3", "--abi", "none", "--only-binary=:all:"]
MANIFEST = "pack.json"
FORMAT = 1
ROOM = 3.2  # unpacked libraries and a copy, as a multiple of the wheels
# Families of libraries that are always judged when a file names them; other names in a file (of its own messages, of tools) say nothing.
OURS = (
    "onnxruntime*",
    "cublas*",
    "cudnn*",
    "cufft*",
    "cudart*",
    "nvrtc*",
    "nvjitlink*",
    "curand*",
    "cusolver*",
    "cusparse*",
    "zlibwapi*",
    "nvinfer*",
)


class IncompleteError(Exception):
    """A pack that would not run: what is missing, or what nobody has decided about."""


def fetch(wheel: Wheel, downloads: Path) -> Path:
    """The wheel's file, fetched once; its hash is compared every time.

    Raises:
        IncompleteError: the disk has no room, or the file is not the pinned one.
    """
    folder = downloads / wheel.label
    found = sorted(folder.glob("*.whl"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < wheel.size * 2:
            raise IncompleteError(f"{free >> 20} MiB free at {folder}, {wheel.size * 2 >> 20} MiB needed for {wheel.label}")
        listed = folder.with_suffix(".txt")
        listed.write_text(f"{wheel.distribution}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", *WINDOWS, *ABIS]
        subprocess.run([*pip, "-d", str(folder), "-r", str(listed)], check=True)
        found = sorted(folder.glob("*.whl"))
    if len(found) != 1 or sha256(found[0]) != wheel.sha256:
        raise IncompleteError(f"{folder} holds another file than {wheel.label} of SHA-256 {wheel.sha256}; remove the folder")
    return found[0]


def _unpack(wheel: Wheel, archive: zipfile.ZipFile, folder: Path) -> list[dict[str, Any]]:
    """The wheel's libraries and licence texts into the folder; an entry for each library taken or left."""
    names = {PurePosixPath(name).name: name for name in archive.namelist() if name.lower().endswith((".dll", ".pyd", ".exe"))}
    decided = {*wheel.take, *wheel.leave}
    unknown, absent = sorted(set(names) - decided), sorted(decided - set(names))
    if unknown or absent:
        raise IncompleteError(f"{wheel.label}: not decided about {unknown}, not there {absent}")
    entries: list[dict[str, Any]] = []
    for name, reason in sorted(wheel.leave.items()):
        entries.append({"left_out": name, "size": archive.getinfo(names[name]).file_size, "why": reason, "from": wheel.label})
    for name in wheel.take:
        with archive.open(names[name]) as source, (folder / name).open("xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        entries.append({"name": name, "size": (folder / name).stat().st_size, "sha256": sha256(folder / name), "from": wheel.label})
    texts = [name for name in archive.namelist() for pattern in wheel.texts if fnmatch.fnmatchcase(name, pattern)]
    if not texts:
        raise IncompleteError(f"{wheel.label}: no licence text {list(wheel.texts)}")
    place = folder / "licenses" / wheel.label
    place.mkdir(parents=True)
    for name in texts:
        (place / PurePosixPath(name).name).write_bytes(archive.read(name))
    return entries


def prove(folder: Path, recipe: Recipe) -> dict[str, list[str]]:
    """Walks the import tables of every library in the folder.

    Returns: library -> the names that it needs and that the pack holds.

    Raises:
        IncompleteError: everything that is missing, named with the library that asks for it.
    """
    here = {path.name.lower() for path in folder.glob("*.dll")}
    missing: list[str] = []
    edges: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.dll")):
        told = needs(path)
        for name in (*told.imports, *told.delayed):
            if name not in here and not _of_windows(name, recipe):
                missing.append(f"{path.name} imports {name}")
        judged = {name for name in told.named if any(fnmatch.fnmatchcase(name, family) for family in OURS)}
        for name in sorted(judged - here - set(told.imports) - set(told.delayed) - set(recipe.optional)):
            missing.append(f"{path.name} may load {name}")
        edges[path.name] = sorted({*told.imports, *told.delayed, *judged} & here - {path.name.lower()})
    if missing:
        raise IncompleteError("; ".join(missing))
    return edges


def _of_windows(name: str, recipe: Recipe) -> bool:
    return name in recipe.system or name.startswith(("api-ms-win-", "ext-ms-win-"))


def assemble(pack: Pack, recipe: Recipe, output: Path, downloads: Path) -> Path:
    """The pack's folder, made anew when its recipe changed.

    Raises:
        IncompleteError: a wheel is not the pinned one, or the proof fails; nothing half-made stays under the pack's name.
    """
    target = output / pack.folder
    wanted = [wheel.sha256 for wheel in pack.wheels]
    if (target / MANIFEST).exists() and json.loads((target / MANIFEST).read_text("utf-8"))["wheels"] == wanted:
        prove(target, recipe)
        return target
    output.mkdir(parents=True, exist_ok=True)
    size = sum(wheel.size for wheel in pack.wheels)
    if (free := shutil.disk_usage(output).free) < size * ROOM:
        raise IncompleteError(f"{free >> 20} MiB free at {output}, {int(size * ROOM) >> 20} MiB needed for pack {pack.name}")
    building = output / f".{pack.folder}.new"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    entries: list[dict[str, Any]] = []
    for wheel in pack.wheels:
        with zipfile.ZipFile(fetch(wheel, downloads)) as archive:
            entries += _unpack(wheel, archive, building)
    edges = prove(building, recipe)
    manifest = {
        "format": FORMAT,
        "pack": pack.name,
        "onnxruntime": pack.onnxruntime,
        "needs": {key: pack.needs[key] for key in ("cuda", "windows_driver", "windows_jit_driver", "sass", "ptx") if key in pack.needs},
        "wheels": wanted,
        "components": [
            {"name": wheel.distribution, "version": wheel.version, "sha256": wheel.sha256, "licence": wheel.licence}
            for wheel in pack.wheels
        ],
        "files": sorted((entry for entry in entries if "name" in entry), key=lambda entry: str(entry["name"])),
        "left_out": [entry for entry in entries if "left_out" in entry],
        "needed_by": edges,
    }
    (building / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    filelist.write(building, pack.folder)
    shutil.rmtree(target, ignore_errors=True)
    building.rename(target)
    return target


def size_report(folder: Path) -> dict[str, Any]:
    """Bytes of a pack: libraries, what was left out, what was downloaded for it."""
    told = json.loads((folder / MANIFEST).read_text("utf-8"))
    return {
        "pack": told["pack"],
        "onnxruntime": told["onnxruntime"],
        "files": len(told["files"]),
        "bytes": sum(entry["size"] for entry in told["files"]),
        "left_out_bytes": sum(entry["size"] for entry in told["left_out"]),
    }
