"""Modbus collection at 1 Hz: requests per second, CPU per tag and memory at 100, 1000 and 5000 tags, beside two peers.

Every collector reads the same libmodbus server, which counts the requests. collectd (Debian: collectd-core) runs when it is installed;
ThingsBoard Gateway when `python -m venv .cache/tb-gateway` has thingsboard-gateway 3.8.5. collectd writes CSV files without syncing,
ThingsBoard Gateway keeps values in memory; ours syncs each second of samples to disk. The last row is ours without a device for the
time of LNX_BENCH_OUTAGE seconds (default 60), for its memory; an hour that ends meanwhile is rolled to Parquet.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from _memory import MemoryWatch
from _report import ROOT, claim, report

SECONDS = float(os.environ.get("LNX_BENCH_SECONDS", "20"))
OUTAGE = float(os.environ.get("LNX_BENCH_OUTAGE", "60"))
TB_GATEWAY = ROOT / ".cache/tb-gateway/bin/python"


class Server:
    """The libmodbus server of the tests."""

    def __init__(self, program: Path, port: int = 0) -> None:
        self._process = subprocess.Popen([str(program), "tcp", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def requests(self) -> int:
        assert self._process.stdin
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        return int(self._line())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def build_server(folder: Path) -> Path:
    program = folder / "server"
    source = ROOT / "tests/collector/modbus/libmodbus_server.c"
    subprocess.run(["gcc", "-O1", "-I/usr/include/modbus", str(source), "-o", str(program), "-lmodbus", "-lpthread"], check=True)
    return program


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(
    name: str, tags: int, command: list[str], folder: Path, server: Server, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Starts a collector in a folder of its own (a peer leaves its logs where it starts), lets it settle, and watches it for SECONDS."""
    started = time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = psutil.Popen(command, cwd=folder, env={**os.environ, **(environment or {})}, **quiet)
    try:
        while not server.requests():
            if time.monotonic() - started > 60 or process.poll() is not None:
                return {"collector": name, "tags": tags, "note": "did not start reading"}
            time.sleep(0.02)
        first = time.monotonic() - started
        time.sleep(5)
        begin, used, asked = time.monotonic(), cpu(process), server.requests()
        time.sleep(SECONDS)
        wall = time.monotonic() - begin
        core = (cpu(process) - used) / wall
        return {
            "collector": name,
            "tags": tags,
            "requests_per_s": round((server.requests() - asked) / wall, 1),
            "core_percent": round(100 * core, 2),
            "cpu_us_per_tag": round(core / tags * 1e6, 1),
            "memory_mb": round(process.memory_info().rss / 1e6, 1),
            "first_request_s": round(first, 2),
        }
    finally:
        process.kill()
        process.wait()


def ours(folder: Path, tags: int, port: int) -> list[str]:
    listed = "".join(f'[[source.tag]]\nname = "plc.t{i}"\naddress = {i}\n' for i in range(tags))
    text = f'[collector]\ndata = "{folder / "data"}"\nhttp = ""\n[[source]]\nname = "plc"\ntype = "modbus-tcp"\n'
    text += f'host = "127.0.0.1"\nport = {port}\n'
    (folder / "collect.toml").write_text(text + "backoff_max = 1\n" + listed, encoding="utf-8")
    return [sys.executable, "-m", "lnx_collector", "run", str(folder / "collect.toml")]


def collectd(folder: Path, tags: int, port: int) -> list[str]:
    data = "".join(f'<Data "t{i}">\nRegisterBase {i}\nRegisterType Uint16\nType gauge\nInstance "t{i}"\n</Data>\n' for i in range(tags))
    collect = "".join(f'Collect "t{i}"\n' for i in range(tags))
    (folder / "collectd.conf").write_text(
        f'Hostname "bench"\nFQDNLookup false\nBaseDir "{folder}"\nPIDFile "{folder}/pid"\nInterval 1\n'
        'TypesDB "/usr/share/collectd/types.db"\n'
        f'LoadPlugin csv\nLoadPlugin modbus\n<Plugin csv>\nDataDir "{folder}/csv"\n</Plugin>\n<Plugin modbus>\n{data}'
        f'<Host "plc">\nAddress "127.0.0.1"\nPort "{port}"\nInterval 1\n<Slave 1>\nInstance "plc"\n{collect}</Slave>\n</Host>\n</Plugin>\n',
        encoding="utf-8",
    )
    return ["/usr/sbin/collectd", "-f", "-C", str(folder / "collectd.conf")]


