"""The Sparkplug sink as the npm client sees it: births before data, numbers without gaps, deaths that belong to their births."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from lnx_collector import quality as q
from lnx_collector.contract import Row
from lnx_collector.historian import Historian
from lnx_collector.runtime.health import Health
from lnx_collector.sample import Tag, bad, good
from lnx_collector.sinks.sparkplug.edge import EdgeNode

NODE = "spBv1.0/Plant1/+/line1/#"
NOW = 1_790_000_000 * 10**9


class Host:
    """Follows the messages of one edge node as a host application does, and refuses what the specification forbids."""

    def __init__(self, heard: list[dict[str, Any]]) -> None:
        self.samples: dict[int, tuple[str, Any, dict[str, Any]]] = {}
        self.order: list[int] = []
        self.births: list[tuple[str, dict[str, Any]]] = []
        self.deaths: list[int] = []
        self._number: int | None = None
        self._names: dict[tuple[str, int], str] = {}
        for message in heard:
            if "topic" in message:
                _, _, verb, *path = message["topic"].split("/")
                self._hear(verb, path[1] if len(path) == 2 else "", message["payload"])

    def _hear(self, verb: str, device: str, payload: dict[str, Any]) -> None:
        if verb == "NDEATH":
            assert "seq" not in payload or payload["seq"] is None
            self.deaths.append(payload["metrics"][0]["value"])
            self._number = None
            return
        if verb == "NCMD":
            return
        expected = 0 if verb == "NBIRTH" else ((self._number or 0) + 1) % 256
        assert payload["seq"] == expected, f"{verb}: number {payload['seq']} instead of {expected}"
        assert verb == "NBIRTH" or self._number is not None, f"{verb} before the birth of the node"
        self._number = payload["seq"]
        if verb.endswith("BIRTH"):
            self.births.append((verb + device, {metric["name"]: metric for metric in payload["metrics"]}))
            for metric in payload["metrics"]:
                if "alias" in metric:
                    self._names[device, metric["alias"]] = metric["name"]
            return
        for metric in payload["metrics"]:
            number = metric["properties"]["seq"]["value"]
            self.samples[number] = (f"{device}:{self._names[device, metric['alias']]}", metric["value"], metric)
            self.order.append(number)


def settings(broker: Any, **options: Any) -> dict[str, Any]:
    return {"type": "sparkplug", "host": "127.0.0.1", "port": broker.port, "group": "Plant1", "edge_node": "line1", **options}


def test_a_host_gets_every_sample_after_the_births_in_order_and_with_its_quality(
    store: Historian, fill: Any, deliver: Any, broker: Any, start_peer: Callable[..., Any]
) -> None:
    samples = fill(250)
    store.roll_now()
    samples += fill(50)
    peer = start_peer("watch", "host")
    peer.tell(listen=NODE)
    health = deliver(settings(broker, batch=90))
    host = Host(peer.wait(lambda heard: len(Host(heard).samples) >= 300 and len(Host(heard).deaths) >= 1))
    assert health.samples == 300 and health.behind == 0
    assert host.order == sorted(host.order) and set(host.order) == set(range(1, 301))
    for number, sample in enumerate(samples, 1):
        name, value, metric = host.samples[number]
        assert (name, value) == ("plc:" + sample.tag.replace(".", "/"), sample.value)
        if q.is_bad(sample.quality):
            assert (metric["properties"]["Quality"]["value"], metric["properties"]["StatusCode"]["value"]) == (0, sample.quality)
        assert metric["timestamp"] == sample.time // 1_000_000
    assert [name for name, _ in host.births] == ["NBIRTH", "DBIRTHplc"]
    node, device = (metrics for _, metrics in host.births)
    assert node["bdSeq"]["value"] == 0 and node["Node Control/Rebirth"]["value"] is False
    assert "alias" not in node["Node Control/Rebirth"] and node["Node Info/Stream"]["value"] == store.stream
    assert {name: metric["type"] for name, metric in device.items()} == {"a/x": "Double", "a/n": "Int64", "b/text": "String"}
    assert device["a/x"]["properties"]["engUnit"]["value"] == "bar"


def test_each_connection_has_a_death_that_belongs_to_its_birth_and_nothing_is_lost_over_an_outage(
    store: Historian, fill: Any, deliver: Any, broker: Any, start_peer: Callable[..., Any]
) -> None:
    peer = start_peer("watch", "host")
    peer.tell(listen=NODE)
    fill(40)
    deliver(settings(broker, batch=20, version="3.1.1"))
    peer.wait(lambda heard: len(Host(heard).deaths) == 1)
    fill(60)
    deliver(settings(broker, batch=20))
    host = Host(peer.wait(lambda heard: len(Host(heard).deaths) == 2))
    assert [metrics["bdSeq"]["value"] for name, metrics in host.births if name == "NBIRTH"] == [0, 1] == host.deaths
    assert set(host.order) == set(range(1, 101))
    broker.stop()
    fill(10)
    health = deliver(settings(broker), 0.7)
    assert health.error is not None and health.error.status == 706 and store.cursor("out") == 100
    broker.start()
    late = start_peer("watch", "late")
    late.tell(listen=NODE)
    deliver(settings(broker))
    assert set(Host(late.wait(lambda heard: len(Host(heard).samples) >= 10)).order) == set(range(101, 111))


def test_a_request_for_rebirth_is_answered_with_every_birth_and_the_last_values(
    store: Historian, fill: Any, deliver: Any, broker: Any, start_peer: Callable[..., Any]
) -> None:
    peer = start_peer("watch", "host")
    peer.tell(listen=NODE)
    fill(9)
    asked: list[float] = []

    def until(health: Health) -> bool:
        if not asked and store.cursor("out") == 9:
            asked.append(time.monotonic())
            command = {"metrics": [{"name": "Node Control/Rebirth", "type": "Boolean", "value": True}]}
            peer.tell(send="spBv1.0/Plant1/NCMD/line1", payload=command)
        return bool(asked) and time.monotonic() - asked[0] > 0.5

    deliver(settings(broker), 10, until)
    host = Host(peer.wait(lambda heard: len(Host(heard).births) >= 4))
    assert [name for name, _ in host.births] == ["NBIRTH", "DBIRTHplc", "NBIRTH", "DBIRTHplc"]
    assert host.births[0][1]["bdSeq"]["value"] == host.births[2][1]["bdSeq"]["value"]
    assert host.births[1][1]["a/n"]["value"] is None and host.births[3][1]["a/n"]["value"] == 7


def test_nothing_is_sent_while_the_primary_host_is_offline_and_old_values_are_historical(
    store: Historian, fill: Any, deliver: Any, broker: Any, start_peer: Callable[..., Any]
) -> None:
    peer = start_peer("watch", "host")
    peer.tell(listen=NODE)
    fill(5)
    health = deliver(settings(broker, host_id="scada"), 1.5)
    assert health.error is not None and "scada" in health.error.found and store.cursor("out") == 0
    told: list[float] = []

    def until(health: Health) -> bool:
        if store.cursor("out") == 5 and not told:
            told.append(time.monotonic())
            say(2, False)
            time.sleep(0.3)
            fill(1)
        return bool(told) and time.monotonic() - told[0] > 1

    def say(timestamp: int, online: bool) -> None:
        peer.tell(say="spBv1.0/STATE/scada", text=json.dumps({"online": online, "timestamp": timestamp}), retain=True)

    say(1, True)
    deliver(settings(broker, host_id="scada"), 10, until)
    host = Host(peer.wait(lambda heard: len(Host(heard).deaths) >= 2))
    assert host.order == [1, 2, 3, 4, 5] and store.cursor("out") == 5
    assert all(metric["isHistorical"] is True for _, _, metric in host.samples.values())  # they are of the year before


def rows(*samples: Any, kind: Any = "int") -> list[Row]:
    return [Row(number, sample, Tag(sample.tag, "plc", kind)) for number, sample in enumerate(samples, 1)]


def test_a_value_that_its_type_cannot_carry_widens_the_type_and_is_announced_first() -> None:
    edge = EdgeNode("g", "n", "stream", devices=True, historical_after=60)
    assert edge.learn(rows(good("t", 1, NOW)))
    edge.birth(0, NOW)
    assert not edge.learn(rows(good("t", 2, NOW), bad("t", q.BAD_TIMEOUT, NOW)))
    for value in (0.5, "text"):
        assert edge.learn(rows(good("t", value, NOW)))
        edge.birth(0, NOW)
        assert not edge.learn(rows(good("t", value, NOW)))


def test_numbers_go_round_after_255() -> None:
    edge = EdgeNode("g", "n", "stream", devices=False, historical_after=60)
    one = rows(good("t", 1, NOW))
    edge.learn(one)
    edge.birth(0, NOW)
    from lnx_collector.sparkplug.schema import Payload

    numbers = [Payload.FromString(edge.data(one, NOW)[0][1]).seq for _ in range(600)]
    assert numbers == [(i + 1) % 256 for i in range(600)]
