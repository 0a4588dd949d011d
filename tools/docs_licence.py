"""Makes the JSON Schemas of licence terms, key list and request from their models in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lnx.container.trust import KeyList
from lnx_licensing.request import Request
from lnx_licensing.terms import Terms
from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {"licence": Terms, "key-list": KeyList, "licence-request": Request}
MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema with times in their one form."""
    made = model.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_moments(made)}


def _moments(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("format") == "date-time":
            return {**{name: item for name, item in value.items() if name not in ("format", "type")}, **MOMENT}
        return {name: _moments(item) for name, item in value.items()}
    return [_moments(item) for item in value] if isinstance(value, list) else value


def generate(root: Path) -> dict[Path, str]:
    """One schema per document."""
    return {
        Path(f"docs/reference/{name}.schema.json"): json.dumps(schema(model), ensure_ascii=False, indent=2) + "\n"
        for name, model in MODELS.items()
    }
