"""The oracle: it knows every event that was handed over, kills the agent as the seed says, and compares at the end.

An event becomes an obligation when its line is in the event file. After the faults have stopped:
(a) every obligation was delivered at least once, (b) with equal attributes, (c) exactly once after the receiver's dedupe,
(d) nothing was invented, (e) a fresh event passes, (f) what is missing is declared, and nothing is declared that did not happen.

    python oracle.py --kills 100 [--seed 7] [--fault kill|operation|upstream|damage|power|lies]    the last line says what was lost

Power cuts take everything that was not flushed from the agent's disk; with "lies" the disk has also said that it flushed when it did not.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import oracle_plan
from agent_plant import RunningReceiver, agent_toml, ended, receiver_settings, wait_for
from aiohttp import web
from disk_faults import FailingDisk
from lnx_agent.receiver.server import Receiver
from lnx_agent.record import Parsed
from lnx_common.events import EventFile
from oracle_plan import Damage, Life

PROCESS_FAULTS = ("kill", "operation", "upstream", "damage")
DISK_FAULTS = ("power", "lies")
FAULTS = PROCESS_FAULTS + DISK_FAULTS
READ_AGAIN = ("damage", "lies")  # what these destroy comes again under other numbers; `lnx.source` tells that it is the same
KILLS_OF_A_RUN = 25
EVENTS_OF_A_LIFE = 1500
DOOMED = Path(__file__).with_name("doomed.py")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HostileReceiver(Receiver):
    """The receiver behind a bad line: answers get lost after the commit, proxies answer instead, limits change."""

    seed: int | None = None
    portal = False
    _requests = itertools.count()

    def application(self) -> web.Application:
        application = super().application()
        application.middlewares.append(self._meddle)
        return application

    @web.middleware
    async def _meddle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        trick = oracle_plan.trick(self.seed, next(self._requests)) if self.seed is not None and request.path == "/v1/logs" else 99
        if trick == 0 or self.portal:
            return web.Response(text="<html>log in</html>", content_type="text/html")
        if trick == 1:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "0"})
        if trick == 2:
            raise web.HTTPTooManyRequests(headers={"Retry-After": "garbage"})
        if trick == 3 and (request.content_length or 0) > 2000:
            raise web.HTTPRequestEntityTooLarge(2000, request.content_length or 0)
        if trick == 4:
            raise web.HTTPUnauthorized
        answer = await handler(request)
        if trick in (5, 6, 7) and request.transport:
            request.transport.abort()  # committed, but the agent never hears of it
        return answer


@dataclass
class Outcome:
    """What the oracle saw."""

    obligations: int = 0
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    declared: Counter[str] = field(default_factory=Counter)
    holes: list[str] = field(default_factory=list)
    slowest_start: float = 0.0

    repeats_allowed: bool = False

    def faultless(self) -> bool:
        doubled = self.doubled and not self.repeats_allowed
        return not (self.lost or self.changed or doubled or self.invented or self.holes)

    def line(self) -> str:
        declared = ", ".join(f"{name} {count}" for name, count in sorted(self.declared.items())) or "nothing"
        return (
            f"{self.kills} kills, {self.obligations} events: lost {len(self.lost)}, changed {len(self.changed)}, "
            f"doubled {len(self.doubled)}, invented {len(self.invented)}, undeclared holes {len(self.holes)}; "
            f"declared: {declared}; slowest start {self.slowest_start:.1f} s"
        )


class Producer:
    """Programs that write events, so many in each life of the agent however long it lasts; knows what it wrote."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder, self._chance = folder, chance
        self.truth: dict[str, int] = {}
        self._stop = threading.Event()
        self._count = self._allowed = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        number = 0
        while not self._stop.is_set():
            program = EventFile(f"press{number}", self._folder)
            number += 1
            for _ in range(self._chance.randrange(50, 1500)):
                while self._count >= self._allowed and not self._stop.wait(0.01):
                    pass
                self.write(program)
                if self._stop.wait(self._chance.choice((0, 0, 0, 0.001, 0.004))):
                    break
            program.close()

    def allow(self, more: int) -> None:
        """Lets the programs write so many more."""
        self._allowed = self._count + more

    def write(self, program: EventFile) -> None:
        seq = program.write("lnx.error", {"status": self._count, "model": f"model {self._count % 7}"})
        self.truth[f"{program._stem}:{seq}"] = self._count
        self._count += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)
        if self._thread.is_alive():
            raise TimeoutError("the programs that write events do not end")


