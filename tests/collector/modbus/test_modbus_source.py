"""The Modbus source against libmodbus: values, requests, holes, silent devices, late answers, lost lines."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lnx_collector import quality as q
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.sample import Sample
from lnx_collector.sources.modbus.settings import ModbusRtuSettings, ModbusSettings, ModbusTcpSettings
from lnx_collector.sources.modbus.source import ModbusSource
from lnx_common.errors import PlantError

Watch = Callable[..., Seen]


def source(port: int, tags: list[dict[str, Any]], **options: Any) -> ModbusSource:
    settings = {"name": "m", "type": "modbus-tcp", "host": "127.0.0.1", "port": port, "period": 0.1, "timeout": 0.3, "tag": tags, **options}
    return build(ModbusTcpSettings.model_validate(settings))


def build(settings: ModbusSettings) -> ModbusSource:
    return ModbusSource(settings, SourceContext("m", Path("unused"), time.time_ns))


def has_all(tags: list[dict[str, Any]]) -> Callable[[Seen], bool]:
    names = {tag["name"] for tag in tags}
    return lambda seen: names <= {sample.tag for sample in seen.samples}


def of(seen: Seen, tag: str) -> list[Sample]:
    return [sample for sample in seen.samples if sample.tag == tag]


def test_values_of_every_table_type_and_order_arrive_as_mbpoll_reads_them(server: Any, watch: Watch) -> None:
    words = struct.unpack(">HH", struct.pack(">f", 23.5))
    server.registers("h", 0, [215, 65535, *words, *words[::-1], 0x4142, 0x4300])
    server.registers("i", 7, [1234])
    server.tell("c 3 1", "d 4 1")
    tags: list[dict[str, Any]] = [
        {"name": "scaled", "address": "40001", "scale": 0.1, "type": "int16", "unit": "°C"},
        {"name": "negative", "address": 1, "type": "int16"},
        {"name": "float", "address": 2, "type": "float32"},
        {"name": "swapped", "address": 4, "type": "float32", "order": "CDAB"},
        {"name": "text", "address": 6, "type": "text", "length": 2},
        {"name": "bit", "address": 0, "bit": 2},
        {"name": "input", "address": "30008"},
        {"name": "coil", "address": 3, "table": "coil"},
        {"name": "discrete", "address": "10005"},
    ]
    seen = watch(source(server.port, tags), 5, has_all(tags))
    values = {name: sample.value for name, sample in seen.latest().items()}
    expected = {"scaled": 21.5, "negative": -1, "float": 23.5, "swapped": 23.5, "text": "ABC", "bit": True, "input": 1234}
    assert values == {**expected, "coil": True, "discrete": True}
    assert all(sample.quality == q.GOOD and sample.source_time is None for sample in seen.samples)
    if not shutil.which("mbpoll"):
        pytest.skip("mbpoll is not installed; the values were checked, the cross-check was not")

    def mbpoll(kind: str, reference: int) -> str:
        command = ["mbpoll", "-m", "tcp", "-p", str(server.port), "-t", kind, "-r", str(reference), "-c", "1", "-1", "127.0.0.1"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
        return next(line.split("\t")[-1].strip() for line in printed.splitlines() if line.startswith("["))

    assert float(mbpoll("4", 1)) * 0.1 == values["scaled"]
    assert float(mbpoll("4:float", 5)) == values["swapped"]  # mbpoll takes the low word first
    assert int(mbpoll("3", 8)) == values["input"]
    assert int(mbpoll("0", 4)) == values["coil"]
    assert int(mbpoll("1", 5)) == values["discrete"]


def test_a_thousand_tags_take_eight_requests_per_scan(server: Any, watch: Watch) -> None:
    server.registers("h", 0, list(range(1000)))
    tags = [{"name": f"t{i}", "address": i} for i in range(1000)]
    seen = watch(source(server.port, tags, period=5), 5, has_all(tags))
    assert {int(sample.tag[1:]): sample.value for sample in seen.samples} == {i: i for i in range(1000)}
    assert server.requests() == 8


def test_a_refused_range_splits_the_request_once_and_is_remembered(server: Any, watch: Watch) -> None:
    server.registers("h", 0, list(range(100, 120)))
    server.tell("hole 7 8")
    tags = [{"name": f"t{i}", "address": i} for i in range(20)]
    one = source(server.port, tags)
    seen = watch(one, 5, lambda seen: len(of(seen, "t0")) >= 5)
    assert {s.tag: s.value for s in seen.samples if s.value is not None} == {f"t{i}": 100 + i for i in range(20) if i not in (7, 8)}
    assert [s.quality for s in of(seen, "t7")] == [q.BAD_NODE_ID_UNKNOWN]  # told once
    assert "t8" in seen.troubles and "refused as an illegal address" in seen.troubles["t8"].found
    before = server.requests()
    scans = len(of(seen, "t0"))
    assert before <= 1 + 20 + 2 * scans  # one refusal, each tag once, then two requests per scan


def test_a_hole_between_tags_is_found_although_every_tag_is_there(server: Any, watch: Watch) -> None:
    server.registers("h", 0, [1, 0, 0, 0, 0, 6])
    server.tell("hole 2 3")
    tags = [{"name": "a", "address": 0}, {"name": "b", "address": 5}]
    seen = watch(source(server.port, tags), 5, lambda seen: len(of(seen, "a")) >= 4)
    assert seen.latest()["b"].value == 6
    assert not [s for s in seen.samples if q.is_bad(s.quality)]
    assert server.requests() <= 3 + 2 * len(of(seen, "a"))


def test_a_configured_hole_is_never_asked_for(server: Any, watch: Watch) -> None:
    server.tell("hole 3 9")
    tags = [{"name": "a", "address": 0}, {"name": "b", "address": 10}]
    one = source(server.port, tags, hole=[{"first": 3, "last": 9}], period=5)
    watch(one, 5, has_all(tags))
    assert server.requests() == 2


def test_one_silent_device_among_ten_leaves_the_others_their_period(server: Any, watch: Watch) -> None:
    server.tell("silent 4")
    tags = [{"name": f"d{n}", "device": n, "address": 0} for n in range(1, 11)]
    seen = watch(source(server.port, tags, period=0.2, timeout=0.15, retries=0), 4.2)
    for n in (1, 9):
        times = [s.receive_time for s in of(seen, f"d{n}")]
        later = [b - a for a, b in itertools.pairwise(times[2:])]
        assert len(later) >= 12
        assert max(later) < 0.36e9, "a scan was lost to the silent device"
    assert [s.quality for s in of(seen, "d4")] == [q.BAD_NO_COMMUNICATION]
    assert seen.troubles["device 4"].status == 701


def test_a_device_that_answers_again_is_heard_again(server: Any, watch: Watch) -> None:
    server.tell("silent 2", "h 0 77")
    tags = [{"name": f"d{n}", "device": n, "address": 0} for n in (1, 2)]

    def until(seen: Seen) -> bool:
        if of(seen, "d2") and len(of(seen, "d1")) == 5:
            server.tell("speak 2")
        return len(of(seen, "d2")) >= 3

    seen = watch(source(server.port, tags), 8, until)
    assert [s.value for s in of(seen, "d2")][:3] == [None, 77, 77]
    assert seen.troubles == {}


def test_a_late_answer_is_never_shown_as_the_next_value(server: Any, watch: Watch) -> None:
    """Device 1 answers after the timeout, device 2 has another value in the same register."""
    server.registers("h", 0, [111, 222])
    tags = [{"name": "a", "address": 0}, {"name": "b", "device": 2, "address": 1}]

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 2:
            server.tell("late 1 250")  # later than the timeout, sooner than the next request's
        return len(seen.samples) > 12

    seen = watch(source(server.port, tags, timeout=0.2, retries=1), 6, until)
    assert {s.value for s in of(seen, "a")} == {111, None}
    assert {s.value for s in of(seen, "b")} <= {222, None}
    assert of(seen, "b")[0].value == 222


def test_exceptions_of_a_device_become_quality_codes_once(server: Any, watch: Watch) -> None:
    server.tell("fail 1 4")
    tags = [{"name": "a", "address": 0}]
    seen = watch(source(server.port, tags), 0.6)
    assert [(s.value, s.quality) for s in seen.samples] == [(None, q.BAD_DEVICE_FAILURE)]


def test_a_gateway_that_says_its_target_is_silent_is_treated_like_silence(server: Any, watch: Watch) -> None:
    server.tell("fail 7 11")
    tags = [{"name": "a", "address": 0}, {"name": "b", "device": 7, "address": 0}]
    seen = watch(source(server.port, tags), 0.6)
    assert [s.quality for s in of(seen, "b")] == [q.BAD_NO_COMMUNICATION]
    assert len(of(seen, "a")) >= 4


def test_nan_in_a_register_is_a_bad_sample_without_a_value(server: Any, watch: Watch) -> None:
    server.registers("h", 0, list(struct.unpack(">HH", struct.pack(">f", float("nan")))))
    tags = [{"name": "a", "address": 0, "type": "float32"}]
    seen = watch(source(server.port, tags), 3, has_all(tags))
    assert seen.samples[0].value is None and seen.samples[0].quality == q.BAD_OUT_OF_RANGE


def test_a_lost_connection_is_told_so_that_the_runtime_can_connect_again(start_server: Callable[..., Any], watch: Watch) -> None:
    server = start_server()
    tags = [{"name": "a", "address": 0}]

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 2:
            server.process.kill()
        return False

    with pytest.raises(PlantError) as caught:
        watch(source(server.port, tags), 5, until)
    assert caught.value.status == 701
    with pytest.raises(PlantError) as caught:
        watch(source(server.port, tags), 5)
    assert caught.value.status == 701


def test_when_nobody_answers_the_connection_is_given_up(server: Any, watch: Watch) -> None:
    server.tell("silent 1")
    with pytest.raises(PlantError) as caught:
        watch(source(server.port, [{"name": "a", "address": 0}], timeout=0.1), 8)
    assert "no answer to" in caught.value.found


def test_scans_that_come_too_late_are_counted(server: Any, watch: Watch) -> None:
    server.tell("late 1 250")
    tags = [{"name": "a", "address": 0}, {"name": "b", "address": 1}]
    seen = watch(source(server.port, tags, period=0.1, timeout=1.0), 1.5)
    assert seen.losses and all(reason == "scan_late" and count % 2 == 0 for count, reason, _ in seen.losses)
    asked = len(of(seen, "a")) + sum(count for count, _, _ in seen.losses) // 2
    assert 12 <= asked <= 16


# ── serial ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def rtu(port: str, tags: list[dict[str, Any]], **options: Any) -> ModbusSource:
    settings = {"name": "m", "type": "modbus-rtu", "port": port, "parity": "N", "period": 0.2, "timeout": 0.2, "tag": tags, **options}
    return build(ModbusRtuSettings.model_validate(settings))


def test_rtu_reads_a_libmodbus_slave_over_a_serial_line(start_server: Callable[..., Any], pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair
    server = start_server("rtu", theirs, "9600")
    server.registers("h", 0, [5, 6, 7])
    tags = [{"name": f"t{i}", "address": i} for i in range(3)]
    seen = watch(rtu(ours, tags), 5, has_all(tags))
    assert [seen.latest()[f"t{i}"].value for i in range(3)] == [5, 6, 7]


def test_rtu_a_late_answer_is_thrown_away(start_server: Callable[..., Any], pty_pair: Any, watch: Watch) -> None:
    """Over a serial line answers have no number: both tags are asked with the same function and length."""
    ours, theirs, _ = pty_pair
    server = start_server("rtu", theirs, "9600")
    server.registers("h", 0, [111])
    server.registers("h", 100, [222])
    tags = [{"name": "a", "address": 0}, {"name": "b", "address": 100}]

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 2:
            server.tell("late 1 300")
        if of(seen, "a") and of(seen, "a")[-1].value is None:
            server.tell("late 1 0")
        return len(of(seen, "a")) > 6

    seen = watch(rtu(ours, tags), 8, until)
    assert {s.value for s in of(seen, "a")} <= {111, None}
    assert {s.value for s in of(seen, "b")} <= {222, None}
    assert of(seen, "a")[-1].value == 111


def test_rtu_noise_on_the_line_is_no_value(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair
    noise = subprocess.Popen(["sh", "-c", f"while :; do head -c 40 /dev/urandom > {theirs}; sleep 0.05; done"])
    try:
        seen = watch(rtu(ours, [{"name": "a", "address": 0}]), 1.5, lambda seen: bool(seen.samples))
    finally:
        noise.kill()
        noise.wait(10)
    assert all(s.value is None for s in seen.samples)


def test_rtu_a_pulled_adapter_is_told(start_server: Callable[..., Any], pty_pair: Any, watch: Watch) -> None:
    ours, theirs, socat = pty_pair
    start_server("rtu", theirs, "9600")

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 2:
            socat.kill()
        return False

    with pytest.raises(PlantError) as caught:
        watch(rtu(ours, [{"name": "a", "address": 0}]), 8, until)
    assert caught.value.status == 701


def test_pymodbus_own_simulator_is_read_too(tmp_path: Path, watch: Watch) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    async def run() -> Seen:
        device = SimDevice(1, simdata=[SimData(0, values=[17, 18, 19], datatype=DataType.REGISTERS)])
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = server.transport.sockets[0].getsockname()[1]
        seen = Seen()
        task = asyncio.create_task(source(port, [{"name": "a", "address": 1}]).run(seen))
        while not seen.samples:
            assert not task.done(), json.dumps(str(task))
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.shutdown()
        return seen

    assert asyncio.run(asyncio.wait_for(run(), 10)).samples[0].value == 18
