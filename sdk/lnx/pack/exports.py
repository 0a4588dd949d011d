"""What a folder that another project exported says: which graph, which preset, with which settings. Nothing is run or downloaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lnx.errors import LnxError


@dataclass(frozen=True)
class Export:
    """Everything that ``pack`` needs, and what was read where. Options given by the caller come before these."""

    model: Path
    preset: str
    options: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)


def find_graph(source: Path, places: tuple[str, ...], where: str, fix: str) -> Path:
    """``source`` itself, or the one ONNX file in the first of its folders ``places`` that has any. LNX-201 otherwise."""
    if source.is_file():
        return source
    for place in places:
        found = sorted((source / place).glob("*.onnx"))
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise LnxError(201, found=names, expected="one ONNX file", where=str(source / place), fix="name the file itself")
    raise LnxError(201, found="no ONNX file", expected=f"one in {' or '.join(places)}", where=f"{where} {source}", fix=fix)


def read_yaml(path: Path) -> Any:
    """A YAML document. LNX-201 when the file or PyYAML is missing, or it is no YAML."""
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise LnxError(
            201, found="no package PyYAML", expected="PyYAML, to read the export", where=str(path), fix="pip install pyyaml"
        ) from None
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        found = f"{type(error).__name__}: {error}"[:200]
        raise LnxError(201, found=found, expected="the settings of the export", where=str(path)) from None
