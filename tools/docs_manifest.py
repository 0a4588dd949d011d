"""Makes docs/reference/manifest.md and manifest.schema.json from the models in sdk/lnx/manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lnx.manifest import Manifest


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    for key in ("anyOf", "oneOf"):
        if key in field:
            return " or ".join(_type(option) for option in field[key] if option.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}" if "items" in field else "list"
    return str(field.get("type", "any"))


def _range(field: dict[str, Any]) -> str:
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum")
    if low is None and high is None:
        return ""
    return f"{'' if low is None else low} .. {'' if high is None else high}"


def _section(name: str, model: dict[str, Any]) -> list[str]:
    lines = [
        f"## {name}",
        "",
        str(model.get("description", "")),
        "",
        "| field | type | default | range | meaning |",
        "|---|---|---|---|---|",
    ]
    required = set(model.get("required", []))
    for key, field in model.get("properties", {}).items():
        default = "required" if key in required else f"`{json.dumps(field.get('default'), ensure_ascii=False)}`"
        lines.append(f"| `{key}` | {_type(field)} | {default} | {_range(field)} | {field.get('description', '')} |")
    return [*lines, ""]


def generate(root: Path) -> dict[Path, str]:
    schema = Manifest.model_json_schema(by_alias=True)
    lines = [
        "# The manifest",
        "",
        "Made from `sdk/lnx/manifest` by `python3 dev.py docs`. `manifest.json` inside a container follows it; the core refuses fields and",
        "operations that it does not know.",
        "",
        *_section("Manifest", schema),
    ]
    for name, model in sorted(schema["$defs"].items()):
        if "properties" in model:
            lines += _section(name, model)
    return {
        Path("docs/reference/manifest.md"): "\n".join(lines).rstrip() + "\n",
        Path("docs/reference/manifest.schema.json"): json.dumps(schema, ensure_ascii=False, indent=1) + "\n",
    }
