"""Sinks: in order, at least once, by an idempotent key; an outage loses nothing; rows that are refused stop nobody."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from lnx_collector.historian import Historian
from paho.mqtt.enums import CallbackAPIVersion


class Listener:
    """A subscriber of another make of connection, which remembers what came."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_message = lambda client, data, message: self.got.append((message.topic, json.loads(message.payload)))
        self._client.on_connect = lambda client, *rest: client.subscribe("lnx/#", qos=1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        time.sleep(0.3)

    def wait(self, n: int) -> None:
        deadline = time.monotonic() + 15
        while len({told["id"] for _, told in self.got}) < n:
            assert time.monotonic() < deadline, f"{len(self.got)} of {n}"
            time.sleep(0.02)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_mqtt_gets_every_sample_in_order_with_its_key_and_times(store: Historian, fill: Any, deliver: Any, broker: Any) -> None:
    samples = fill(250)
    store.roll_now()  # the first ones come from Parquet
    samples += fill(50)
    listener = Listener(broker.port)
    health = deliver({"type": "mqtt", "host": "127.0.0.1", "port": broker.port, "batch": 90})
    listener.wait(300)
    listener.close()
    assert [told["id"] for _, told in listener.got] == [f"{store.stream}:{i + 1}" for i in range(300)]
    assert [(told["value"], told["quality"], told["source_time"]) for _, told in listener.got] == [s[1:4] for s in samples]
    assert listener.got[0][0] == "lnx/a/x" and listener.got[0][1]["unit"] == "bar"
    assert health.samples == 300 and health.behind == 0


def test_an_outage_of_the_broker_loses_nothing(store: Historian, fill: Any, deliver: Any, broker: Any) -> None:
    settings = {"type": "mqtt", "host": "127.0.0.1", "port": broker.port, "batch": 40, "confirm_within": 2}
    listener = Listener(broker.port)
    fill(100)
    deliver(settings)
    broker.stop()
    fill(500)
    store.roll_now()
    health = deliver(settings, 1.0)
    assert health.error is not None and health.error.status == 706 and health.restarts >= 2
    assert store.cursor("out") == 100 and health.behind == 500
    broker.start()
    deliver(settings, 15)
    listener.wait(600)
    listener.close()
    ids = [told["id"].split(":")[1] for _, told in listener.got]
    assert list(dict.fromkeys(map(int, ids))) == list(range(1, 601))


def test_a_sink_gets_only_the_tags_it_asked_for_and_its_cursor_passes_the_others(store: Historian, fill: Any, deliver: Any) -> None:
    fill(60)
    deliver({"type": "csv", "folder": "out", "tags": ["b.*"]})
    rows = [row for file in (store.data / "out").glob("*.csv") for row in csv.reader(file.open(encoding="utf-8-sig", newline=""))]
    assert {row[1] for row in rows[1:]} == {"b.text"}
    assert store.cursor("out") == 60


def test_csv_has_each_sample_once_even_when_a_batch_comes_twice_or_a_row_was_torn(store: Historian, fill: Any, deliver: Any) -> None:
    fill(50)
    settings = {"type": "csv", "folder": "out", "batch": 20}
    deliver(settings)
    [path] = (store.data / "out").glob("*.csv")
    whole = path.read_bytes()
    assert whole.startswith(b"\xef\xbb\xbfid,")
    path.write_bytes(whole[:-30])  # the crash came in the middle of the last row
    store.move_cursor("out", 20).result(5)  # and before the cursor moved
    deliver(settings)
    assert path.read_bytes() == whole
    fill(10)
    deliver(settings)
    rows = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
    assert [row[0] for row in rows[1:]] == [f"{store.stream}:{i}" for i in range(1, 61)]


def test_postgresql_holds_every_sample_once_through_an_outage_and_a_repeated_batch(
    store: Historian, fill: Any, deliver: Callable[..., Any], postgres: Any
) -> None:
    settings = {"type": "postgresql", "host": "127.0.0.1", "port": postgres.port, "database": "postgres", "user": "collector", "batch": 70}
    fill(200)
    deliver(settings, 20)
    assert postgres.ask("SELECT count(*), min(seq), max(seq) FROM samples") == ["200|1|200"]
    store.move_cursor("out", 100).result(5)  # a crash between "stored" and "cursor moved"
    deliver(settings, 20)
    assert postgres.ask("SELECT count(*) FROM samples") == ["200"]
    postgres.stop()
    fill(300)
    health = deliver(settings, 1.0)
    assert health.error is not None and health.error.status == 706
    postgres.start()
    deliver(settings, 20)
    assert postgres.ask("SELECT count(*), count(DISTINCT seq) FROM samples") == ["500|500"]
    first = postgres.ask(
        "SELECT tag, number, text, quality, receive_time = to_timestamp(1790000000), source_time IS NULL FROM samples WHERE seq = 1"
    )
    assert first == ["a.x|0||0|t|f"]
    assert postgres.ask("SELECT quality, number IS NULL FROM samples WHERE seq = 10") == ["2148139008|t"]


def test_rows_that_the_database_refuses_go_to_quarantine_and_the_others_go_on(
    store: Historian, fill: Any, deliver: Callable[..., Any], postgres: Any
) -> None:
    settings = {"type": "postgresql", "host": "127.0.0.1", "port": postgres.port, "database": "postgres", "user": "collector"}
    fill(3)
    deliver(settings, 20)
    postgres.ask("ALTER TABLE samples ADD CONSTRAINT short CHECK (length(text) < 10)")
    fill(97)
    fill(3, "a text that is much too long")
    fill(100)
    health = deliver(settings, 30)
    long = [row[0] for row in store.reader.all("SELECT seq FROM refused WHERE sink = 'out'")]
    assert long and postgres.ask("SELECT count(*) FROM samples") == [str(203 - len(long))]
    assert health.lost == len(long)
    assert [(loss.source, loss.reason, loss.samples) for loss in store.losses()] == [("sink out", "refused", len(long))]
    assert store.cursor("out") == 203


def test_the_sample_of_every_sink_is_a_correct_configuration() -> None:
    from lnx_collector.config import load_config
    from lnx_collector.registry import load_kind
    from lnx_collector.sinks import SINKS
    from lnx_collector.sources import SOURCES

    for name, module in {**SOURCES, **SINKS}.items():
        sample: Path = load_kind({name: module}, name).sample
        config = load_config(sample)
        kinds = [one.type for one in (*config.sources, *config.sinks)]
        assert kinds == [name]
