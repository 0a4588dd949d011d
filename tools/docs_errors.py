"""Makes the error header, the core's table, the Python table and the error pages from common/errors.toml.

Each status is written once, there. `generate(root)` returns the files that belong to it, as path -> text; `dev.py docs` writes
them and CI checks that they are up to date.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

GROUPS = {
    1: "argument",
    2: "model file",
    3: "licence",
    4: "device and runtime",
    5: "execution",
    6: "configuration and services",
    7: "collector",
    8: "agent",
}
GROUPS_KO = {1: "인자", 2: "모델 파일", 3: "라이선스", 4: "장치와 런타임", 5: "실행", 6: "설정과 서비스", 7: "수집기", 8: "에이전트"}
FIRST_OF_PLANT = 600  # below: statuses of the C ABI; from here on: errors of the services, which Python alone knows
DO_NOT_EDIT = "Generated from common/errors.toml by `python3 dev.py docs`. Do not edit."


def load(root: Path) -> list[dict[str, object]]:
    """Reads the table and refuses duplicates, unsorted numbers and missing texts."""
    errors = tomllib.loads((root / "common/errors.toml").read_text(encoding="utf-8"))["error"]
    numbers = [error["number"] for error in errors]
    if numbers != sorted(set(numbers)):
        raise SystemExit("common/errors.toml: numbers must be unique and ascending")
    for error in errors:
        missing = [key for key in ("name", "title", "title_ko", "when", "fix", "fix_ko") if not error.get(key)]
        if missing:
            raise SystemExit(f"common/errors.toml: {error['number']} lacks {', '.join(missing)}")
    return list(errors)


def header(errors: list[dict[str, object]]) -> str:
    lines = [
        f"/* {DO_NOT_EDIT} */",
        "/* clang-format off */",
        "#ifndef LNX_LNX_STATUS_H",
        "#define LNX_LNX_STATUS_H",
        "",
        "#include <stdint.h>",
        "",
        "/* 0 = success; 1xx argument, 2xx model file, 3xx licence, 4xx device and runtime, 5xx execution */",
        "typedef int32_t LnxStatus;",
        "",
        "enum {",
        "  LNX_OK = 0,",
    ]
    for i, error in enumerate(errors):
        comma = "," if i + 1 < len(errors) else ""
        lines.append(f"  {error['name']} = {error['number']}{comma} /* {error['title']}. */")
    return "\n".join([*lines, "};", "", "#endif /* LNX_LNX_STATUS_H */", ""])


def core_table(errors: list[dict[str, object]]) -> str:
    rows = [f"X({e['number']}, {e['name']}, {json.dumps(e['title'])}, {json.dumps(e['fix'])})" for e in errors]
    return "\n".join([f"// {DO_NOT_EDIT}", "// X(number, name, title, fix)", *rows, ""])


def python_table(errors: list[dict[str, object]]) -> str:
    lines = [
        f'"""{DO_NOT_EDIT}"""',
        "",
        "from typing import NamedTuple",
        "",
        "",
        "class ErrorText(NamedTuple):",
        '    """One status: its name, what it means and what to do, in English and Korean."""',
        "",
        "    name: str",
        "    title: str",
        "    title_ko: str",
        "    fix: str",
        "    fix_ko: str",
        "",
        "",
        "ERRORS: dict[int, ErrorText] = {",
    ]
    for e in errors:
        lines.append(f"    {e['number']}: ErrorText(")
        for key in ("name", "title", "title_ko", "fix", "fix_ko"):
            lines.append(f"        {_literal(str(e[key]))},")
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def page(e: dict[str, object]) -> str:
    return f"""# LNX-{e["number"]} · {e["title"]}

`{e["name"]}` · {e["title_ko"]}

## When it occurs

{e["when"]}

## How to fix it

{_sentence(str(e["fix"]))}

## 해결 방법

{e["fix_ko"]}.

The error text also says what was found, what was expected and where. {_carrier(int(str(e["number"])))}
"""


def _carrier(number: int) -> str:
    if number >= FIRST_OF_PLANT:
        return "`lnx_common.errors.PlantError` carries them as fields."
    return "`LnxLastError` (C), `lnx::Error` (C++) and\n`lnx.LnxError` (Python) carry them as fields."


def index(errors: list[dict[str, object]]) -> str:
    lines = [
        "# Errors",
        "",
        "Every status that the library and the services can give. Numbers never change their meaning.",
        "",
        "| status | name | meaning | 의미 |",
        "|---|---|---|---|",
    ]
    group = 0
    for e in errors:
        number = int(str(e["number"]))
        if number // 100 != group:
            group = number // 100
            lines.append(f"| **{group}xx** | | **{GROUPS[group]}** | **{GROUPS_KO[group]}** |")
        lines.append(f"| [LNX-{number}](LNX-{number}.md) | `{e['name']}` | {e['title']} | {e['title_ko']} |")
    return "\n".join([*lines, ""])


def _literal(text: str) -> str:
    """A Python literal as the formatter writes it: double quotes unless that needs escapes."""
    return f"'{text}'" if '"' in text and "'" not in text and "\\" not in text else json.dumps(text, ensure_ascii=False)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def generate(root: Path) -> dict[Path, str]:
    """All generated files, relative to `root`."""
    errors = load(root)
    core = [error for error in errors if int(str(error["number"])) < FIRST_OF_PLANT]
    files = {
        Path("native/include/lnx/lnx_status.h"): header(core),
        Path("native/src/base/error_table.inc"): core_table(core),
        Path("sdk/lnx/_error_table.py"): python_table(core),
        Path("common/lnx_common/_error_table.py"): python_table([error for error in errors if error not in core]),
        Path("docs/errors/README.md"): index(errors),
    }
    for error in errors:
        files[Path(f"docs/errors/LNX-{error['number']}.md")] = page(error)
    return files