def run(seed: int, kills: int, fault: str, folder: Path) -> Outcome:
    """One run of the oracle; what is done to the agent follows from the seed and the fault (oracle_plan.py)."""
    outcome = Outcome(repeats_allowed=fault in READ_AGAIN)
    settings = receiver_settings(folder / "receiver")
    HostileReceiver.seed, HostileReceiver._requests = (seed if fault == "upstream" else None), itertools.count()
    receiver = RunningReceiver(settings, HostileReceiver)
    toml = agent_toml(folder / "plant", receiver.url, uplink="batch_records = 100")
    disk = _disk_of(folder) if fault in ("power", "lies") else None
    producer = Producer(folder / "plant/events", random.Random(f"{seed} {fault} producer"))
    try:
        for number in range(kills):
            producer.allow(EVENTS_OF_A_LIFE)
            life = oracle_plan.life(seed, fault, number)
            _one_life(toml, fault, life, outcome, disk)
            if fault == "damage":
                _damage(folder / "plant/data", life.damage)
        producer.stop()
        HostileReceiver.seed = None
        _change_settings(toml, 100, slip=False)
        _judge(toml, folder, producer, receiver, outcome)
    finally:
        producer.stop()
        receiver.stop()
    return outcome


def _disk_of(folder: Path) -> FailingDisk:
    data = folder / "plant/data"
    data.mkdir(parents=True)
    return FailingDisk(data, folder / "disk")


def _start(toml: Path, countdown: int, disk: FailingDisk | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(DOOMED), str(toml), str(countdown)]
    return subprocess.Popen(command, env=disk.environment() if disk else None, stderr=subprocess.DEVNULL)


def _one_life(toml: Path, fault: str, life: Life, outcome: Outcome, disk: FailingDisk | None) -> None:
    with disk.failing("fsync-lies") if disk and life.lying else contextlib.nullcontext():
        _until_killed(toml, fault, life, disk)
    outcome.kills += 1
    if disk is not None:
        disk.cut_power()


