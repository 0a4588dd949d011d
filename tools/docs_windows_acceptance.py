"""Writes docs/windows-acceptance.md from tests/windows-acceptance/checklist.toml: the checklist as a page."""

from __future__ import annotations

import tomllib
from pathlib import Path

HEAD = """# What a real Windows PC still has to show

Made from `tests/windows-acceptance/checklist.toml`. On the PC,
`python tests/windows-acceptance/acceptance.py --model part.lnx --key key.pem --picture part.bmp` walks through it, carries out the steps
marked *automatic*, asks about the others, and keeps the record (`acceptance.json`, `acceptance.md`). Everything else is tested on Linux
at every change: [windows.md](windows.md).

실제 Windows PC에서만 확인할 수 있는 항목입니다. 위 명령이 순서대로 안내하고 결과를 기록합니다.
"""
GROUPS = {
    "build": "With Visual Studio · Visual Studio",
    "machine": "On any PC · 모든 PC",
    "gpu": "With an NVIDIA GPU · GPU",
    "dongle": "With a dongle · 동글",
}


def generate(root: Path) -> dict[Path, str]:
    steps = tomllib.loads((root / "tests/windows-acceptance/checklist.toml").read_text(encoding="utf-8"))["step"]
    lines = [HEAD]
    for about, title in GROUPS.items():
        lines += [f"## {title}", ""]
        for step in steps:
            if step["about"] != about:
                continue
            automatic = " *(automatic)*" if "check" in step else ""
            lines.append(f"- [ ] **{step['id']}** {step['title']}{automatic} · {step['title_ko']}")
            lines += [f"  - {line}" for line in step.get("how", [])]
            lines.append(f"  - expected: {step['expected']}")
        lines.append("")
    return {Path("docs/windows-acceptance.md"): "\n".join(lines)}