def thingsboard(folder: Path, tags: int, port: int) -> list[str]:
    """One Modbus connector, values into the memory store; the platform it would send to does not exist."""
    series = [{"tag": f"t{i}", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": i} for i in range(tags)]
    slave = {
        "host": "127.0.0.1",
        "port": port,
        "type": "tcp",
        "method": "socket",
        "timeout": 5,
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "retries": True,
        "retryOnEmpty": True,
        "retryOnInvalid": True,
        "pollPeriod": 1000,
        "unitId": 1,
        "deviceName": "plc",
        "sendDataOnlyOnChange": False,
        "connectAttemptTimeMs": 5000,
        "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 1000,
        "attributes": [],
        "timeseries": series,
        "attributeUpdates": [],
        "rpc": [],
    }
    (folder / "modbus.json").write_text(json.dumps({"master": {"slaves": [slave]}}), encoding="utf-8")
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": 1,
            "security": {"accessToken": "none"},
            "remoteShell": False,
            "remoteConfiguration": False,
        },
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100000},
        "connectors": [{"name": "m", "type": "modbus", "configuration": "modbus.json"}],
    }
    (folder / "tb_gateway.json").write_text(json.dumps(gateway), encoding="utf-8")
    return [str(TB_GATEWAY), "-c", "from thingsboard_gateway.tb_gateway import main; main()"]


def outage(folder: Path, program: Path) -> dict[str, Any]:
    """Our memory before and after OUTAGE seconds without the device."""
    server = Server(program)
    process = psutil.Popen(ours(folder, 1000, server.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(8)
        before = process.memory_info().rss / 1e6
        server.stop()
        watch = MemoryWatch(process)
        time.sleep(OUTAGE)
        watch.stop()
        return {
            "collector": "lnx",
            "outage_s": OUTAGE,
            "memory_before_mb": round(before, 1),
            "memory_after_mb": round(process.memory_info().rss / 1e6, 1),
            "memory_peak_mb": round(watch.peak, 1),
            "parquet_processes": len(watch.children),
            "memory_peak_with_parquet_process_mb": round(watch.peak_with_children, 1),
        }
    finally:
        process.kill()
        process.wait()


def main() -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        program = build_server(Path(name))
        for tags in (100, 1000, 5000):
            subjects = [("lnx", ours, None)]
            if shutil.which("collectd", path="/usr/sbin:/usr/bin"):
                subjects.append(("collectd 5.12", collectd, None))
            if TB_GATEWAY.exists() and tags <= 1000:
                subjects.append(("thingsboard-gateway 3.8.5", thingsboard, "TB_GW_CONFIG_DIR"))
            for subject, prepare, variable in subjects:
                folder = Path(name) / f"{subject.split()[0]}-{tags}"
                folder.mkdir()
                server = Server(program)
                environment = {variable: f"{folder}/"} if variable else None
                rows.append(measure(subject, tags, prepare(folder, tags, server.port), folder, server, environment))
                server.stop()
        (Path(name) / "outage").mkdir()
        rows.append(outage(Path(name) / "outage", program))
    thousand = next(row for row in rows if row["collector"] == "lnx" and row.get("tags") == 1000)
    claims = [
        claim("requests per second at 1000 tags", thousand["requests_per_s"], "1/s", 8.2, at_least=False),
        claim("CPU at 1000 tags", thousand["core_percent"], "% of a core", 4, at_least=False),
        claim("memory gained in an outage", rows[-1]["memory_after_mb"] - rows[-1]["memory_before_mb"], "MB", 10, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
