"""Makes docs/reference/collector.md and collector.ko.md: every setting and every sample configuration, from the code that reads them.

The sample files are the ones that `lnx collect init` prints; settings and their meaning come from the docstrings of the fields.
"""

from __future__ import annotations

import json
import sys
import typing
from pathlib import Path
from typing import Any

from lnx_collector.config import CollectorSettings, HistorianSettings
from lnx_collector.registry import load_kind
from lnx_collector.sinks import SINKS
from lnx_collector.sources import SOURCES
from lnx_collector.steps import STEPS
from lnx_common.errors import PlantError
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

HEAD = """\
# Settings of the collector

Generated from the code by `python3 dev.py docs`. Do not edit.

One TOML file; `lnx collect check` names every mistake with its line. Times are written "500ms", "1s", "10m", "2h", "7d", sizes "500MB",
"20GB".
"""
HEAD_KO = """\
# 수집기 설정 예시

코드에서 자동으로 생성된 문서입니다(`python3 dev.py docs`). 직접 고치지 마십시오.

설정 파일은 TOML 하나입니다. `lnx collect check`가 잘못된 줄을 모두 알려 줍니다. 시간은 "500ms", "1s", "10m", "2h", "7d",
크기는 "500MB", "20GB"처럼 씁니다. 각 설정의 뜻은 [영문 문서](collector.md)와 아래 예시의 주석에 있습니다.
"""


def _type(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{argument}`" if not isinstance(argument, str) else f'`"{argument}"`' for argument in arguments)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "table"
    if arguments:
        return " or ".join(_type(argument) for argument in arguments if argument is not type(None))
    names = {"str": "text", "Path": "path", "float": "number", "int": "whole number", "bool": "true or false"}
    return names.get(getattr(annotation, "__name__", ""), getattr(annotation, "__name__", str(annotation)))


def _default(info: Any) -> str:
    if info.default is PydanticUndefined:
        return "" if info.default_factory is None else "see text"
    if info.default is None or info.default in ("", ()):
        return ""
    value = info.default
    if isinstance(value, str):
        return f"`{json.dumps(value, ensure_ascii=False)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value if not isinstance(value, tuple) else list(value)}`"


def table(model: type[BaseModel]) -> str:
    """The settings of one table; nested tables follow by themselves."""
    rows = ["| setting | value | default | |", "|---|---|---|---|"]
    nested: list[tuple[str, type[BaseModel]]] = []
    for name, info in model.model_fields.items():
        inner = _model_in(info.annotation)
        if inner is not None and typing.get_origin(info.annotation) is tuple:
            nested.append((name, inner))
            continue
        required = "**required**" if info.is_required() else _default(info)
        text = (info.description or "").replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(info.annotation)} | {required} | {text} |")
    tables = "\n".join(rows) + "\n"
    for name, inner in nested:
        tables += f"\n`[[….{name}]]`\n\n{table(inner)}"
    return tables


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for argument in (annotation, *typing.get_args(annotation)):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return None


def _sample(kind: Any) -> str:
    text = kind.sample if isinstance(kind.sample, str) else kind.sample.read_text(encoding="utf-8")
    return f"```toml\n{text.rstrip()}\n```\n"


def generate(root: Path) -> dict[str, str]:
    """Empty, with a line on stderr, where the libraries of the collector are not installed."""
    try:
        return pages(root)
    except PlantError as error:
        print(f"docs/reference/collector*.md were left alone: {error.found}", file=sys.stderr)
        return {}


def pages(root: Path) -> dict[str, str]:
    english, korean = [HEAD], [HEAD_KO]
    english += ["## [collector]\n", table(CollectorSettings), "## [historian]\n", table(HistorianSettings)]
    rooms = (("source", "수집원", SOURCES), ("step", "전처리", STEPS), ("sink", "전송처", SINKS))
    for room, room_ko, kinds in rooms:
        english.append(f"## [[{room}]]\n")
        korean.append(f"## {room_ko} [[{room}]]\n")
        for name in sorted(kinds):
            kind = load_kind(kinds, name)
            english += [f'### {room} "{name}"\n', _sample(kind), table(kind.settings)]
            korean += [f"### {name}\n", _sample(kind)]
    recipe = (root / "collector/lnx_collector/dataset/sample.toml").read_text(encoding="utf-8")
    english += ["## Recipe of a data set\n", f"```toml\n{recipe.rstrip()}\n```\n"]
    korean += ["## 데이터셋 레시피\n", f"```toml\n{recipe.rstrip()}\n```\n"]
    return {"docs/reference/collector.md": "\n".join(english), "docs/reference/collector.ko.md": "\n".join(korean)}
