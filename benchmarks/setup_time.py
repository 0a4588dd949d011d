"""The Windows setup program under Wine: seconds to install, to upgrade, to repair and to remove, and the sizes of setup and packs.

With the packaged programs inside where `dev.py package --only windows` made them, else with SDK and CPU pack alone; made with zlib, so that
unpacking costs what it costs at a plant. Needs `dev.py windows` first. An upgrade is timed from the start of the setup to its end; the
services stand still for a part of it only. `--setups FOLDER` keeps the two setup programs there and takes those that it finds, so that
nothing but installing is timed; `--make` ends when they are made.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _report import ROOT, claim, report

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests/packages"))
from setup_plant import Pc

from installer import onedir, setup
from installer.packs import command
from tools.dev import windows, wine

INSTALL_TARGET_S, UPGRADE_TARGET_S = 60.0, 60.0
OLD, NEW = "0.9.9", "1.0.0"
ANSWERS = "[setup]\nfolder = C:\\설치 폴더\\LNX Edge\ncomponents = sdk, runtime, samples, docs\n"


def timed(name: str, act: Callable[[], int]) -> dict[str, Any]:
    begin = time.monotonic()
    status = act()
    if status != 0:
        raise SystemExit(f"{name} ended with status {status}")
    return {"step": name, "s": round(time.monotonic() - begin, 1), "load": round(os.getloadavg()[0], 1)}


def setups_in(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Path]:
    """The setup of each version, made where it is not there yet."""
    programs = programs_made()
    packs = tuple(command.packs())
    sdk = setup.sdk(folder / "sdk")
    made = {}
    for version in (OLD, NEW):
        begin = time.monotonic()
        made[version] = output = folder / f"lnx-edge-{version}-setup.exe"
        row: dict[str, Any] = {"step": f"setup {version}"}
        if not output.exists():
            setup.build(setup.Inputs(sdk, programs, packs), output, version=version, compressor="zlib", work=folder / version)
            row["build s"] = round(time.monotonic() - begin, 1)
        rows.append({**row, "MB": round(output.stat().st_size / 1e6, 1)})
    return made


def programs_made() -> Path | None:
    folder = onedir.folder_of("windows")
    return folder if (folder / "lnx.exe").exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setups", type=Path, help="folder of the two setup programs, made when it is empty")
    parser.add_argument("--make", action="store_true", help="make them and end")
    options, sys.argv[1:] = parser.parse_known_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="lnx-setup-") as scratch:
        folder = options.setups or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        made = setups_in(folder, rows)
        if options.make:
            return
        prefix = wine.copied(windows.PREFIX, windows.PREFIX.with_name("bench-prefix"))
        pc = Pc(wine.Wine(prefix, wine.KOREAN), setup.STEP)
        try:
            pc.wipe()
            rows.append(timed("install", lambda: pc.setup(made[OLD], ANSWERS)))
            rows.append(timed("upgrade", lambda: pc.setup(made[NEW], ANSWERS)))
            rows.append(timed("repair, nothing wrong", lambda: pc.setup(made[NEW], ANSWERS)))
            rows.append(timed("remove", pc.uninstall))
        finally:
            pc.wine.stop()
    for pack in sorted(command.OUTPUT.glob("c*-*")):
        rows.append({"step": f"pack {pack.name}", "MB": round(sum(p.stat().st_size for p in pack.rglob("*") if p.is_file()) / 1e6, 1)})
    seconds = {row["step"]: row["s"] for row in rows if "s" in row}
    inside = "with the programs" if programs_made() else "SDK and CPU pack"
    report(
        rows,
        [
            claim(f"install, {inside}", seconds["install"], "s", INSTALL_TARGET_S, at_least=False),
            claim(f"upgrade, {inside}", seconds["upgrade"], "s", UPGRADE_TARGET_S, at_least=False),
        ],
    )


if __name__ == "__main__":
    main()
