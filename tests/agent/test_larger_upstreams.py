"""The configurations of docs/receivers as they are shipped: the Collector with ClickHouse's exporter and table, and with a Kafka broker.

What is replaced is where things lie: addresses, certificates, the token, the queue. Needed are programs that CI does not have:

    go install go.opentelemetry.io/collector/cmd/builder@v0.165.0 && builder --config tests/agent/otelcol/builder.yaml
    python3 -m venv .cache/log-peers && .cache/log-peers/bin/pip install chdb==4.4.0 confluent-kafka
    mvn -f tests/agent/otelcol/pom.xml dependency:copy-dependencies -DoutputDirectory=$PWD/.cache/kafka

and LNX_OTELCOL (the program that was built), or `.cache/otelcol-lnx`. ClickHouse is chDB, its engine as a Python package, behind
otelcol/clickhouse_http.py; Kafka is the real broker (KRaft, one node).
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from agent_plant import TOKEN, agent_toml, certificate, running_agent, wait_for
from lnx_agent.agent import Agent
from lnx_common.events import EventFile
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).with_name("otelcol")
COLLECTOR = Path(os.environ.get("LNX_OTELCOL", ROOT / ".cache/otelcol-lnx"))
PEERS = Path(os.environ.get("LNX_LOG_PEERS", ROOT / ".cache/log-peers")) / "bin/python"
KAFKA = Path(os.environ.get("LNX_KAFKA", ROOT / ".cache/kafka"))
needs_clickhouse = pytest.mark.skipif(not (COLLECTOR.exists() and PEERS.exists()), reason="the head of this file says what is needed")
needs_kafka = pytest.mark.skipif(
    not (COLLECTOR.exists() and PEERS.exists() and KAFKA.exists() and shutil.which("java")),
    reason="the head of this file says what is needed",
)
EVENTS = 700


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(said: Path, *command: object) -> Iterator[subprocess.Popen[bytes]]:
    with said.open("ab") as file:
        child = subprocess.Popen([str(word) for word in command], stdout=file, stderr=file)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def shipped(name: str, folder: Path, port: int, *places: tuple[str, str]) -> Path:
    """A shipped configuration with this machine's places."""
    cert, key = certificate(folder)
    text = (ROOT / "docs/receivers" / name).read_text(encoding="utf-8")
    common = (
        ("0.0.0.0:4318", f"127.0.0.1:{port}"),
        ("/etc/otelcol/server.crt", str(cert)),
        ("/etc/otelcol/server.key", str(key)),
        ("/etc/otelcol/plants-ca.crt", str(cert)),
        ("/etc/otelcol/token", str(folder / "token")),
        ("/var/lib/otelcol/queue", str(folder / "queue")),
    )
    (folder / "queue").mkdir(exist_ok=True)
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    for old, new in (*common, *places):
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text + "  telemetry: { metrics: { level: none } }\n", encoding="utf-8")
    return path


