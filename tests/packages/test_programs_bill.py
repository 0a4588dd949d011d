"""The bill of materials of the setup: every package and every library of others that lies in the packaged programs is named."""

from __future__ import annotations

import json
from pathlib import Path

from lnx.handover.sbom import canonical

from installer import bom, bundled, onedir, setup
from tools.dev import windows_assets


def test_everything_inside_the_programs_is_in_the_bill(made_for_windows: Path, tmp_path: Path) -> None:
    sites = [onedir.WINDOWS_PYTHON / windows_assets.SITE, onedir.WINDOWS_PYTHON / "Lib/site-packages"]
    bom.write(tmp_path, setup.moment(), [], sites, setup.VERSION, made_for_windows)
    components = json.loads((tmp_path / "sbom.cdx.json").read_text("utf-8"))["components"]
    named = {component["name"] for component in components}
    packages = {canonical(path.name.split("-")[0]) for path in made_for_windows.glob("_internal/*.dist-info")} - {"lnx-edge"}
    assert packages and packages <= named
    files = {path.name for path in made_for_windows.rglob("*.dll")} - set(bundled.OURS)
    assert files <= named
    assert [component["name"] for component in components if not component.get("licenses")] == []
    notices = (tmp_path / "THIRD-PARTY-NOTICES.txt").read_text("utf-8")
    assert [name for name in packages if f"\n{name} " not in notices.lower()] == []
