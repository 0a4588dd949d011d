"""An upstream that is dead while events come in, and kill -9 in the middle: what arrives in the end, beside rsyslog doing the same.

Both read the same kind of file, both have a disk queue, both deliver with acknowledgements (OTLP; RELP), both are killed at the same
random moments while their upstream is down half of the time. rsyslog's queue: Disk, syncQueueFiles on, checkpoint after each message.
"""

from __future__ import annotations

import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from _report import ROOT, claim, report
from lnx_common.events import EventFile

sys.path.insert(0, str(ROOT / "tests/agent"))
from agent_plant import RunningReceiver, agent_toml, receiver_settings, wait_for
from oracle import Outcome, run

KILLS, BACKLOG = 20, 100_000
SENDER = """
global(workDirectory="{work}")
module(load="imfile" mode="inotify")
module(load="omrelp")
input(type="imfile" File="{file}" Tag="bench" reopenOnTruncate="off" PersistStateInterval="1")
template(name="plain" type="string" string="%msg%\\n")
action(type="omrelp" target="127.0.0.1" port="{port}" template="plain" action.resumeRetryCount="-1" action.resumeInterval="1"
       queue.type="Disk" queue.filename="q" queue.syncQueueFiles="on" queue.checkpointInterval="1" queue.saveOnShutdown="on")
"""
TARGET = """
global(workDirectory="{work}")
module(load="imrelp")
template(name="plain" type="string" string="%rawmsg%\\n")
input(type="imrelp" port="{port}" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{out}" template="plain" asyncWriting="off" flushOnTXEnd="on") }}
"""


def rsyslog(folder: Path, name: str, text: str) -> subprocess.Popen[bytes]:
    config = folder / f"{name}.conf"
    config.write_text(text, encoding="utf-8")
    command = [shutil.which("rsyslogd") or "/usr/sbin/rsyslogd", "-n", "-f", str(config), "-i", str(folder / f"{name}.pid")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def peer(folder: Path) -> dict[str, Any]:
    """The kill loop with rsyslog as the agent."""
    chance = random.Random(7)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    work = {name: folder / name for name in ("sender", "target")}
    for path in work.values():
        path.mkdir(parents=True)
    source, out = folder / "events.log", folder / "received.log"
    texts = {
        "sender": SENDER.format(work=work["sender"], file=source, port=port),
        "target": TARGET.format(work=work["target"], port=port, out=out),
    }
    written = 0
    with source.open("a", encoding="utf-8") as file:
        for kill in range(KILLS):
            target = rsyslog(folder, "target", texts["target"]) if kill % 2 else None
            sender = rsyslog(folder, "sender", texts["sender"])
            end = time.monotonic() + chance.uniform(0.4, 1.2)
            while time.monotonic() < end:
                file.write(f"event {written:09d}\n")
                file.flush()
                written += 1
                time.sleep(0.001)
            sender.kill()
            sender.wait()
            (folder / "sender.pid").unlink(missing_ok=True)
            if target:
                target.terminate()
                target.wait()
    target, sender = rsyslog(folder, "target", texts["target"]), rsyslog(folder, "sender", texts["sender"])
    seen: Counter[str] = Counter()

    def arrived() -> int:
        seen.clear()
        seen.update(re.findall(r"event (\d{9})", out.read_text(encoding="utf-8", errors="replace")) if out.exists() else [])
        return len(seen)

    best, since = -1, time.monotonic()
    while time.monotonic() - since < 10 and arrived() < written:  # until nothing came for ten seconds
        if len(seen) > best:
            best, since = len(seen), time.monotonic()
        time.sleep(0.5)
    for process in (sender, target):
        process.terminate()
        process.wait()
    version = subprocess.run(["rsyslogd", "-v"], capture_output=True, text=True, check=False).stdout
    repeated = sum(count - 1 for count in seen.values())
    return {"who": " ".join(version.split()[:2]), "kills": KILLS, "events": written, "lost": written - len(seen), "repeated": repeated}


def ours(folder: Path) -> dict[str, Any]:
    """The same with the agent: the oracle's kills with a bad line."""
    outcome: Outcome = run(7, KILLS, "upstream", folder)
    doubled = len(outcome.doubled)
    return {"who": "lnx-agent", "kills": outcome.kills, "events": outcome.obligations, "lost": len(outcome.lost), "repeated": doubled}


def drain(folder: Path) -> dict[str, Any]:
    """A backlog that grew while the upstream was dead: memory while it grows and drains, and how fast it drains."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    toml = agent_toml(folder / "plant", f"http://127.0.0.1:{port}", uplink="receipts = false")
    agent = subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(toml)])
    process = psutil.Process(agent.pid)
    events = EventFile("inspection", folder / "plant/events")
    status = folder / "plant/data/status.json"

    def told(name: str) -> Callable[[], bool]:
        return lambda: status.exists() and f'"{name}": ' in status.read_text(encoding="utf-8")

    try:
        wait_for(told("accepted"))
        marks = []
        for part in range(4):
            for n in range(BACKLOG // 4):
                events.write("lnx.error", {"status": part * BACKLOG // 4 + n, "model": "surface-defects"})
            time.sleep(3)
            marks.append(process.memory_info().rss / 1e6)
        there = RunningReceiver(receiver_settings(folder / "receiver", port=port))
        begin = time.monotonic()
        store = there.receiver.store

        def stored() -> int:
            with store.lock:
                return int(store.connection().execute("SELECT count(*) FROM record").fetchone()[0])

        wait_for(lambda: stored() > 0, 120)
        first, begin = stored(), time.monotonic()
        wait_for(lambda: stored() >= BACKLOG, 300)
        seconds = time.monotonic() - begin
        after = process.memory_info().rss / 1e6
        there.stop()
    finally:
        agent.terminate()
        agent.wait(10)
    return {
        "who": "drain",
        "events": BACKLOG,
        "drain_per_s": round((BACKLOG - first) / seconds),
        "rss_mb": [round(m, 1) for m in [*marks, after]],
    }


def main() -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        rows.append(ours(Path(place) / "ours"))
        rows.append(drain(Path(place) / "drain"))
        if shutil.which("rsyslogd") or Path("/usr/sbin/rsyslogd").exists():
            rows.append(peer(Path(place) / "peer"))
        else:
            rows.append({"who": "rsyslog is not installed: apt-get install rsyslog rsyslog-relp"})
    memory = rows[1]["rss_mb"]
    claims = [
        claim("events lost by the agent", rows[0]["lost"], "", 0, at_least=False),
        claim("memory growth over outage and drain", max(memory) - memory[0], "MB", 10.0, at_least=False),
        claim("drain rate", rows[1]["drain_per_s"], "records/s", 2000, at_least=True),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
