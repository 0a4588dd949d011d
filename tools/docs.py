"""Generates the reference pages and tables that are made from other files. `python -m tools.docs [--check]`.

Each generator is a module tools/docs_NAME.py with `generate(root) -> {relative path: text}`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def generators() -> list[str]:
    return sorted(path.stem for path in (ROOT / "tools").glob("docs_*.py"))


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    stale: list[Path] = []
    for name in generators():
        for relative, text in importlib.import_module(f"tools.{name}").generate(ROOT).items():
            path = ROOT / relative
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            stale.append(relative)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path}")
    if check and stale:
        print("run `python3 dev.py docs` and commit the result", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
