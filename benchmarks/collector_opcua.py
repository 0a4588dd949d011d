"""OPC UA at up to 5000 notifications per second from a node-opcua server into durable storage: CPU, memory, nothing left out.

The server is of another make and reaches its own limit at 3 to 5 thousand notifications per second on a small machine, so CPU per
notification is the figure to trust; the claim is what 5000 per second would take. Needs npm; the server is installed into .cache.
Memory is the peak; with LNX_BENCH_SECONDS=240 (default 20) it is that of rolling half a million samples, too.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from _memory import MemoryWatch
from _report import ROOT, claim, report
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian

SECONDS = float(os.environ.get("LNX_BENCH_SECONDS", "20"))
PEER = ROOT / "tests/collector/opcua"
CACHE = ROOT / ".cache/npm-opcua"
TAGS = 5000


def server(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """The server of the tests with many variables."""
    if not (CACHE / "node_modules").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PEER / name, CACHE / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=CACHE, check=True)
    shutil.copy(PEER / "server.js", CACHE / "server.js")
    command = ["node", str(CACHE / "server.js"), "0", "0", str(TAGS), str(folder / "pki")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    line = next(line for line in process.stdout if line.startswith("{"))
    return process, int(json.loads(line)["port"])


def configuration(folder: Path, port: int) -> Path:
    tags = "".join(f'[[source.tag]]\nname = "v{i}"\npath = "/Objects/line:Line1/line:v{i}"\nqueue = 5\n' for i in range(TAGS))
    path = folder / "collect.toml"
    path.write_text(
        f'[collector]\ndata = "{folder / "data"}"\nhttp = ""\n[[source]]\nname = "ua"\ntype = "opcua"\n'
        f'url = "opc.tcp://127.0.0.1:{port}"\ninterval = "500ms"\nnamespaces = {{ line = "urn:factory:line1" }}\n{tags}',
        encoding="utf-8",
    )
    return path


def stored(folder: Path) -> int:
    """Samples that are durable now, as another process sees them."""
    connection = sqlite3.connect(f"file:{folder / 'data/collector.sqlite'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT coalesce(max(seq), 0) FROM sample").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # not made yet
    finally:
        connection.close()


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        peer, port = server(folder)
        command = [sys.executable, "-m", "lnx_collector", "run", str(configuration(folder, port))]
        begin = time.monotonic()
        collector = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (folder / "data/collector.sqlite").exists() or stored(folder) < TAGS:
                time.sleep(0.1)
                if time.monotonic() - begin > 120:
                    raise SystemExit("the first values did not arrive within two minutes")
            first = time.monotonic() - begin
            assert peer.stdin
            peer.stdin.write(json.dumps({"change": {"count": TAGS, "ms": 1000}}) + "\n")
            peer.stdin.flush()
            time.sleep(5)
            watch = MemoryWatch(collector)
            times, count, since = collector.cpu_times(), stored(folder), time.monotonic()
            time.sleep(SECONDS)
            later, wall = collector.cpu_times(), time.monotonic() - since
            rows = stored(folder) - count
            cpu = sum(later[:4]) - sum(times[:4])  # user and system, of it and of the processes that worked on Parquet files for it
            watch.stop()
            memory = watch.peak
            rolled = len(list((folder / "data").rglob("*.parquet")))
        finally:
            collector.terminate()
            collector.wait(10)
            peer.kill()
            peer.wait()
        store = Historian(folder / "data", HistorianSettings(reserve=0))
        losses = [loss._asdict() for loss in store.losses()]
        store.close()
    micros = cpu / rows * 1e6
    row: dict[str, Any] = {
        "tags": TAGS,
        "notifications_per_s": round(rows / wall),
        "core_percent": round(100 * cpu / wall, 1),
        "cpu_us_per_notification": round(micros, 1),
        "memory_peak_mb": round(memory, 1),
        "memory_peak_with_parquet_process_mb": round(watch.peak_with_children, 1),
        "rolled_parts": rolled,
        "all_values_after_s": round(first, 1),
        "losses": sum(loss["samples"] for loss in losses),
    }
    claims = [
        claim("CPU of 5000 notifications/s into durable storage", micros * 5000 / 1e4, "% of a core", 40, at_least=False),
        claim("memory", memory, "MB", 150, at_least=False),
    ]
    report([row], claims)


if __name__ == "__main__":
    main()
