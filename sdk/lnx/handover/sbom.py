"""The software bill of materials as CycloneDX 1.6 JSON (ECMA-424): this product and every installed package that it needs.

What is needed is read from the packages' own metadata, our extras included where they are installed, those for developers not; what merely
lies in the same environment is left out. ONNX Runtime's library is named with its hash, since the core loads it by path.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

PRODUCT = "lnx-edge"
NAMESPACE = UUID("6f1f3d8e-6a0a-5f3a-9d55-0c1a6e6b7f10")  # of our serial numbers
DEVELOPERS = "dev"  # the extra that no plant installs
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)""")


def canonical(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted_by(distribution: metadata.Distribution, name: str) -> list[str]:
    """Names of the packages that one package needs: always, or by one of our own extras."""
    names = set()
    for text in distribution.requires or []:
        match, extra = _NAME.match(text), _EXTRA.search(text)
        if match and (extra is None or (name == PRODUCT and extra[1] != DEVELOPERS)):
            names.add(canonical(match[1]))
    return sorted(names)


Find = Callable[[str], metadata.Distribution]  # raises PackageNotFoundError


def needed(
    root: str = PRODUCT, find: Find = metadata.distribution, inside: Sequence[str] = ()
) -> dict[str, tuple[metadata.Distribution, list[str]]]:
    """Packages that ``root`` needs and that ``find`` finds, itself first: name -> (distribution, names it needs in turn).

    In a packaged program also what else is inside: nothing lies there that does not belong to it. ``inside`` names that where the program
    is not the one that runs.
    """
    found: dict[str, tuple[metadata.Distribution, list[str]]] = {}
    waiting = [root, *inside]
    if getattr(sys, "frozen", False) and find is metadata.distribution:
        waiting += sorted(distribution.metadata["Name"] for distribution in metadata.distributions())
    while waiting:
        name = canonical(waiting.pop(0))
        if name in found:
            continue
        try:
            distribution = find(name)
        except metadata.PackageNotFoundError:
            continue  # an extra, or for another system
        wanted = wanted_by(distribution, name)
        found[name] = (distribution, wanted)
        waiting += wanted
    return {name: (distribution, [w for w in wanted if w in found]) for name, (distribution, wanted) in found.items()}


def licence_of(distribution: metadata.Distribution) -> list[dict[str, Any]]:
    """As the package states it: an SPDX expression, or its own words."""

    def told(field: str) -> list[str]:
        return [str(value) for value in distribution.metadata.get_all(field) or []]

    for expression in told("License-Expression"):
        return [{"expression": expression}]
    classifiers = [line.rpartition(" :: ")[2] for line in told("Classifier") if line.startswith("License :: ")]
    words = classifiers or [line for value in told("License") if (line := value.split("\n")[0].strip()[:100])]
    return [{"license": {"name": word}} for word in words]


def _components(packages: dict[str, tuple[metadata.Distribution, list[str]]]) -> Iterator[dict[str, Any]]:
    for name, (distribution, _) in packages.items():
        purl = f"pkg:pypi/{name}@{distribution.version}"
        component: dict[str, Any] = {
            "type": "application" if name == PRODUCT else "library",
            "bom-ref": purl,
            "name": name,
            "version": distribution.version,
            "purl": purl,
        }
        licences = licence_of(distribution)
        if licences:
            component["licenses"] = licences
        yield component


def _library(path: Path, version: str) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "type": "library",
        "bom-ref": f"file:{path.name}",
        "name": path.name,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def cyclonedx(
    moment: datetime,
    runtime: tuple[Path, str] | None = None,
    *,
    find: Find = metadata.distribution,
    others: Sequence[dict[str, Any]] = (),
    inside: Sequence[str] = (),
) -> dict[str, Any]:
    """The bill of materials.

    Args:
        moment: the time it is made, with its zone.
        runtime: path and version of the ONNX Runtime library in use.
        find: where packages are looked for; this Python's, unless another is being packaged.
        others: CycloneDX components that no Python package tells of.
        inside: packages that are inside, needed by another or not.
    """
    packages = needed(find=find, inside=inside)
    components = [*_components(packages), *others]
    if runtime is not None:
        components.append(_library(*runtime))
    product = next((component for component in components if component["name"] == PRODUCT), None)
    parts = [component for component in components if component is not product]
    refs = {name: f"pkg:pypi/{name}@{distribution.version}" for name, (distribution, _) in packages.items()}
    content = "\n".join(sorted(component["bom-ref"] for component in components)) + moment.isoformat()
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE, content)}",
        "version": 1,
        "metadata": {"timestamp": moment.isoformat(timespec="seconds")},
        "components": parts,
        "dependencies": [{"ref": refs[name], "dependsOn": [refs[w] for w in wanted]} for name, (_, wanted) in packages.items()],
    }
    if product is not None:
        document["metadata"]["component"] = product
    return document
