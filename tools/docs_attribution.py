"""Brings the sentence of common/attribution.toml into the packages that show it: neither may import the other's."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

TARGETS = ("sdk/lnx/attribution.py", "common/lnx_common/attribution.py")
TEXT = '''"""The sentence that names the programme which supported the development: in manifests, data sets, reports, handovers, setup.

Generated from common/attribution.toml by `python3 dev.py docs`. Do not edit.
"""

KOREAN = {korean}
ENGLISH = {english}
BOTH = f"{{KOREAN}}\\n{{ENGLISH}}\\n"
'''


def generate(root: Path) -> dict[Path, str]:
    told = tomllib.loads((root / "common/attribution.toml").read_text(encoding="utf-8"))
    text = TEXT.format(**{name: json.dumps(sentence, ensure_ascii=False) for name, sentence in told.items()})
    return {Path(target): text for target in TARGETS}
