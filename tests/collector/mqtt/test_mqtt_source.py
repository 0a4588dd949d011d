"""The MQTT source against mosquitto: what is acknowledged is durable, what cannot be read is counted."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.sources.mqtt import KIND
from lnx_collector.sources.mqtt.payload import PayloadError, as_number, as_time, as_value, at_path, parse_json
from lnx_collector.sources.mqtt.source import MqttSource
from lnx_common.errors import PlantError
from paho.mqtt.enums import CallbackAPIVersion

Watch = Callable[..., Seen]
CLIMATE = {"name": "room.{1}.temperature", "topic": "f/+/climate", "path": "data.t", "time": "ts", "unit": "°C"}
COUNT = {"name": "count", "topic": "f/count", "format": "number", "kind": "int"}


def source(port: int, *tags: dict[str, Any], **options: Any) -> MqttSource:
    raw = {"name": "mq", "type": "mqtt", "host": "127.0.0.1", "port": port, "tag": tags or (CLIMATE, COUNT), **options}
    return KIND.build(KIND.settings.model_validate(raw), SourceContext("mq", Path("unused"), time.time_ns))


def publish(port: int, *messages: tuple[str, Any], retain: bool = False) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in messages:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        client.publish(topic, raw, qos=1, retain=retain).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()


def after_start(port: int, *messages: tuple[str, Any], enough: int) -> Callable[[Seen], bool]:
    """Publishes once the source has subscribed; true when enough samples came."""
    begun: list[float] = []

    def until(seen: Seen) -> bool:
        if not begun:
            begun.append(time.monotonic())
        if len(begun) == 1 and time.monotonic() - begun[0] > 0.5:
            begun.append(0)
            publish(port, *messages)
        return len(seen.samples) + sum(count for count, _, _ in seen.losses) >= enough

    return until


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_values_times_and_names_come_out_of_topics_and_payloads(broker: Any, watch: Watch, version: str) -> None:
    sent = (
        ("f/a b/climate", {"data": {"t": 21.5}, "ts": 1_790_000_000_123}),
        ("f/hall/climate", {"data": {"t": None}, "ts": 1}),
        ("f/count", 7),
    )
    seen = watch(source(broker.port, version=version), 10, after_start(broker.port, *sent, enough=3))
    latest = seen.latest()
    assert latest["room.a_b.temperature"][1:4] == (21.5, q.GOOD, 1_790_000_000_123_000_000)
    assert latest["room.hall.temperature"].value is None and q.is_bad(latest["room.hall.temperature"].quality)
    assert latest["count"].value == 7
    assert {(tag.name, tag.unit) for tag in seen.described} == {("room.a_b.temperature", "°C"), ("room.hall.temperature", "°C")}


def test_a_retained_value_is_marked_as_possibly_old(broker: Any, watch: Watch) -> None:
    publish(broker.port, ("f/count", 5), retain=True)
    seen = watch(source(broker.port, COUNT), 10, lambda seen: bool(seen.samples))
    assert (seen.samples[0].value, seen.samples[0].quality) == (5, q.UNCERTAIN_LAST_USABLE)


def test_what_cannot_be_read_is_counted_and_told(broker: Any, watch: Watch) -> None:
    bad = ("f/count", b"twelve"), ("f/x/climate", b"{broken"), ("f/y/climate", {"ts": 1}), ("f/count", b"1" * 300_000), ("f/count", 3)
    seen = watch(source(broker.port), 10, after_start(broker.port, *bad, enough=5))
    assert [(sample.tag, sample.value) for sample in seen.samples] == [("count", 3)]
    assert sorted(reason for _, reason, _ in seen.losses) == ["too_large", "unreadable", "unreadable", "unreadable"]
    assert set(seen.troubles) == {"room.x.temperature", "room.y.temperature"}  # count has been readable since


class Failing(Seen):
    """A historian that dies while it writes the third sample."""

    async def accept(self, samples: Any, bookmark: Any = None) -> None:
        if len(self.samples) + len(samples) > 2:
            raise RuntimeError("killed")
        await super().accept(samples, bookmark)


def test_what_was_not_durable_is_delivered_again_after_a_crash(broker: Any, watch: Watch) -> None:
    watch(source(broker.port, COUNT), 1.0)  # the broker knows the session now
    publish(broker.port, *(("f/count", i) for i in range(2)))

    async def crash() -> Failing:
        seen = Failing()
        task = asyncio.create_task(source(broker.port, COUNT).run(seen))
        while len(seen.samples) < 2:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(publish, broker.port, *(("f/count", i) for i in range(2, 10)))
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(task, 5)
        return seen

    before = [sample.value for sample in asyncio.run(crash()).samples]
    after = [sample.value for sample in watch(source(broker.port, COUNT), 10, lambda seen: len(seen.samples) >= 8).samples]
    assert before == [0, 1]
    assert after == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_restart_of_the_broker_loses_nothing_that_it_had(broker: Any, watch: Watch) -> None:
    one = source(broker.port, COUNT)
    watch(one, 1.0)
    publish(broker.port, *(("f/count", i) for i in range(100)))
    broker.stop()
    with pytest.raises(PlantError) as caught:
        watch(one, 5)
    assert caught.value.status == 701
    broker.start()
    seen = watch(one, 10, lambda seen: len(seen.samples) >= 100)
    assert [sample.value for sample in seen.samples] == list(range(100))


def test_a_broker_that_goes_away_is_told(broker: Any, watch: Watch) -> None:
    begin = time.monotonic()

    def until(seen: Seen) -> bool:
        if time.monotonic() - begin > 0.7 and broker.process.poll() is None:
            broker.stop()
        return False

    with pytest.raises(PlantError) as caught:
        watch(source(broker.port, COUNT), 10, until)
    assert caught.value.status == 701


def test_tls_with_a_certificate_of_our_authority_and_none_without(start_broker: Callable[..., Any], tmp_path: Path, watch: Watch) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    import ipaddress

    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    broker = start_broker(f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\n")
    watch(source(broker.port, COUNT, tls={"ca": str(tmp_path / "cert.pem")}), 1.5)
    with pytest.raises(PlantError, match="certificate"):
        watch(source(broker.port, COUNT, tls={}), 5)


@given(st.binary(max_size=60))
def test_any_payload_gives_a_value_or_a_reason(payload: bytes) -> None:
    for read in (as_number, lambda raw: as_value(at_path(parse_json(raw), "a[0].b")), lambda raw: as_time(parse_json(raw), "ms")):
        try:
            read(payload)
        except PayloadError as error:
            assert str(error)


def test_paths_and_times_are_read_exactly() -> None:
    document = parse_json(b'{"a": [{"b": 5}], "c": {"d.e": 1}}')
    assert at_path(document, "a[0].b") == 5
    with pytest.raises(PayloadError, match="nothing at"):
        at_path(document, "a[1].b")
    assert as_time(1_790_000_000_123, "ms") == 1_790_000_000_123_000_000
    assert as_time(1_790_000_000.5, "s") == 1_790_000_000_500_000_000
    assert as_time("2026-11-21T09:00:00+09:00", "iso") == 1_795_219_200_000_000_000
