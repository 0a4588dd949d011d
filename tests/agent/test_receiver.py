"""The reference receiver: who may deliver, what it refuses, what it keeps."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import socket
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from agent_plant import TOKEN, agent_toml, certificate, receiver_settings, running_agent, running_receiver, wait_for
from lnx_agent.delivery.otlp import request_body, resource_bytes
from lnx_agent.evidence.merkle import leaf_hash, root_of
from lnx_agent.receiver.archive import forget_old, query, roll
from lnx_agent.receiver.settings import PlantSettings
from lnx_agent.receiver.store import ForeignStreamError, Incoming, Store
from lnx_agent.record import draft
from lnx_common.events import EventFile
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

STREAM = "0123456789abcdef"
RESOURCE = resource_bytes({"service.name": "x"})


def bodies(count: int, first: int = 0, stream: str = STREAM) -> list[bytes]:
    return [
        draft("lnx.error", {"status": n, "model": "m"}, 10**18 + n, 10**18, f"p:{n + 1}").numbered(stream, n)
        for n in range(first, first + count)
    ]


def incoming(count: int, first: int = 0) -> dict[str, list[Incoming]]:
    return {STREAM: [Incoming(first + n, body) for n, body in enumerate(bodies(count, first))]}


def post(url: str, body: bytes, token: str = TOKEN, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, bytes]:
    sent = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "Authorization": f"Bearer {token}", **headers}
    request = urllib.request.Request(url + "/v1/logs", body, {k.replace("_", "-"): v for k, v in sent.items()})
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_records_are_stored_once_and_other_records_under_known_numbers_are_rejected(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.take("plant", RESOURCE, incoming(10), ()).stored == 10
    again = store.take("plant", RESOURCE, incoming(12), ())
    assert (again.stored, again.duplicates, again.conflicts) == (2, 10, ())
    other = {STREAM: [Incoming(3, b"something else"), Incoming(12, bodies(1, 12)[0])]}
    assert store.take("plant", RESOURCE, other, ()).conflicts == (3,)
    with pytest.raises(ForeignStreamError):
        store.take("another", RESOURCE, incoming(20), ())


def test_the_root_is_known_at_every_size_whatever_the_order_of_arrival(tmp_path: Path) -> None:
    store = Store(tmp_path)
    leaves = [leaf_hash(body) for body in bodies(2500)]
    for first in (1000, 0, 2000, 500, 1500):
        store.take("plant", RESOURCE, incoming(500, first), ())
    for size in (1, 2, 999, 1023, 1024, 1025, 2048, 2500):
        assert store.root_at(STREAM, size) == root_of(leaves[:size])
    assert store.root_at(STREAM, 2501) is None


def test_what_is_missing_is_told_in_ranges_and_a_declared_leaf_fills_a_hole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.take("plant", RESOURCE, incoming(5), ())
    store.take("plant", RESOURCE, incoming(5, 8), ())
    store.take("plant", RESOURCE, incoming(1, 15), ())
    assert store.missing(STREAM, 20) == [(5, 8), (13, 15), (16, 20)]
    leaves = [leaf_hash(body) for body in bodies(8)]
    store.take("plant", RESOURCE, {}, [(STREAM, n, leaves[n]) for n in (5, 6, 7)])
    assert store.missing(STREAM, 13) == []
    assert store.root_at(STREAM, 8) == root_of(leaves)


def test_old_records_move_to_parquet_and_answer_the_same_questions(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.take("plant", RESOURCE, incoming(2500), ())
    question = "SELECT count(*), min(seq), max(seq), sum(CAST(attributes->>'status' AS INT)) FROM records"
    before = query(store, question)
    root = store.root_at(STREAM, 2500)
    assert roll(store, 1000) == 2000
    assert query(store, question) == before
    assert store.root_at(STREAM, 2500) == root
    again = store.take("plant", RESOURCE, {STREAM: [*incoming(1)[STREAM], Incoming(1, b"other")]}, ())
    assert (again.stored, again.conflicts) == (0, (1,))
    assert len(list(tmp_path.glob("parquet/plant=plant/month=*/*.parquet"))) == 2
    assert forget_old(store, 1, now=10**9 + 86400) == []
    assert len(forget_old(store, 1, now=10**9 + 3 * 366 * 86400)) == 2
    with store.lock:  # what the retention deleted is on record, and is not missing
        forgotten = store.connection().execute("SELECT stream, first, end FROM forgotten ORDER BY first").fetchall()
    assert forgotten == [(STREAM, 0, 1000), (STREAM, 1000, 2000)]
    assert store.missing(STREAM, 2500) == []
    assert store.root_at(STREAM, 2500) == root


def test_a_line_that_was_read_twice_counts_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.take("plant", RESOURCE, incoming(10), ())
    twice = draft("lnx.error", {"status": 0, "model": "m"}, 10**18, 10**18, "p:1").numbered("f" * 16, 0)
    store.take("plant", RESOURCE, {"f" * 16: [Incoming(0, twice)]}, ())
    assert query(store, "SELECT count(*) FROM records")[1] == [(10,)]


def test_strangers_and_nonsense_are_refused(tmp_path: Path) -> None:
    good = request_body(RESOURCE, bodies(3), "1")
    with running_receiver(receiver_settings(tmp_path, max_body=100_000)) as there:
        assert post(there.url, good, token="wrong")[0] == 401
        assert post(there.url, good, Authorization="")[0] == 401
        assert post(there.url, b"no gzip")[0] == 400
        assert post(there.url, gzip.compress(b"\xff\xff\xff"))[0] == 400
        assert post(there.url, good, Content_Type="application/json")[0] == 415
        assert post(there.url, gzip.compress(bytes(10**8)))[0] in (400, 413)
        nameless = draft("lnx.error", {"status": 1}, 1, 1)
        assert post(there.url, request_body(RESOURCE, [nameless.head + nameless.tail], "1"))[0] == 400
        assert there.records() == {}
        status, answer = post(there.url, good)
        assert status == 200
        assert ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records == 0
        assert len(there.records()) == 3


def test_senders_at_once_out_of_order_and_overlapping_leave_each_record_once(tmp_path: Path) -> None:
    batches = [request_body(RESOURCE, bodies(40, first), "1") for first in range(0, 800, 25)]
    random.Random(1).shuffle(batches)
    with running_receiver(receiver_settings(tmp_path)) as there:
        host, port = there.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as stuck, ThreadPoolExecutor(4) as senders:
            stuck.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf of it")  # and nothing more
            answers = list(senders.map(lambda body: post(there.url, body), batches))
        assert {status for status, _ in answers} == {200}
        assert not any(ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records for _, body in answers)
        assert sorted(there.bodies()) == [(STREAM, n) for n in range(815)]
        assert there.receiver.store.root_at(STREAM, 815) == root_of([leaf_hash(body) for body in bodies(815)])


def test_a_plant_that_is_too_fast_slows_no_other_down(tmp_path: Path) -> None:
    other = "token-of-another-plant"
    plants = tuple(
        PlantSettings(name=name, token_sha256=hashlib.sha256(token.encode()).hexdigest(), records_per_second=rate)
        for name, token, rate in (("fast", TOKEN, 1), ("calm", other, 10**6))
    )
    with running_receiver(receiver_settings(tmp_path, plant=plants)) as there:
        codes = {post(there.url, request_body(RESOURCE, bodies(20, n * 20), "1"))[0] for n in range(4)}
        assert codes == {200, 429}
        calm = request_body(RESOURCE, bodies(500, stream="fedcba9876543210"), "1")
        assert post(there.url, calm, token=other)[0] == 200


def test_too_fast_a_plant_is_asked_to_wait(tmp_path: Path) -> None:
    plant = PlantSettings(name="plant", token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest(), records_per_second=1)
    with running_receiver(receiver_settings(tmp_path, plant=(plant,))) as there:
        codes = [post(there.url, request_body(RESOURCE, bodies(8, n * 8), "1"))[0] for n in range(4)]
        assert codes[0] == 200
        assert codes[-1] == 429


def test_a_client_certificate_is_as_good_as_a_token(tmp_path: Path, tls: tuple[Path, Path]) -> None:
    cert, key = certificate(tmp_path / "client", "factory-7")
    stranger, stranger_key = certificate(tmp_path / "stranger", "factory-8")
    both = tmp_path / "ca.pem"
    both.write_bytes(cert.read_bytes() + stranger.read_bytes())
    plant = PlantSettings(name="plant", certificate_name="factory-7")
    settings = receiver_settings(tmp_path / "receiver", tls=tls, plant=(plant,), client_ca=both)
    with running_receiver(settings) as there:
        for pair, expected in (((cert, key), 200), ((stranger, stranger_key), 401)):
            context = ssl.create_default_context(cafile=str(tls[0]))
            context.load_cert_chain(*pair)
            assert post(there.url, request_body(RESOURCE, bodies(1), "1"), token="", context=context)[0] == expected
        naked = ssl.create_default_context(cafile=str(tls[0]))
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            post(there.url, request_body(RESOURCE, bodies(1), "1"), context=naked)


def test_a_receiver_that_lost_records_gets_them_again(tmp_path: Path) -> None:
    events = EventFile("inspection", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        settings = agent_toml(tmp_path / "plant", there.url)
        with running_agent(settings) as agent:
            for n in range(500):
                events.write("lnx.error", {"status": n, "model": "m"})
            wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.error") == 500)
            wait_for(lambda: agent.ledger.live.sealed > 300)
            store = there.receiver.store
            with store.lock:  # restored from a backup: everything after number 100 is gone
                store.connection().execute("DELETE FROM record WHERE seq >= 100")
                store.connection().execute("DELETE FROM snapshot")
                store.connection().execute("UPDATE stream SET contiguous = 0, frontier = ''")
            wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.error") == 500, 40)


def test_an_agent_restored_from_a_backup_is_noticed_and_begins_a_new_stream(tmp_path: Path) -> None:
    events = EventFile("inspection", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        settings = agent_toml(tmp_path / "plant", there.url)
        with running_agent(settings) as agent:
            wait_for(lambda: agent.uplinks[0].status.confirmed)
        shutil.copytree(tmp_path / "plant/data", tmp_path / "backup")
        with running_agent(settings) as agent:
            first = agent.ledger.live.id
            for n in range(200):
                events.write("lnx.error", {"status": n, "model": "m"})
            wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.error") == 200)
        shutil.rmtree(tmp_path / "plant/data")
        shutil.copytree(tmp_path / "backup", tmp_path / "plant/data")
        with running_agent(settings) as agent:
            wait_for(lambda: agent.ledger.live.id != first, 30)
            fresh = EventFile("fresh", tmp_path / "plant/events")
            fresh.write("lnx.error", {"status": 1000, "model": "m"})
            wait_for(lambda: any(r.attributes.get("status") == 1000 for r in there.records().values()))
        assert json.loads((tmp_path / "plant/data/ledger.json").read_text())["streams"][0]["reason"] == "refused"
