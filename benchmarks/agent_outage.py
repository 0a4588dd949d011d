"""An upstream that is dead half of the time, and kill -9: what arrives in the end, of the agent and of rsyslog and syslog-ng.

All of them read a file to which one program writes an event per millisecond, all have a disk queue, and all get the same faults: the same
random lives, ended by kill -9, every other one with the upstream down; then the upstream stays and nobody dies any more. What did not
arrive ten seconds after the last new event is lost; repeated is what the reader of the upstream sees twice. How each is set up stands in
_outage_peers.py.

Then 30 days without an upstream at 10,000 records a day: the memory of the agent while they lie there, while more comes, and while
they drain.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from _outage_peers import Contender, LnxAgent, Rsyslog, SyslogNg, free_port, syslog_ng
from _report import ROOT, claim, report
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.ledger import Ledger
from lnx_agent.receiver.archive import query
from lnx_agent.record import draft
from lnx_common.events import EventFile

sys.path.insert(0, str(ROOT / "tests/agent"))
from agent_plant import RunningReceiver, agent_toml, receiver_settings, wait_for

KILLS, SEED = 20, 7
DAYS, PER_DAY, LIVE = 30, 10_000, 25_000
SECOND = 10**9


def contest(one: Contender) -> dict[str, Any]:
    """The same lives and outages for everybody."""
    chance = random.Random(SEED)
    written = 0
    for life in range(KILLS):
        up = life % 2 == 1
        if up:
            one.upstream(True)
        one.start()
        end = time.monotonic() + chance.uniform(1.0, 2.5)
        while time.monotonic() < end:
            one.write(written)
            written += 1
            time.sleep(0.001)
        one.kill()
        if up:
            one.upstream(False)
    one.upstream(True)
    one.start()
    seen = one.seen()
    changed = time.monotonic()
    while time.monotonic() - changed < 10 and len(seen) < written:
        time.sleep(0.5)
        now = one.seen()
        if len(now) > len(seen):
            changed = time.monotonic()
        seen = now
    one.kill()
    one.upstream(False)
    repeated = sum(count - 1 for count in seen.values())
    return {"who": one.name, "kills": KILLS, "events": written, "lost": written - len(seen), "repeated": repeated}


def thirty_days(data: Path) -> None:
    """What has gathered in the agent's folder after so long: sealed every hour."""
    ledger = Ledger(data, AgentKeys(data / "keys").signer)
    step = DAYS * 86400 * SECOND // (DAYS * PER_DAY)
    now = [time.time_ns() - DAYS * 86400 * SECOND]
    ledger.live.journal._clock = lambda: now[0]
    per_hour = PER_DAY // 24
    for first in range(0, DAYS * PER_DAY, per_hour):
        rows = []
        for n in range(first, min(first + per_hour, DAYS * PER_DAY)):
            now[0] += step
            rows.append(draft("lnx.run.summary", {"model": "surface-defects", "session": "1-1", "runs": n, "ng": n % 9}, now[0], now[0]))
        ledger.live.append(rows)
        ledger.live.seal(1 << 40)
    ledger.live.close()


def drain(folder: Path) -> dict[str, Any]:
    """30 days that wait for their upstream: memory while more comes and while they drain, and how fast they drain."""
    port = free_port()
    toml = agent_toml(folder / "plant", f"http://127.0.0.1:{port}", uplink="receipts = false")
    begin = time.monotonic()
    thirty_days(folder / "plant/data")
    gathered = time.monotonic() - begin
    backlog = DAYS * PER_DAY
    agent = subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(toml)])
    process = psutil.Process(agent.pid)
    events = EventFile("inspection", folder / "plant/events")
    status = folder / "plant/data/status.json"

    def told(name: str) -> Callable[[], bool]:
        return lambda: status.exists() and f'"{name}": ' in status.read_text(encoding="utf-8")

    try:
        wait_for(told("accepted"))
        marks = []
        for part in range(3):
            for n in range(LIVE if part else 0):
                events.write("lnx.error", {"status": part * LIVE + n, "model": "surface-defects"})
            time.sleep(5)
            marks.append(process.memory_info().rss / 1e6)
        there = RunningReceiver(receiver_settings(folder / "receiver", port=port))
        begin = time.monotonic()

        def delivered() -> int:
            """As the agent tells every second; counting the rows would take the receiver's time."""
            return int(json.loads(status.read_bytes())["uplinks"][0]["records"])

        wait_for(lambda: delivered() > 0, 120)
        first, begin = delivered(), time.monotonic()
        wait_for(lambda: delivered() >= backlog, 900)
        seconds = time.monotonic() - begin
        _, rows = query(there.receiver.store, "SELECT count(*) FROM records")  # some lie in Parquet by now
        if int(rows[0][0]) < backlog:
            raise SystemExit("what the agent calls delivered is not there")
        after = process.memory_info().rss / 1e6
        there.stop()
    finally:
        agent.terminate()
        agent.wait(10)
    return {
        "who": "30 days",
        "gathered_s": round(gathered, 1),
        "events": backlog + 2 * LIVE,
        "drain_per_s": round((backlog - first) / seconds),
        "rss_mb": [round(m, 1) for m in [*marks, after]],
    }


def main() -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        folder = Path(place)
        rows.append(contest(LnxAgent(folder / "agent")))
        rows.append(drain(folder / "drain"))
        if shutil.which("rsyslogd") or Path("/usr/sbin/rsyslogd").exists():
            rows.append(contest(Rsyslog(folder / "rsyslog")))
        else:
            rows.append({"who": "rsyslog is not installed: apt-get install rsyslog rsyslog-relp"})
        program = syslog_ng(ROOT / ".cache")
        rows.append(contest(SyslogNg(folder / "syslog-ng", program)) if program else {"who": "syslog-ng could not be had"})
    memory = rows[1]["rss_mb"]
    claims = [
        claim("events lost by the agent", rows[0]["lost"], "", 0, at_least=False),
        claim("memory growth over outage and drain", max(memory) - memory[0], "MB", 10.0, at_least=False),
        claim("drain rate", rows[1]["drain_per_s"], "records/s", 2000, at_least=True),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
