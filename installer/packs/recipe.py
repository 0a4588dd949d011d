"""common/runtime_packs.toml as typed values: what each pack is made of."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = "common/runtime_packs.toml"


@dataclass(frozen=True)
class Wheel:
    """One official package. ``take`` and ``leave`` (name -> reason) name every library inside; a new one is noticed."""

    distribution: str
    version: str
    sha256: str
    size: int
    licence: str
    take: tuple[str, ...]
    leave: dict[str, str]
    texts: tuple[str, ...]  # licence texts inside, as path patterns

    @property
    def label(self) -> str:
        return f"{self.distribution}-{self.version}"


@dataclass(frozen=True)
class Pack:
    """One pack: its needs (of the PC) and its wheels."""

    name: str
    onnxruntime: str
    needs: dict[str, Any]
    wheels: tuple[Wheel, ...]

    @property
    def folder(self) -> str:
        """Name of its folder, here and on the PC."""
        return f"{self.name}-{self.onnxruntime}"


@dataclass(frozen=True)
class Recipe:
    packs: dict[str, Pack]
    system: frozenset[str]  # libraries of Windows and of the driver, in lower case
    optional: dict[str, str]  # libraries that may be asked for by name and are not shipped -> why that is right


def load(root: Path) -> Recipe:
    told = tomllib.loads((root / SOURCE).read_text(encoding="utf-8"))
    wheels: dict[str, list[Wheel]] = {}
    for item in told["wheel"]:
        wheel = Wheel(
            item["distribution"],
            item["version"],
            item["sha256"],
            item["bytes"],
            item["licence"],
            tuple(item["take"]),
            dict(item.get("leave", {})),
            tuple(item["texts"]),
        )
        for pack in item["packs"]:
            wheels.setdefault(pack, []).append(wheel)
    needs = {pack["name"]: pack for pack in told["pack"]}
    needs["cpu"] = {"name": "cpu", "onnxruntime": told["cpu"]["onnxruntime"]}
    packs = {name: Pack(name, needs[name]["onnxruntime"], needs[name], tuple(wheels[name])) for name in ("cpu", "cu12", "cu13")}
    return Recipe(packs, frozenset(name.lower() for name in told["windows"]["libraries"]), dict(told["windows"]["optional"]))
