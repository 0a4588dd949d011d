"""Makes the core's table of runtime packs, native/src/runtime/pack_table.inc, from common/runtime_packs.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

SOURCE = "common/runtime_packs.toml"
SASS_ROOM = 8  # of PackRow::sass


def _capability(text: str) -> str:
    major, _, minor = (text or "0.0").partition(".")
    return f"{{{int(major)}, {int(minor)}}}"


def _binaries(pack: dict[str, Any], key: str) -> str:
    built = [_capability(text) for text in pack[key]]
    if not 0 < len(built) <= SASS_ROOM:
        raise SystemExit(f"{SOURCE}: {pack['name']} has {len(built)} compute capabilities in {key}; 1 to {SASS_ROOM} have room")
    return f"{{{len(built)}, {{{', '.join(built)}}}}}"


def _row(pack: dict[str, Any]) -> str:
    built = [_binaries(pack, key) for key in ("sass", "linux_sass")]
    texts = [f'"{pack[key]}"' for key in ("name", "onnxruntime", "extra")]
    drivers = [f'"{pack[key]}"' for key in ("windows_driver", "linux_driver")]
    jit = [f'"{pack[key]}"' for key in ("windows_jit_driver", "linux_jit_driver")]
    words = [*texts, str(pack["cuda"]), *drivers, *built, _capability(pack["ptx"])]
    return "{" + ", ".join([*words, str(pack["jit_cuda"]), *jit]) + "},"


def generate(root: Path) -> dict[Path, str]:
    packs = tomllib.loads((root / SOURCE).read_text(encoding="utf-8"))["pack"]
    rows = [_row(pack) for pack in packs]
    head = f"// Generated from {SOURCE} by `python3 dev.py docs`. Do not edit."
    return {Path("native/src/runtime/pack_table.inc"): "\n".join([head, *rows, ""])}