class ClickHouse:
    """chDB behind HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, statement: str) -> list[str]:
        url = f"http://127.0.0.1:{self.port}/"
        wrapped = f"SELECT toString(tuple(*)) AS row FROM ({statement})" if statement.startswith("SELECT") else statement
        with urllib.request.urlopen(urllib.request.Request(url, wrapped.encode()), timeout=60) as answer:
            return re.findall(r"\(([^()]*)\)", answer.read().decode("utf-8", "replace"))

    def make_tables(self) -> None:
        text = (ROOT / "docs/receivers/clickhouse.sql").read_text(encoding="utf-8")
        lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        for statement in filter(str.strip, lines.split(";")):
            self.ask(statement)


@needs_clickhouse
def test_every_record_is_in_the_clickhouse_table_once_though_the_database_and_the_collector_die(tmp_path: Path) -> None:
    port, ch = free_port(), ClickHouse(free_port())
    settings = shipped(
        "collector-clickhouse.yaml", tmp_path, port, ("tcp://127.0.0.1:9000", f"http://127.0.0.1:{ch.port}?compress=none\n    timeout: 60s")
    )
    said, events = tmp_path / "said", EventFile("inspection", tmp_path / "plant/events")

    def write(first: int) -> None:
        for n in range(first, first + EVENTS):
            events.write("lnx.run.summary", {"model": "한글", "runs": n, "brightness": n / 7, "score_histogram": [n, 0, 1]})

    def database() -> AbstractContextManager[subprocess.Popen[bytes]]:
        return process(said, PEERS, HERE / "clickhouse_http.py", tmp_path / "clickhouse", ch.port)

    def collector() -> AbstractContextManager[subprocess.Popen[bytes]]:
        return process(said, COLLECTOR, "--config", f"file:{settings}")

    toml = agent_toml(tmp_path / "plant", f"https://localhost:{port}", ca=tmp_path / "localhost.crt")
    with running_agent(toml) as agent:
        with database():
            wait_for(lambda: answers(ch.port))
            ch.make_tables()
            with collector():
                write(0)
                wait_for(lambda: rows(ch) >= EVENTS)
        with collector():  # the database is away: the collector's queue on the disk takes them
            write(EVENTS)
            wait_for(lambda: delivered_all(agent))
        with database():
            wait_for(lambda: answers(ch.port))
            with collector():  # it looks for the column EventName once, when it starts
                wait_for(lambda: rows(ch) >= 2 * EVENTS)
                wait_for(lambda: delivered_all(agent))
                count = agent.ledger.live.next_seq - 20  # the newest are on their way
                wait_for(lambda: highest(ch) >= count)
                ch.ask("OPTIMIZE TABLE lnx.otel_logs FINAL")
                once = ch.ask("SELECT count(), uniqExact(Stream, Seq), min(Seq) FROM lnx.otel_logs FINAL")
                total, unique, least = (int(value) for value in once[0].split(","))
                assert (total, least) == (unique, 0)
                assert ch.ask("SELECT * FROM lnx.holes") == []
                runs = "SELECT sum(toUInt64(LogAttributes['runs'])), count() FROM lnx.otel_logs FINAL WHERE EventName = 'lnx.run.summary'"
                assert ch.ask(runs) == [f"{sum(range(2 * EVENTS))},{2 * EVENTS}"]


def rows(ch: ClickHouse) -> int:
    time.sleep(1)  # the engine serves one at a time, and the Collector comes first
    return int(ch.ask("SELECT uniqExact(Seq) FROM lnx.otel_logs WHERE EventName = 'lnx.run.summary'")[0])


def highest(ch: ClickHouse) -> int:
    return int(ch.ask("SELECT max(Seq) FROM lnx.otel_logs")[0])


def delivered_all(agent: Agent) -> bool:
    live = agent.ledger.live
    return agent.uplinks[0].status.delivered.get(live.id, 0) >= live.next_seq - 20  # heartbeats keep coming


KAFKA_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{other}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{other}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
"""


@needs_kafka
def test_every_record_is_in_the_kafka_topic_byte_for_byte(tmp_path: Path) -> None:
    port, broker, other = free_port(), free_port(), free_port()
    properties = tmp_path / "server.properties"
    properties.write_text(KAFKA_SETTINGS.format(port=broker, other=other, folder=tmp_path / "kafka"), encoding="utf-8")
    java = ("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{KAFKA}/*")
    made = subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", properties], capture_output=True
    )
    assert made.returncode == 0, made.stderr
    settings = shipped("collector-kafka.yaml", tmp_path, port, ("127.0.0.1:9092", f"127.0.0.1:{broker}"))
    said, events = tmp_path / "said", EventFile("inspection", tmp_path / "plant/events")
    cert, key = tmp_path / "localhost.crt", tmp_path / "localhost.key"
    toml = agent_toml(tmp_path / "plant", f"https://localhost:{port}", ca=cert, uplink=f"client_cert = '{cert}'\nclient_key = '{key}'")
    with (
        running_agent(toml) as agent,
        process(said, *java, "kafka.Kafka", properties),
        process(said, COLLECTOR, "--config", f"file:{settings}"),
    ):
        for n in range(EVENTS):
            events.write("lnx.run.summary", {"model": "한글", "runs": n, "brightness": n / 7, "score_histogram": [n, 0, 1]})
        wait_for(lambda: answers(broker))
        wait_for(lambda: delivered_all(agent) and agent.ledger.live.next_seq > EVENTS)
        there: dict[str, bytes] = {}

        def arrived() -> bool:
            command = [PEERS, HERE / "kafka_read.py", f"127.0.0.1:{broker}", "lnx-logs"]
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
            for line in done.stdout.splitlines():
                there.update(_records(base64.b64decode(line)))
            return sum(1 for body in there.values() if b"lnx.run.summary" in body) == EVENTS

        wait_for(arrived, 180)
        live = agent.ledger.live
        ours: dict[str, bytes] = {}
        while entries := agent.ledger.read(live.id, len(ours), 10**6):
            ours.update({f"{live.id}:{entry.seq:012d}": entry.body for entry in entries})
        assert all(ours.get(uid, body) == body for uid, body in there.items())
        assert len(set(there) & set(ours)) >= EVENTS


def _records(message: bytes) -> dict[str, bytes]:
    request = ExportLogsServiceRequest.FromString(message)
    records = [record for one in request.resource_logs for scope in one.scope_logs for record in scope.log_records]
    return {next(p.value.string_value for p in r.attributes if p.key == "log.record.uid"): r.SerializeToString() for r in records}
