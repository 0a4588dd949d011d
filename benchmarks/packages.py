"""The packaged programs: size, time from the start of the agent's process until it works, and its memory when it has nothing to do.

Works = the agent says so in status.json: journal open, keys loaded, event folders read. Memory is the proportional set size (PSS) half a
minute later; the resident size, which counts shared libraries whole, stands beside it. Under Wine both hold Wine's own libraries too. Needs
`dev.py package` first; what is not made is left out.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from _report import ROOT, claim, report

sys.path.insert(0, str(ROOT))
from installer import onedir
from tools.dev import windows
from tools.dev.wine import BINARIES, Wine, windows_path

STARTS, IDLE_S, LONGEST_S = 10, 30.0, 120.0
START_TARGET_S, MEMORY_TARGET_MB = 3.0, 80.0
TOML = """
data = '{data}'
events = ['{events}']
reserve = "1MB"
[identity]
solution = "bench"
[seal]
heartbeat = "5s"
"""


def measure(words: list[str], env: dict[str, str], folder: Path, as_seen: Any, idle: float) -> dict[str, float]:
    """Starts an agent on an empty folder; seconds until it works, seconds of processor for that, and its memory after ``idle`` seconds."""
    (folder / "events").mkdir(parents=True)
    toml = folder / "agent.toml"
    toml.write_text(TOML.format(data=as_seen(folder / "data"), events=as_seen(folder / "events")), encoding="utf-8")
    begin = time.monotonic()
    process = subprocess.Popen([*words, as_seen(toml)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    status = folder / "data/status.json"
    try:
        while not running(status):
            if process.poll() is not None or time.monotonic() - begin > LONGEST_S:
                raise SystemExit(f"{words[-2]} did not start: {process.stdout.read().decode() if process.stdout else ''}")
            time.sleep(0.01)
        took = time.monotonic() - begin
        used = sum(psutil.Process(process.pid).cpu_times()[:2])
        time.sleep(idle)
        memory = psutil.Process(process.pid).memory_full_info()
        return {"start": took, "cpu": used, "pss": memory.pss / 1e6, "rss": memory.rss / 1e6}
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def running(status: Path) -> bool:
    try:
        return bool(json.loads(status.read_bytes())["running"])
    except (OSError, ValueError):
        return False


def rows_of(system: str, folder: Path, words: list[str], env: dict[str, str], as_seen: Any) -> dict[str, Any]:
    sizes = onedir.component_sizes(folder)
    with tempfile.TemporaryDirectory(prefix="lnx-packages-") as scratch:
        starts = [measure(words, env, Path(scratch) / str(n), as_seen, 0.0) for n in range(STARTS)]
        idle = measure(words, env, Path(scratch) / "idle", as_seen, IDLE_S)
    return {
        "system": system,
        "programs": ", ".join(path.stem for path in sorted(folder.glob("lnx*")) if path.is_file()),
        "MB": round(sum(sizes.values()) / 1e6, 1),
        "files": sum(1 for path in folder.rglob("*") if path.is_file()),
        "start s": round(statistics.median(one["start"] for one in starts), 2),
        "worst start s": round(max(one["start"] for one in starts), 2),
        "start CPU s": round(statistics.median(one["cpu"] for one in starts), 2),
        "idle PSS MB": round(idle["pss"], 1),
        "idle RSS MB": round(idle["rss"], 1),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    rows = []
    for programs in (onedir.PROGRAMS, onedir.QUICK):
        linux, for_windows = onedir.folder_of("linux", programs), onedir.folder_of("windows", programs)
        if (linux / "lnx-agent").exists():
            rows.append(rows_of("Linux", linux, [str(linux / "lnx-agent"), "run"], dict(os.environ), str))
        if (for_windows / "lnx-agent.exe").exists():
            wine = Wine(windows.PREFIX)
            words = [str(BINARIES / "wine64"), windows_path(for_windows / "lnx-agent.exe"), "run"]
            rows.append(rows_of("Windows under Wine", for_windows, words, wine.environment(), windows_path))
    claims = []
    for row in rows:
        name = f"packaged agent, {row['system']}, {row['MB']} MB folder"
        claims.append(claim(f"{name}: slowest start", row["worst start s"], "s", START_TARGET_S, at_least=False))
        claims.append(claim(f"{name}: idle memory (PSS)", row["idle PSS MB"], "MB", MEMORY_TARGET_MB, at_least=False))
    report(rows, claims)


if __name__ == "__main__":
    main()
