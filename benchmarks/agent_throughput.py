"""What one event costs from the event file to the receiver's answer, how long a durable accept takes, and bytes on the wire."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from _report import ROOT, claim, figures, report
from lnx_common.durable_log import DurableLog
from lnx_common.events import EventFile

sys.path.insert(0, str(ROOT / "tests/agent"))
from agent_plant import agent_toml, receiver_settings, running_receiver, wait_for

RATE, SECONDS = 2000, 20
WARM_UP_S = 3.0


def attributes(n: int) -> dict[str, object]:
    """Ten attributes, as a run summary has them."""
    latency = 8000 + n * 7919 % 900
    return {
        "model": "surface-defects",
        "session": "4711-1795248705288",
        "runs": 60 + n % 5,
        "ok": 55,
        "ng": n % 3,
        "review": n % 2,
        "latency_p50_us": latency,
        "latency_p95_us": latency + 400,
        "latency_p99_us": latency + 700,
        "latency_max_us": latency + 1500,
    }


def steadily(events: EventFile, first: int, seconds: float) -> int:
    """Writes RATE events per second in pieces of 20 ms; returns how many."""
    begin, written = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        while written < elapsed * RATE:
            events.write("lnx.run.summary", attributes(first + written))
            written += 1
        time.sleep(0.02)
    return written


def accept_times(folder: Path) -> list[float]:
    """Microseconds of a durable append while three other threads append too."""
    stop = threading.Event()
    times: list[float] = []
    with DurableLog(folder / "accept.db") as log:

        def others() -> None:
            while not stop.wait(0.01):
                log.append([b"x" * 250] * 5)

        for _ in range(3):
            threading.Thread(target=others, daemon=True).start()
        for _ in range(500):
            begin = time.perf_counter()
            log.append([b"x" * 250])
            times.append((time.perf_counter() - begin) * 1e6)
            time.sleep(0.005)
        stop.set()
        time.sleep(0.1)
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running_receiver(receiver_settings(folder / "receiver")) as there:
            toml = agent_toml(folder / "plant", there.url, uplink="receipts = false")
            text = toml.read_text(encoding="utf-8").replace('after = "2s"', 'after = "1h"').replace('size = "100kB"', 'size = "4MB"')
            toml.write_text(
                text.replace('checkpoint = "1s"', 'checkpoint = "10s"').replace('heartbeat = "1s"', 'heartbeat = "10s"'), encoding="utf-8"
            )
            agent = subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(toml)])
            try:
                events = EventFile("inspection", folder / "plant/events")
                written = steadily(events, 0, WARM_UP_S)
                process = psutil.Process(agent.pid)
                before, begin = sum(process.cpu_times()[:2]), time.monotonic()
                written += (count := steadily(events, written, SECONDS))
                status = folder / "plant/data/status.json"
                wait_for(lambda: json.loads(status.read_bytes())["uplinks"][0]["records"] >= written, 60)
                cpu, elapsed = sum(process.cpu_times()[:2]) - before, time.monotonic() - begin
                memory = process.memory_info().rss / 1e6
                uplink = json.loads(status.read_bytes())["uplinks"][0]
            finally:
                agent.terminate()
                agent.wait(10)
        accept = figures(accept_times(folder))
    per_event = cpu / count * 1e6
    wire = uplink["wire_bytes"] / uplink["records"]
    rows = [
        {"what": "end to end", "events_per_s": round(count / elapsed), "cpu_us_per_event": round(per_event, 1), "rss_mb": round(memory, 1)},
        {"what": "durable accept", **accept},
        {"what": "wire", "gzip_bytes_per_record": round(wire, 1), "records_per_request": round(uplink["records"] / uplink["requests"])},
    ]
    claims = [
        claim("CPU of the agent at 2000 events/s", per_event * RATE / 1e4, "% of a core", 12.0, at_least=False),
        claim("durable accept, 99th percentile", accept["p99_ms"], "ms", 60.0, at_least=False),
        claim("wire bytes per record", wire, "B", 35.0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
