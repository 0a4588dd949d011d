"""Bill of materials (CycloneDX 1.6) and third-party notices of the setup program: everything inside it, with version, hash and licence.

Sources: the packages that the frozen programs are made from, the manifests of the runtime packs, and what is linked into lnx.dll and
the setup itself, as Debian's packages tell it. A licence text that cannot be found ends the build.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from installer import bundled
from installer.packs.assemble import MANIFEST

# name in the bill -> (Debian package, licence, where it is)
LINKED = {
    "nlohmann-json": ("nlohmann-json3-dev", "MIT", "lnx.dll"),
    "libstdc++ and libgcc": ("g++-mingw-w64-x86-64-posix", "GPL-3.0-or-later WITH GCC-exception-3.1", "lnx.dll"),
    "mingw-w64 runtime": ("mingw-w64-x86-64-dev", "ZPL-2.1", "lnx.dll"),
    "NSIS": ("nsis", "Zlib", "the setup program"),
}


def _debian(package: str) -> tuple[str, str]:
    """Version and licence text of an installed Debian package."""
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        sys.exit(f"the package {package} is needed for the notices")
    text = Path("/usr/share/doc", package, "copyright")
    if not text.exists():
        sys.exit(f"{package} has no licence text at {text}")
    return asked.stdout.strip(), text.read_text(encoding="utf-8")


def _linked() -> Iterator[tuple[dict[str, Any], str]]:
    for name, (package, licence, where) in LINKED.items():
        version, text = _debian(package)
        component = {"type": "library", "bom-ref": f"pkg:deb/debian/{package}@{version}", "name": name, "version": version}
        yield {**component, "licenses": [{"expression": licence}], "description": f"in {where}"}, text


def _of_packs(packs: list[Path]) -> Iterator[tuple[dict[str, Any], str]]:
    for folder in packs:
        told = json.loads((folder / MANIFEST).read_text("utf-8"))
        for item in told["components"]:
            label = f"{item['name']}-{item['version']}"
            texts = [path.read_text("utf-8", errors="replace") for path in sorted((folder / "licenses" / label).iterdir())]
            files = [entry for entry in told["files"] if entry["from"] == label]
            component = {
                "type": "library",
                "bom-ref": f"pkg:pypi/{item['name']}@{item['version']}?pack={told['pack']}",
                "name": item["name"],
                "version": item["version"],
                "purl": f"pkg:pypi/{item['name']}@{item['version']}",
                "hashes": [{"alg": "SHA-256", "content": item["sha256"]}],
                "licenses": [{"expression": item["licence"]}],
                "description": f"runtime pack {told['pack']}: " + ", ".join(entry["name"] for entry in files),
            }
            yield component, "\n".join(texts)


def _texts_of(distribution: metadata.Distribution) -> str:
    """Licence texts that a package carries; its own words about its licence where it carries none."""
    texts = []
    for file in distribution.files or []:
        name = file.name.upper()
        if ".dist-info" in str(file) and name.startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS")):
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                texts.append(path.read_text(encoding="utf-8", errors="replace"))
    told = distribution.metadata
    return "\n".join(texts) or f"{told.get('License-Expression') or told.get('License') or 'see'} {told.get('Home-page') or ''}\n"


def finder(folders: list[Path]) -> Callable[[str], metadata.Distribution]:
    """Finds packages in these folders alone."""
    from lnx.handover.sbom import canonical

    known: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions(path=[str(folder) for folder in folders]):
        known.setdefault(canonical(distribution.metadata["Name"]), distribution)

    def find(name: str) -> metadata.Distribution:
        if name not in known:
            raise metadata.PackageNotFoundError(name)
        return known[name]

    return find


def write(target: Path, moment: datetime, packs: list[Path], site_packages: list[Path], version: str, programs: Path | None = None) -> None:
    """Writes sbom.cdx.json into `target`, and the notices beside it.

    Args:
        moment: of the build, with its zone.
        packs: folders of the packs inside.
        site_packages: folders with the packages of the frozen programs; none when there are no programs inside.
        programs: the folder of the frozen programs, whose packages and libraries are all named.
    """
    from lnx.handover.sbom import cyclonedx, needed

    inside = bundled.packages(programs) if programs and site_packages else []

    find = finder(site_packages)
    others = [*_linked(), *_of_packs(packs)]
    parts = [component for component, _ in others]
    if site_packages:
        parts.append(
            {"type": "framework", "bom-ref": "cpython", "name": "CPython", "version": "3.11.9", "licenses": [{"expression": "Python-2.0"}]}
        )
    if programs is not None and site_packages:
        parts += bundled.libraries(programs)
    bom = cyclonedx(moment, find=find, others=parts, inside=inside)
    bom["metadata"]["component"] = {"type": "application", "bom-ref": f"lnx-edge-setup@{version}", "name": "lnx-edge", "version": version}
    target.mkdir(parents=True, exist_ok=True)
    (target / "sbom.cdx.json").write_text(json.dumps(bom, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    texts = {component["name"]: (component["version"], text) for component, text in others}
    texts |= {name: (dist.version, _texts_of(dist)) for name, (dist, _) in needed(find=find, inside=inside).items() if name != "lnx-edge"}
    rule = "=" * 100
    with (target / "THIRD-PARTY-NOTICES.txt").open("w", encoding="utf-8", newline="\r\n") as file:
        file.write("LNX Edge contains the following software of others.\nLNX Edge에는 다음의 제3자 소프트웨어가 포함되어 있습니다.\n")
        for name, (number, text) in sorted(texts.items(), key=lambda item: item[0].lower()):
            file.write(f"\n{rule}\n{name} {number}\n{rule}\n{text.strip()}\n")
