"""`python3 dev.py packs [cpu|cu12|cu13 ...]`: assembles runtime packs below build/dist/packs and prints their sizes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from installer.packs.assemble import IncompleteError, assemble, size_report
from installer.packs.recipe import load

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build/dist/packs"
DOWNLOADS = ROOT / ".cache/windows/downloads"  # shared with the Windows stage, which tests with the same files
SMALL = ("cpu",)  # what CI makes; the others are several GB


def packs(names: tuple[str, ...] = SMALL) -> list[Path]:
    """The folders of these packs, assembled where they are not there yet. Ends the program when one is incomplete."""
    recipe = load(ROOT)
    try:
        return [assemble(recipe.packs[name], recipe, OUTPUT, DOWNLOADS) for name in names]
    except IncompleteError as error:
        sys.exit(f"runtime pack: {error}")


def make(names: tuple[str, ...] = SMALL) -> None:
    """Assembles and prints one line of JSON per pack."""
    for folder in packs(names):
        print(json.dumps({**size_report(folder), "folder": str(folder.relative_to(ROOT))}))
