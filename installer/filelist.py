"""Lists of files with their hashes, as setup_step.exe checks them: manifest/NAME.sha256, one line "<sha256>  <path>" per file."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = "manifest"


def sha256(path: Path) -> str:
    """Of a file of any size, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, name: str) -> int:
    """Writes the list of every file in the folder. Returns their bytes, the list included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder / FOLDER)
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    target = folder / FOLDER / f"{name}.sha256"
    target.parent.mkdir(exist_ok=True)
    target.write_text("".join(lines), encoding="utf-8", newline="\n")
    return sum(path.stat().st_size for path in [*files, target])