def _until_killed(toml: Path, fault: str, life: Life, disk: FailingDisk | None) -> None:
    status, born = toml.parent / "data/status.json", time.time()
    child = _start(toml, life.countdown, disk)
    try:
        if life.countdown:
            wait_for(lambda: child.poll() is not None or _begun(status, born), 60, fail=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(2.5)
            return
        if not life.early:  # else it dies while it begins
            wait_for(lambda: _begun(status, born), 60, fail=False)
        time.sleep(life.seconds)
        if fault == "kill":
            _change_settings(toml, life.settings, slip=life.slip)
            time.sleep(life.settle)  # two looks take a second
    finally:
        ended(child)


def _begun(status: Path, born: float) -> bool:
    """Whether an agent that was started at ``born`` works."""
    try:
        return status.stat().st_mtime > born
    except OSError:
        return False


def _change_settings(toml: Path, batch: int, *, slip: bool) -> None:
    """Other numbers, and sometimes a slip of the pen that the next change mends."""
    text = toml.read_text(encoding="utf-8").replace("[seal\n", "[seal]\n")
    text = re.sub(r"batch_records = \d+", f"batch_records = {batch}", text)
    toml.write_text(text.replace("[seal]", "[seal") if slip else text, encoding="utf-8")


def _damage(data: Path, damage: Damage) -> None:
    """Flips a bit of one of the agent's files while it is down, cuts it, or removes it. No file of the kind, no damage."""
    files = sorted(path for path in data.glob(damage.files) if path.stat().st_size)
    if not files:
        return
    path = files[int(damage.which * len(files))]
    raw = bytearray(path.read_bytes())
    at = int(damage.where * len(raw))
    if damage.kind == "removed":
        path.unlink()
    elif damage.kind == "cut":
        path.write_bytes(raw[:at])
    else:
        raw[at] ^= 1 << damage.bit
        path.write_bytes(raw)


def _judge(toml: Path, folder: Path, producer: Producer, receiver: RunningReceiver, outcome: Outcome) -> None:
    outcome.obligations = len(producer.truth)
    begin = time.monotonic()
    child = _start(toml, 0)
    try:
        status = folder / "plant/data/status.json"
        born = time.time()
        wait_for(lambda: _begun(status, born), 120)  # a busy machine; how long it took is told
        outcome.slowest_start = time.monotonic() - begin
        last = EventFile("last", folder / "plant/events")
        producer.write(last)
        wait_for(lambda: f"{last._stem}:1" in {r.source for r in receiver.records().values()}, 400)
        _wait_while_something_comes(producer, receiver)
        outcome.obligations = len(producer.truth)
    finally:
        child.terminate()
        child.wait(120)
    _compare(producer.truth, receiver.records(), outcome)


def _wait_while_something_comes(producer: Producer, receiver: RunningReceiver, quiet_s: float = 60, longest_s: float = 400) -> None:
    """Until everything is there, or nothing new has come for ``quiet_s``: a slow machine is not a loss."""
    begin = changed = time.monotonic()
    count = -1
    while (now := time.monotonic()) - changed < quiet_s and now - begin < longest_s:
        sources = {record.source for record in receiver.records().values()}
        if set(producer.truth) <= sources:
            return
        if len(sources) != count:  # the agent's own records never stop coming
            count, changed = len(sources), now
        time.sleep(0.2)


def _compare(truth: dict[str, int], stored: dict[tuple[str, int], Parsed], outcome: Outcome) -> None:
    seen = Counter(record.source for record in stored.values() if record.source)
    outcome.lost = sorted(set(truth) - set(seen))
    outcome.invented = sorted(set(seen) - set(truth))
    outcome.doubled = sorted(source for source, count in seen.items() if count > 1)
    for record in stored.values():
        n = truth.get(record.source)
        if record.source and n is not None and record.attributes != {"status": n, "model": f"model {n % 7}"}:
            outcome.changed.append(record.source)
    declared: set[tuple[str, int]] = set()
    ends: dict[str, int] = {}
    for (stream, seq), record in stored.items():
        ends[stream] = max(ends.get(stream, 0), seq + 1)
        if record.event in ("agent.gap", "agent.loss", "agent.fork", "agent.dead_letter"):
            outcome.declared[record.event] += 1
        if record.event == "agent.loss":
            attributes = record.attributes
            declared |= {(str(attributes["stream"]), n) for n in range(int(attributes["from_seq"]), int(attributes["to_seq"]) + 1)}
        if record.event == "agent.dead_letter":
            declared.add((str(record.attributes["stream"]), int(record.attributes["seq"])))
    for stream, end in ends.items():
        outcome.holes += [f"{stream}:{n}" for n in range(end) if (stream, n) not in stored and (stream, n) not in declared]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--seeds-file", type=Path, default=Path(__file__).with_name("failing-seeds.txt"))
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    whole = Outcome()
    failed = False
    faults = options.fault or list(FAULTS)
    share = max(1, options.kills // len(faults))
    for fault in faults:
        for n, first in enumerate(range(0, share, KILLS_OF_A_RUN)):
            kills = min(KILLS_OF_A_RUN, share - first)
            folder = Path(tempfile.mkdtemp(prefix="oracle-"))
            outcome = run(seed + n, kills, fault, folder)
            print(f"{fault}, seed {seed + n}: {outcome.line()}", flush=True)
            whole.kills += outcome.kills
            whole.obligations += outcome.obligations
            whole.lost += outcome.lost
            if outcome.faultless():
                shutil.rmtree(folder, ignore_errors=True)
                continue
            failed = True
            with options.seeds_file.open("a", encoding="utf-8") as file:
                file.write(f"{fault} {seed + n} {kills}\n")
            print(f"  kept in {folder}; seed added to {options.seeds_file.name}")
    print(f"agent: {whole.kills} kills, {whole.obligations} events accepted, {len(whole.lost)} lost")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
