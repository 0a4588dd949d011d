"""Makes the wheel for Windows from the cross-built extension and lnx.dll.

The sources are exported as git knows them, so that nothing built for this machine gets into the wheel. The wheel is for the minor version
of Python that runs this, because the extension is (docs/decisions/python-on-windows.md).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.dev.machine import PYTHON, ROOT, run, say


def make_wheel(build: Path, output: Path) -> Path:
    """The wheel of what lies in the mingw build folder. Returns its path; older wheels in `output` are removed."""
    say("making the wheel for Windows")
    source, prebuilt = build / "wheel/source", build / "wheel/prebuilt"
    for folder in (source, prebuilt, output):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for package in ("lnx", "lnx_agent"):
        (prebuilt / package).mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    wanted = ("sdk/", "common/", "licensing/", "collector/", "agent/", "setup.py", "pyproject.toml", "README", "LICENSE", "VERSION")
    for name in listed:
        if name.startswith(wanted) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    shutil.copy2(build / "native/lnx.dll", prebuilt / "lnx")
    for extension, package in (("_core", "lnx"), ("_scan", "lnx_agent")):
        for path in (build / "native").glob(f"{extension}.*.pyd"):
            shutil.copy2(path, prebuilt / package)
    command = [PYTHON, "-m", "pip", "wheel", "-q", "--no-deps", "--config-settings=--build-option=--plat-name=win_amd64"]
    run([*command, "-w", output, source], env={"LNX_PREBUILT": str(prebuilt)})
    return next(output.glob("*.whl"))
