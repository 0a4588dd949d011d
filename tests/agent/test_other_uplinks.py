"""File drop, MQTT and the smart-factory log service are fed from the same ledger and lose nothing in silence."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import paho.mqtt.client as paho
import pytest
from agent_plant import wait_for
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lnx_agent.delivery.backoff import Pace
from lnx_agent.delivery.http import Endpoint
from lnx_agent.evidence.notes import Signer, opened
from lnx_agent.ledger import Ledger
from lnx_agent.record import draft, of_message
from lnx_agent.uplinks.base import Lent
from lnx_agent.uplinks.file_drop import FileDrop
from lnx_agent.uplinks.mqtt import Broker, Mqtt
from lnx_agent.uplinks.smartfactory_log import SmartFactoryLog, Table
from lnx_common.service import StopSignal
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from paho.mqtt.enums import CallbackAPIVersion

SIGNER = Signer("agent", Ed25519PrivateKey.generate())
SEOUL = ZoneInfo("Asia/Seoul")


class Lab:
    """A ledger with one uplink on it; what the uplink tells is kept."""

    def __init__(self, folder: Path) -> None:
        self.now = time.time_ns()
        self.ledger = Ledger(folder / "data", SIGNER)
        self.ledger.live.journal._clock = lambda: self.now
        self.told: list[tuple[str, dict[str, Any]]] = []
        (folder / "uplink").mkdir()
        identity = {"service.name": "x", "lnx.agent.id": "a"}
        self.lent = Lent(self.ledger, folder / "uplink", self._tell, "1", identity, lambda: None, threading.Event())

    def _tell(self, event: str, attributes: Any) -> None:
        self.told.append((event, dict(attributes)))

    def say(self, event: str, when: datetime | None = None, **attributes: Any) -> None:
        ns = int(when.timestamp() * 1e9) if when else self.now
        self.now = ns
        self.ledger.live.append([draft(event, attributes, ns, ns)])


def test_a_finished_day_is_dropped_once_and_signed(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    noon = datetime(2026, 11, 20, 12, tzinfo=SEOUL)
    for day in range(3):
        for n in range(10):
            lab.say("lnx.error", noon + timedelta(days=day, minutes=n), status=n, model="한글")
    folder = tmp_path / "drop"
    for _ in range(2):
        drop = FileDrop("drop", folder, "Asia/Seoul", SIGNER, lab.lent, today=lambda: date(2026, 11, 22))
        while drop._write_next():
            pass
    notes = sorted(folder.glob("*.note"))
    assert [note.name[:10] for note in notes] == ["2026-11-20", "2026-11-21"]
    text = opened(notes[0].read_text(encoding="utf-8"), SIGNER.verifier)
    lines = notes[0].with_suffix("").with_name(notes[0].stem + ".jsonl.gz")
    assert base64.b64encode(hashlib.sha256(lines.read_bytes()).digest()).decode() in text
    rows = [json.loads(line) for line in gzip.decompress(lines.read_bytes()).decode().splitlines()]
    assert [row["attributes"] for row in rows] == [{"status": n, "model": "한글"} for n in range(10)]
    assert len(list(folder.iterdir())) == 6


@pytest.fixture
def broker() -> Iterator[int]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([program, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port
    server.terminate()
    server.wait(60)


def test_mqtt_delivers_everything_in_order_to_a_foreign_broker(tmp_path: Path, broker: int) -> None:
    received: list[int] = []

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        request = ExportLogsServiceRequest.FromString(gzip.decompress(message.payload))
        records = [of_message(r) for one in request.resource_logs for scope in one.scope_logs for r in scope.log_records]
        received.extend(int(record.attributes["status"]) for record in records)

    listener = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=paho.MQTTv5)
    listener.on_message = on_message
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            listener.connect("127.0.0.1", broker)
            break
        except OSError:
            time.sleep(0.1)
    listener.subscribe("lnx/#", qos=1)
    listener.loop_start()
    time.sleep(0.5)
    lab = Lab(tmp_path)
    for n in range(500):
        lab.say("lnx.error", status=n, model="m")
    uplink = Mqtt("broker", Broker("127.0.0.1", broker, "lnx/{stream}/logs", tls=False), lab.lent, 100, Pace(0.1, 0.5, 1))
    stop = StopSignal()
    worker = threading.Thread(target=uplink.run, args=(stop,))
    worker.start()
    try:
        wait_for(lambda: len(received) >= 500)
        assert received == list(range(500))
        assert uplink.status.state == "up"
    finally:
        stop.set()
        worker.join(60)
        listener.loop_stop()


def test_mqtt_without_a_broker_waits_and_keeps_everything(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.say("lnx.error", status=1, model="m")
    uplink = Mqtt("broker", Broker("127.0.0.1", 1, "t", tls=False), lab.lent, 100, Pace(0.05, 0.1, 1))
    stop = StopSignal()
    worker = threading.Thread(target=uplink.run, args=(stop,))
    worker.start()
    wait_for(lambda: uplink.status.state == "retrying")
    stop.set()
    worker.join(60)
    assert uplink.status.delivered == {}


class Service:
    """The service as its users describe it: a code per answer, at most one record per ten minutes."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.records: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                record = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code = outer.codes.pop(0) if outer.codes else "AP1002"
                if code == "AP1002":
                    outer.records.append(record)
                body = json.dumps({"result": {"recptnRsltCd": code, "recptnRslt": "…"}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/apisvc/sendLogData.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def smart(lab: Lab, service: Service, now: datetime) -> SmartFactoryLog:
    values = {"key": "company-key", "account": "AI-VISION-01", "address": "10.0.0.0"}
    there = Endpoint(service.url, {})
    return SmartFactoryLog("smart", there, Table.load(None), values, lab.lent, 5.0, Pace(0, 0, 0), lambda: now.timestamp())


def drain(uplink: SmartFactoryLog, rounds: int = 40) -> None:
    """Rounds without the ten minutes between them."""
    for _ in range(rounds):
        uplink._not_before = 0.0
        uplink._round(StopSignal())


def test_ten_minutes_of_events_become_one_record_of_the_service(tmp_path: Path) -> None:
    lab, service = Lab(tmp_path), Service()
    nine = datetime(2026, 11, 20, 9, tzinfo=SEOUL)
    lab.say("lnx.session.start", nine, model="m", session="1-1")
    for minute in range(1, 25):
        lab.say("lnx.run.summary", nine + timedelta(minutes=minute), runs=10, session="1-1")
        lab.say("agent.heartbeat", nine + timedelta(minutes=minute), accepted=1)
    lab.say("lnx.session.stop", nine + timedelta(minutes=25), session="1-1")
    drain(smart(lab, service, nine + timedelta(hours=1)))
    assert [(record["logDt"], record["useSe"]) for record in service.records] == [
        ("2026-11-20 09:00:00.000", "접속"),
        ("2026-11-20 09:19:00.000", "조회"),
        ("2026-11-20 09:25:00.000", "종료"),
    ]
    assert {record["sysUser"] for record in service.records} == {"AI-VISION-01"}
    assert all(int(record["dataUsgqty"]) > 0 for record in service.records)


def test_what_the_service_cannot_take_any_more_is_declared(tmp_path: Path) -> None:
    lab, service = Lab(tmp_path), Service()
    evening = datetime(2026, 11, 19, 20, tzinfo=SEOUL)
    lab.say("lnx.session.start", evening, session="1-1")
    lab.say("lnx.session.stop", evening + timedelta(minutes=5), session="1-1")
    morning = datetime(2026, 11, 20, 9, tzinfo=SEOUL)
    lab.say("lnx.session.start", morning, session="2-2")
    drain(smart(lab, service, morning + timedelta(minutes=1)))
    assert [record["useSe"] for record in service.records] == ["접속"]
    unsent = [attributes for event, attributes in lab.told if event == "agent.unsent"]
    assert [(row["from_seq"], row["to_seq"]) for row in unsent] == [(0, 1)]


def test_late_in_the_evening_everything_that_waits_becomes_one_record(tmp_path: Path) -> None:
    lab, service = Lab(tmp_path), Service()
    noon = datetime(2026, 11, 20, 12, tzinfo=SEOUL)
    for minute in range(0, 180, 5):  # three hours without a network: 18 slots, which ten minutes each would not bring home
        lab.say("lnx.run.summary", noon + timedelta(minutes=minute), runs=10, session="1-1")
    uplink = smart(lab, service, datetime(2026, 11, 20, 23, 40, tzinfo=SEOUL))
    drain(uplink, 1)
    assert [record["logDt"] for record in service.records] == ["2026-11-20 14:55:00.000"]
    assert uplink.status.delivered == {lab.lent.ledger.live.id: lab.lent.ledger.live.next_seq}


@pytest.mark.parametrize(("code", "state"), [("AP1029", "up"), ("AP1011", "refused"), ("AP9999", "retrying")])
def test_a_code_other_than_accepted_keeps_the_record(tmp_path: Path, code: str, state: str) -> None:
    lab, service = Lab(tmp_path), Service()
    morning = datetime(2026, 11, 20, 9, tzinfo=SEOUL)
    lab.say("lnx.session.start", morning, session="2-2")
    service.codes = [code]
    uplink = smart(lab, service, morning)
    drain(uplink, 1)
    assert (service.records, uplink.status.state) == ([], state)
    drain(uplink, 1)
    assert len(service.records) == 1
