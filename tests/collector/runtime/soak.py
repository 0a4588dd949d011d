"""The collector at twice its design load, with a fault every so often, for as long as wanted: `dev.py soak --hours 24`.

Load      2000 Modbus tags at 1 Hz, and 50 MQTT messages a second with a number of their own each.
Faults    in turn: the Modbus device goes away for a while; the broker does; the collector is killed; the device answers late.
Truth     a message that the broker has acknowledged to its sender is an obligation: its number must be in the historian.

The outcome: nothing lost, sequence numbers without a hole, file descriptors and memory that do not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
import paho.mqtt.publish as publish
import psutil
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from peers import Broker, Server, build_modbus_server, start_modbus_server

TAGS = 2000
MESSAGES_PER_SECOND = 50
AWAY = 3.0
SETTLE = 60.0
PATIENCE = 60.0
HOUR = 3600


@dataclass
class Outcome:
    """What came of it. Memory in MB; the slope is over the lives that lasted, without the first minute of each."""

    seconds: float = 0.0
    faults: int = 0
    kills: int = 0
    obligations: int = 0
    lost: int = 0
    repeated: int = 0
    samples: int = 0
    holes: int = 0
    losses: list[str] = field(default_factory=list)
    memory_mb: float = 0.0
    memory_slope_mb_per_hour: float = 0.0
    descriptors_first: int = 0
    descriptors_last: int = 0

    def line(self) -> str:
        return (
            f"{self.seconds:.0f} s, {self.faults} faults, {self.kills} kills: {self.samples} samples, {self.obligations} messages, "
            f"{self.lost} lost, {self.repeated} repeated, {self.holes} holes; {self.memory_mb:.1f} MB, "
            f"{self.memory_slope_mb_per_hour:+.2f} MB/h, {self.descriptors_first} -> {self.descriptors_last} descriptors"
        )


class Sender:
    """Publishes numbers; those that the broker has acknowledged are obligations."""

    def __init__(self, port: int) -> None:
        self.acknowledged: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="soak-sender", clean_session=False)
        self._client.on_publish = lambda client, data, mid, code, properties: self.acknowledged.add(self._numbers.get(mid, -1))
        self._client.reconnect_delay_set(1, 1)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        n = 0
        while not self._ending.wait(1 / MESSAGES_PER_SECOND):
            n += 1
            told = self._client.publish("soak/count", str(n), qos=1)
            self._numbers[told.mid] = n

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(60)
        time.sleep(1)  # the last acknowledgements
        self._client.disconnect()
        self._client.loop_stop()
        self.acknowledged.discard(-1)


def configuration(folder: Path, modbus: int, broker: int) -> Path:
    tags = "".join(f'[[source.tag]]\nname = "plc.t{i}"\naddress = {i}\n' for i in range(TAGS))
    path = folder / "collect.toml"
    path.write_text(
        f'[collector]\ndata = "data"\nhttp = ""\n[historian]\nreserve = 0\npart_rows = 200000\n'
        f'[[source]]\nname = "mq"\ntype = "mqtt"\nhost = "127.0.0.1"\nport = {broker}\nbackoff_max = 1\n'
        '[[source.tag]]\nname = "count"\ntopic = "soak/count"\nformat = "number"\nkind = "int"\n'
        f'[[source]]\nname = "plc"\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {modbus}\nbackoff_max = 1\n{tags}',
        encoding="utf-8",
    )
    return path


class Soak:
    """One run."""

    def __init__(self, folder: Path, fault_every: float) -> None:
        self._folder = folder
        self._every = fault_every
        self._program = build_modbus_server(folder)
        self._device: Server = start_modbus_server(self._program)
        self._port = self._device.port
        self._broker = Broker(folder / "broker")
        self._configuration = configuration(folder, self._port, self._broker.port)
        self.outcome = Outcome()
        self._slopes: list[tuple[float, float]] = []
        self._life: list[tuple[float, float]] = []
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "lnx_collector", "run", str(self._configuration)]
        self._collector = psutil.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "LNX_EVENT_DIR": ""}
        )
        self._born = time.monotonic()
        self._life = []

    def run(self, seconds: float) -> Outcome:
        faults = (self._device_away, self._broker_away, self._kill, self._late)
        begin, next_fault = time.monotonic(), time.monotonic() + self._every
        self._until_subscribed()
        sender = Sender(self._broker.port)
        try:
            while (now := time.monotonic()) - begin < seconds:
                if now >= next_fault and now - begin < seconds - 2 * AWAY:
                    faults[self.outcome.faults % len(faults)]()
                    self.outcome.faults += 1
                    next_fault = time.monotonic() + self._every
                self._look()
                time.sleep(0.5)
            sender.stop()
            self._until_stored(max(sender.acknowledged))
            self._end_life()
            self._collector.send_signal(signal.SIGTERM)
            self._collector.wait(30)
        finally:
            if self._collector.poll() is None:
                self._collector.kill()
            self._device.stop()
            self._broker.stop()
        self.outcome.seconds = time.monotonic() - begin
        self._judge(sender.acknowledged)
        return self.outcome

    def _until_subscribed(self) -> None:
        """Messages of before the first subscription are nobody's."""
        deadline = time.monotonic() + PATIENCE
        while self._newest() is None:
            assert time.monotonic() < deadline and self._collector.poll() is None, "the collector does not begin"
            publish.single("soak/count", "0", qos=1, port=self._broker.port)
            time.sleep(0.5)

    def _until_stored(self, last: int) -> None:
        """What is on its way arrives; what does not is judged to be lost."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and (self._newest() or 0) < last:
            time.sleep(0.2)

    def _newest(self) -> int | None:
        """The last number that is stored; None when there is none."""
        database = self._folder / "data/collector.sqlite"
        if not database.exists():
            return None
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            query = "SELECT value FROM sample WHERE tag = (SELECT id FROM tag WHERE name = 'count') ORDER BY seq DESC LIMIT 1"
            row = connection.execute(query).fetchone()
        except sqlite3.OperationalError:  # not made yet
            row = None
        finally:
            connection.close()
        return row and int(row[0])

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _device_away(self) -> None:
        self._device.stop()
        time.sleep(AWAY)
        self._device = start_modbus_server(self._program, "tcp", str(self._port))

    def _broker_away(self) -> None:
        self._broker.stop()
        time.sleep(AWAY)
        self._broker.start()

    def _kill(self) -> None:
        self._end_life()
        self._collector.kill()
        self._collector.wait(60)
        self.outcome.kills += 1
        self._start()

    def _late(self) -> None:
        self._device.tell("late 1 1500")
        time.sleep(AWAY)
        self._device.tell("late 1 0")

    # ── what it takes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> None:
        assert self._collector.poll() is None, "the collector ended by itself"
        age = time.monotonic() - self._born
        self.outcome.memory_mb = self._collector.memory_info().rss / 1e6
        descriptors = self._collector.num_fds()
        self.outcome.descriptors_last = descriptors
        if age > min(SETTLE, self._every / 2):
            self.outcome.descriptors_first = self.outcome.descriptors_first or descriptors
            self._life.append((age, self.outcome.memory_mb))

    def _end_life(self) -> None:
        if len(self._life) > 20 and self._life[-1][0] - self._life[0][0] > SETTLE:
            (begin, before), (end, after) = self._life[0], self._life[-1]
            self._slopes.append(((after - before) / (end - begin) * HOUR, end - begin))

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, obligations: set[int]) -> None:
        store = Historian(self._folder / "data", HistorianSettings(reserve=0))
        found: dict[int, int] = {}
        cursor, total = 0, 0
        while rows := store.rows_after(cursor, 20_000):
            self.outcome.holes += rows[-1].seq - cursor - len(rows)
            for row in rows:
                if row.sample.tag == "count" and isinstance(row.sample.value, int):
                    found[row.sample.value] = found.get(row.sample.value, 0) + 1
            total += len(rows)
            cursor = rows[-1].seq
        self.outcome.losses = [f"{loss.source} {loss.reason} {loss.samples}" for loss in store.losses()]
        store.close()
        self.outcome.samples = total
        self.outcome.obligations = len(obligations)
        self.outcome.lost = len(obligations - found.keys())
        self.outcome.repeated = sum(times - 1 for number, times in found.items() if number)
        weight = sum(seconds for _, seconds in self._slopes)
        self.outcome.memory_slope_mb_per_hour = sum(slope * seconds for slope, seconds in self._slopes) / weight if weight else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Soak test of the collector; ends with one line that says what was lost.")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--fault-every", type=float, default=HOUR, help="seconds between faults (default: 3600)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        outcome = Soak(Path(name), options.fault_every).run(options.hours * HOUR)
    print(json.dumps(asdict(outcome)) if options.json else outcome.line())
    return 1 if outcome.lost or outcome.holes else 0


if __name__ == "__main__":
    sys.exit(main())
