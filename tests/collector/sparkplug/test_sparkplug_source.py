"""The Sparkplug source against edge nodes of another make (npm sparkplug-client) over mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.sources.sparkplug import KIND
from lnx_collector.sources.sparkplug.nodes import Node
from lnx_collector.sparkplug import topics, values
from lnx_collector.sparkplug.schema import Payload
from paho.mqtt.enums import CallbackAPIVersion
from source_cases import beginning

NODE_BIRTH = [
    {"name": "Node Control/Rebirth", "type": "Boolean", "value": False},
    {"name": "Line/Speed", "alias": 1, "type": "Double", "value": 1.5, "properties": {"engUnit": {"type": "String", "value": "m/s"}}},
    {"name": "Line/Offset", "alias": 2, "type": "Int16", "value": -7},
    {"name": "Line/Total", "alias": 3, "type": "Int64", "value": -5_000_000_000},
]
DEVICE_BIRTH = [
    {"name": "temperature", "alias": 10, "type": "Float", "value": 21.5},
    {"name": "running", "alias": 11, "type": "Boolean", "value": True},
    {"name": "recipe", "alias": 12, "type": "String", "value": "한글 A"},
    {"name": "spare", "alias": 13, "type": "Int32", "value": None},
]
Wait = Callable[[Callable[[Seen], bool]], Seen]


@contextlib.contextmanager
def running(port: int, **options: Any) -> Iterator[Wait]:
    """A source at work in a thread; the value waits until enough was seen."""
    raw = {"name": "sp", "type": "sparkplug", "host": "127.0.0.1", "port": port, "rebirth_pause": 0.2, **options}
    source = KIND.build(KIND.settings.model_validate(raw), SourceContext("sp", Path("unused"), time.time_ns))
    seen, loop, begun = Seen(), asyncio.new_event_loop(), beginning(source)
    task = loop.create_task(source.run(seen))
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])), daemon=True)
    thread.start()

    def wait(enough: Callable[[Seen], bool]) -> Seen:
        deadline = time.monotonic() + 30
        while not enough(seen):
            assert time.monotonic() < deadline and not task.done(), (seen, task)
            time.sleep(0.01)
        return seen

    try:
        assert begun.wait(20), "it did not subscribe"
        yield wait
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        assert not thread.is_alive(), "the source does not end when it is cancelled"
        loop.close()


def born(peer: Any) -> None:
    peer.tell(birth=NODE_BIRTH)
    peer.tell(device="press1", birth=DEVICE_BIRTH)


def test_births_tell_the_tags_and_data_by_alias_brings_their_values(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer = start_peer()
    with running(broker.port) as wait:
        born(peer)
        at = 1_790_000_000_123
        peer.tell(data=[{"alias": 2, "type": "Int16", "value": -300, "timestamp": at}])
        stale = {"Quality": {"type": "Int32", "value": 500}}
        peer.tell(device="press1", data=[{"alias": 10, "type": "Float", "value": 22.25, "properties": stale}])
        seen = wait(lambda seen: len(seen.samples) >= 9)
    latest = seen.latest()
    assert {(tag.name, tag.kind, tag.unit) for tag in seen.described} == {
        ("line1.Line.Speed", "float", "m/s"),
        ("line1.Line.Offset", "int", ""),
        ("line1.Line.Total", "int", ""),
        ("line1.press1.temperature", "float", ""),
        ("line1.press1.running", "bool", ""),
        ("line1.press1.recipe", "text", ""),
        ("line1.press1.spare", "int", ""),
    }
    assert latest["line1.Line.Offset"][1:4] == (-300, q.GOOD, at * 1_000_000)
    assert latest["line1.Line.Total"].value == -5_000_000_000
    assert latest["line1.press1.temperature"][1:3] == (22.25, q.UNCERTAIN_LAST_USABLE)
    assert (latest["line1.press1.running"].value, latest["line1.press1.recipe"].value) == (True, "한글 A")
    assert latest["line1.press1.spare"].value is None and q.is_bad(latest["line1.press1.spare"].quality)
    assert seen.losses == []


def test_a_gap_in_the_numbers_is_counted_and_leads_to_a_new_birth(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer = start_peer()
    with running(broker.port) as wait:
        born(peer)
        peer.tell(skip=3)
        peer.tell(data=[{"alias": 1, "type": "Double", "value": 2.0}])
        asked = peer.wait(lambda heard: bool(heard))[0]["ncmd"]
        assert asked["metrics"][0]["name"] == "Node Control/Rebirth" and asked["metrics"][0]["value"] is True and "seq" not in asked
        born(peer)
        seen = wait(lambda seen: len(seen.samples) >= 15 and not seen.troubles)
    assert seen.losses == [(3, "sequence_gap", "")]
    assert [sample.value for sample in seen.samples if sample.tag == "line1.Line.Speed"] == [1.5, 2.0, 1.5]


def test_who_comes_late_counts_what_has_no_name_yet_and_asks_for_the_birth(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer = start_peer()
    born(peer)
    with running(broker.port) as wait:
        peer.tell(device="press1", data=[{"alias": 10, "type": "Float", "value": 1.0}, {"alias": 11, "type": "Boolean", "value": False}])
        peer.wait(lambda heard: bool(heard))
        born(peer)
        seen = wait(lambda seen: len(seen.samples) >= 7)
    assert seen.losses == [(2, "no_birth", "")]
    assert seen.latest()["line1.press1.temperature"].value == 21.5


def test_a_node_that_is_named_is_asked_for_its_birth_at_once(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer = start_peer()
    with running(broker.port, group="Plant1", edge_node="line1"):
        peer.wait(lambda heard: "ncmd" in heard[0] if heard else False)


def test_the_death_of_a_node_makes_every_tag_bad_once_and_an_old_death_does_nothing(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer, other = start_peer(), start_peer("Plant1", "other")
    with running(broker.port) as wait:
        born(peer)
        wait(lambda seen: len(seen.samples) == 7)
        other.tell(send="spBv1.0/Plant1/NDEATH/line1", payload={"metrics": [{"name": "bdSeq", "type": "UInt64", "value": 7}]})
        peer.tell(data=[{"alias": 1, "type": "Double", "value": 3.0}])
        wait(lambda seen: len(seen.samples) == 8 and not seen.troubles)
        peer.tell(die=True)
        seen = wait(lambda seen: len(seen.samples) == 15)
        time.sleep(0.2)
    fallen = seen.samples[8:]
    assert len(fallen) == 7 and {sample.quality for sample in fallen} == {q.BAD_NO_COMMUNICATION}
    assert {sample.tag for sample in fallen} == {tag.name for tag in seen.described}
    assert "offline" in seen.troubles["Plant1/line1"].found


def test_the_death_of_a_device_leaves_its_node_alone(broker: Any, start_peer: Callable[..., Any]) -> None:
    peer = start_peer()
    with running(broker.port) as wait:
        born(peer)
        peer.tell(device="press1", death=[])
        peer.tell(data=[{"alias": 1, "type": "Double", "value": 4.0}])
        seen = wait(lambda seen: len(seen.samples) >= 12)
    assert {s.tag.split(".")[1] for s in seen.samples if s.quality == q.BAD_NO_COMMUNICATION} == {"press1"}
    assert seen.latest()["line1.Line.Speed"].value == 4.0 and seen.losses == []


@pytest.mark.parametrize("algorithm", ["DEFLATE", "GZIP"])
def test_compressed_payloads_are_read(broker: Any, start_peer: Callable[..., Any], algorithm: str) -> None:
    peer = start_peer()
    with running(broker.port, metrics=["Line/Speed"], tag_name="{group}.{metric}") as wait:
        born(peer)
        peer.tell(data=[{"alias": 1, "type": "Double", "value": 9.0}], compress=algorithm)
        seen = wait(lambda seen: len(seen.samples) >= 2)
    assert [(sample.tag, sample.value) for sample in seen.samples] == [("Plant1.Line.Speed", 1.5), ("Plant1.Line.Speed", 9.0)]
    assert seen.losses == []  # the metrics that were not wanted are no loss


def test_as_primary_host_it_says_when_it_is_there_and_corrects_a_late_death(broker: Any, start_peer: Callable[..., Any]) -> None:
    states: list[dict[str, Any]] = []
    listener = mqtt.Client(CallbackAPIVersion.VERSION2)
    listener.on_message = lambda client, data, message: states.append(json.loads(message.payload))
    listener.connect("127.0.0.1", broker.port)
    listener.subscribe("spBv1.0/STATE/lnx", qos=1)
    listener.loop_start()

    def until(enough: int) -> None:
        deadline = time.monotonic() + 30
        while len(states) < enough:
            assert time.monotonic() < deadline, states
            time.sleep(0.01)

    with running(broker.port, host_id="lnx"):
        until(1)
        start_peer().tell(say="spBv1.0/STATE/lnx", text='{"online": false, "timestamp": 1}')
        until(3)
    until(4)
    listener.disconnect()
    listener.loop_stop()
    assert [state["online"] for state in states[:4]] == [True, False, True, False]
    assert states[0]["timestamp"] == states[2]["timestamp"] <= states[3]["timestamp"]


def test_numbers_follow_each_other_round_the_corner() -> None:
    node = Node()
    node.begin(Payload(seq=0))
    assert [node.missing(Payload(seq=number % 256)) for number in range(1, 600)] == [0] * 599
    assert node.missing(Payload(seq=(600 + 4) % 256)) == 4


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_have_a_reason(raw: bytes) -> None:
    try:
        payload = values.parse(raw, 1000)
    except values.PayloadError as error:
        assert str(error)
        return
    for metric in payload.metrics:
        values.reading_of(metric, metric.datatype, payload.timestamp)


@given(st.lists(st.sampled_from(["spBv1.0", "", "STATE", *topics.VERBS, "x", "+"]), max_size=6).map("/".join))
def test_any_topic_is_one_of_ours_or_none(topic: str) -> None:
    found = topics.parse(topic)
    assert found is None or str(found) == topic
