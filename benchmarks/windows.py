"""The cross-built lnx.dll: its size and imports, LoadLibrary to first verdict, and the time of a run beside the Linux build.

Needs what `python3 dev.py windows` prepares. Times under Wine say nothing about a real Windows PC; side by side with Linux on the same
machine they show that nothing of ours is slow there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from _report import ROOT, claim, report

sys.path.insert(0, str(ROOT))
from tools.demo import pack_demo
from tools.dev import machine, windows, windows_assets
from tools.dev.wine import Wine, windows_path

RUNS = "100"
ROUNDS = 3


def middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over the rounds."""
    return {name: sorted(told[name] for told in rounds)[len(rounds) // 2] for name in rounds[0]}


def main() -> None:
    library = windows.BUILD / "native/lnx.dll"
    if not library.exists():
        sys.exit("build/mingw is missing: python3 dev.py windows")
    rows, medians = [], {}
    version = machine.RUNTIMES[0]
    wine = Wine(windows.PREFIX)
    with tempfile.TemporaryDirectory() as folder:
        model, _, key, _ = pack_demo(Path(folder))
        linux = ROOT / "build/release/native"
        on_linux = [linux / "bench_first_verdict", linux / "liblnx.so", model, key, RUNS]
        env = {**os.environ, "LNX_RUNTIME_DIR": str(machine.runtime_folder(version))}
        told: dict[str, list[dict[str, float]]] = {"linux": [], "wine": []}
        for _ in range(ROUNDS):  # in turns, so that other load falls on both
            told["linux"].append(json.loads(subprocess.run(on_linux, env=env, capture_output=True, text=True, check=True).stdout))
            words = (windows_path(library), model, key, RUNS)
            given = {"LNX_RUNTIME_DIR": windows_path(windows_assets.runtime_folder(version))}
            told["wine"].append(
                json.loads(wine.run(windows.BUILD / "native/bench_first_verdict.exe", *words, env=given, check=True).stdout)
            )
        for system, rounds in told.items():
            medians[system] = middle(rounds)
            rows.append({"system": system, **{f"{name}_ms": value for name, value in medians[system].items()}})
    dump = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", library], capture_output=True, text=True, check=True).stdout
    imports = sorted({name.lower() for name in re.findall(r"DLL Name: (\S+)", dump)})
    rows.append({"system": "lnx.dll", "bytes": library.stat().st_size, "imports": " ".join(imports)})
    claims = [
        claim("size of lnx.dll", library.stat().st_size / 1e6, "MB", 3.0, at_least=False),
        claim("libraries that lnx.dll imports", len(imports), "", 5, at_least=False),
        claim("run under Wine / run on Linux", medians["wine"]["run_median"] / medians["linux"]["run_median"], "x", 1.25, at_least=False),
        claim("LoadLibrary to first verdict under Wine", medians["wine"]["first_verdict"], "ms", 1000, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
