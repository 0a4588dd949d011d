"""Three simulated years: size on disk, time to verify, time to start with damaged storage. Measured on a part, said for the whole.

Times are wall clock, so other work on the machine makes them longer; CPU seconds are beside them. The plain twin is measured on a tenth.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from _report import ROOT, claim, report
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.evidence.scan import PlainScanner
from lnx_agent.evidence.verify import verify_folder
from lnx_agent.ledger import Ledger
from lnx_agent.record import draft
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import DECLARED, segments_in

sys.path.insert(0, str(ROOT / "benchmarks"))
from agent_throughput import attributes

RECORDS = 300_000
THREE_YEARS = 3 * 365 * 86400  # at one record per second
SECOND = 10**9


def fill(folder: Path) -> Ledger:
    """A log with one record per second, in segments of 4 MB, that ends now."""
    ledger = Ledger(folder, AgentKeys(folder / "keys").signer)
    now = [time.time_ns() - RECORDS * SECOND]
    ledger.live.journal._clock = lambda: now[0]
    for first in range(0, RECORDS, 100):
        now[0] += 100 * SECOND
        times = [now[0] - (99 - n) * SECOND for n in range(100)]
        ledger.live.append(
            [draft("lnx.run.summary", attributes(first + n), ns, ns, f"p-1-1:{first + n + 1}") for n, ns in enumerate(times)]
        )
        if ledger.live.unsealed() >= 16_000:
            ledger.live.seal(1 << 40)
    ledger.live.seal(1 << 40)
    return ledger


def plain(ledger: Ledger) -> dict[str, object]:
    """The plain twin on a few segments."""
    count, cpu = 0, time.process_time()
    for segment in segments_in(ledger.live.folder)[: RECORDS // 160_000 + 1]:
        scanner = PlainScanner(ledger.live.id, tuple(sorted(DECLARED)), 0, ())
        for block in SegmentReader(segment.path).blocks():
            if block is None or not scanner.take(block):
                raise SystemExit("a fresh segment should be whole")
        count += scanner.count
    cpu = time.process_time() - cpu
    return {"what": "scan, plain twin", "records": count, "cpu_us_per_record": round(cpu / count * 1e6, 3)}


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        begin = time.monotonic()
        ledger = fill(folder)
        filled = time.monotonic() - begin
        rows = [{"what": "accept and seal", "seconds": round(filled, 2), "records_per_s": round(RECORDS / filled)}]
        times, work = {}, {}
        for name, quick in (("every record hashed", False), ("signed files", True)):
            cpu = time.process_time()
            answer = verify_folder(folder, quick=quick)
            cpu = time.process_time() - cpu
            if not answer.complete:
                raise SystemExit(f"the log should be complete: {answer.problems[:3]}")
            times[name], work[name] = answer.seconds / RECORDS * 1e8, cpu / RECORDS * 1e8
            per_record = {"cpu_us_per_record": round(cpu / RECORDS * 1e6, 3), "records_per_s": round(RECORDS / answer.seconds)}
            rows.append({"what": f"verify, {name}", "seconds": round(answer.seconds, 2), "cpu_s": round(cpu, 2), **per_record})
        rows.append(plain(ledger))
        size = sum(segment.path.stat().st_size for segment in segments_in(ledger.live.folder)) / RECORDS
        rows.append({"what": "disk", "bytes_per_record": round(size, 1), "three_years_at_1_per_s_gb": round(size * THREE_YEARS / 1e9, 2)})
        ledger.live.append([draft("agent.heartbeat", {"accepted": n}, 1, 1) for n in range(3600)])
        ledger.live.close()
        journal = ledger.live.folder / "journal.db"
        raw = bytearray(journal.read_bytes())
        for page in range(3, len(raw) // 4096, 5):
            raw[page * 4096 + 500 : page * 4096 + 600] = bytes(100)
        journal.write_bytes(raw)
        begin = time.monotonic()
        forked = Ledger(folder, ledger.signer)
        restart = time.monotonic() - begin
        rows.append({"what": "start with a damaged journal", "seconds": round(restart, 2), "new_stream": forked.live.id != ledger.live.id})
        forked.live.close()
    claims = [
        claim("verify 100 M records, signed files (extrapolated)", times["signed files"], "s", 60.0, at_least=False),
        claim("verify 100 M records, every record hashed (extrapolated)", times["every record hashed"], "s", 60.0, at_least=False),
        claim("the same, CPU seconds on two cores", work["every record hashed"] / 2, "s", 60.0, at_least=False),
        claim("three years at 1 record/s", size * THREE_YEARS / 1e9, "GB", 3.5, at_least=False),
        claim("start with a damaged journal", restart, "s", 5.0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
