"""Finds the module of a kind by its name, and imports it only then."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from lnx_common.errors import PlantError


def load_kind(table: Mapping[str, str], name: str) -> Any:
    """The KIND of the module that ``table`` (kind -> module) names. KeyError for an unknown kind; PlantError 709 without its library."""
    try:
        return importlib.import_module(table[name]).KIND
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lnx_"):
            raise
        raise PlantError(
            709, where=f'type = "{name}"', found=f'no Python package "{error.name}"', expected="lnx-edge[collector]"
        ) from error
