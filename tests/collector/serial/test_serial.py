"""Serial lines over socat: frames, checksums, noise, unplugging; and GPS receivers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.registry import load_kind
from lnx_collector.sources import SOURCES
from lnx_collector.sources.framing import CHECKS, Frames, crc16_modbus, without_checksum
from lnx_collector.sources.nmea import Receiver, checked_sentence
from lnx_collector.sources.serial_ports import find_port
from lnx_common.errors import PlantError
from peers import opened

Watch = Callable[..., Seen]
CAPTURES = sorted((Path(__file__).parent / "captures").glob("*.log"))
REGEX = r"(?P<state>ST|US),GS,(?P<weight>[+-][ 0-9.]+)kg"
TAGS = [{"name": "weight", "group": "weight"}, {"name": "state", "group": "state", "kind": "text"}]


def source(kind: str, port: str, **options: Any) -> Any:
    loaded = load_kind(SOURCES, kind)
    raw = {"name": "s", "type": kind, "port": port, **options}
    return loaded.build(loaded.settings.model_validate(raw), SourceContext("s", Path("unused"), time.time_ns))


def scale(port: str, **options: Any) -> Any:
    return source("serial", port, **{"regex": REGEX, "tag": TAGS, **options})


def write(port: str, pieces: Iterable[bytes]) -> threading.Thread:
    """Writes into the other end of the line, piece by piece, once a source of this process has opened it."""
    return send(port, pieces, lambda: opened(port), 0.02)


def send(port: str, pieces: Iterable[bytes], ready: Callable[[], None], pause: float) -> threading.Thread:
    def run() -> None:
        ready()
        with contextlib.suppress(OSError), Path(port).open("wb", buffering=0) as line:  # the line is gone when the test is over
            for piece in pieces:
                line.write(piece)
                time.sleep(pause)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_lines_become_values_however_the_bytes_are_cut(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair
    text = b"garb" + b"".join(b"ST,GS,+  %d.25kg\r\n" % i for i in range(20)) + b"nonsense\r\nUS,GS,-   1.50kg\r\n"
    write(theirs, [text[i : i + 7] for i in range(0, len(text), 7)])
    seen = watch(scale(ours), 10, lambda seen: bool(seen.samples) and seen.samples[-1].value == "US")
    assert [s.value for s in seen.samples if s.tag == "weight"] == [i + 0.25 for i in range(20)] + [-1.5]
    assert seen.losses == [(1, "no_match", "")]


def test_a_device_that_answers_only_when_asked_is_asked(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair
    script = f"while IFS= read -r line; do printf 'ST,GS,+  5.00kg\\r\\n'; done < {theirs} > {theirs}"
    device = subprocess.Popen(["sh", "-c", script])
    try:
        seen = watch(scale(ours, request="R\n", period=0.1), 5, lambda seen: len(seen.samples) >= 6)
    finally:
        device.kill()
        device.wait(10)
    assert [s.value for s in seen.samples if s.tag == "weight"][:3] == [5.0, 5.0, 5.0]


def test_frames_of_fixed_length_with_a_checksum_are_checked(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair

    def frame(text: bytes) -> bytes:
        return text + crc16_modbus(text).to_bytes(2, "big")

    whole = frame(b"\x02T0123")
    write(theirs, [whole, whole[:4] + b"9" + whole[5:], frame(b"\x02T0456")])
    one = source(
        "serial",
        ours,
        end="",
        length=8,
        start="\x02",
        checksum="crc16-modbus",
        regex="T(?P<t>[0-9]+)",
        tag=[{"name": "t", "group": "t", "scale": 0.1}],
    )
    seen = watch(one, 5, lambda seen: len(seen.samples) >= 2)
    assert [round(float(s.value or 0), 6) for s in seen.samples] == [12.3, 45.6]
    assert (1, "checksum", "") in seen.losses


def test_a_pulled_adapter_is_told_and_the_line_works_again_when_it_is_back(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, socat = pty_pair
    write(theirs, [b"ST,GS,+  1.00kg\r\n"])

    def until(seen: Seen) -> bool:
        if seen.samples:
            socat.kill()
        return False

    with pytest.raises(PlantError) as caught:
        watch(scale(ours), 10, until)
    assert caught.value.status == 701
    for end in (ours, theirs):
        Path(end).unlink(missing_ok=True)
    again = subprocess.Popen(["socat", f"pty,raw,echo=0,link={ours}", f"pty,raw,echo=0,link={theirs}"])
    try:
        deadline = time.monotonic() + 20
        while not (Path(ours).exists() and Path(theirs).exists()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        write(theirs, [b"ST,GS,+  2.00kg\r\n"])
        assert watch(scale(ours), 10, lambda seen: len(seen.samples) >= 2).samples[0].value == 2.0
    finally:
        again.kill()
        again.wait(10)


def test_a_silent_line_is_told(pty_pair: Any, watch: Watch) -> None:
    with pytest.raises(PlantError, match="no frame for"):
        watch(scale(pty_pair[0], silent_after=0.5), 5)


def test_an_adapter_that_is_not_plugged_in_is_named_with_those_that_are() -> None:
    assert find_port("COM3") == "COM3"
    with pytest.raises(PlantError) as caught:
        find_port("usb:dead:beef")
    assert caught.value.status == 701 and caught.value.where == "usb:dead:beef"


@given(st.lists(st.binary(min_size=1, max_size=8).filter(lambda raw: b"\n" not in raw and b"$" not in raw), max_size=10), st.integers(1, 9))
def test_frames_are_the_same_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    stream = b"".join(b"$" + body + b"\n" for body in bodies)
    frames = Frames(b"\n", start=b"$")
    found = [frame for i in range(0, len(stream), size) for frame in frames.feed(stream[i : i + size])]
    assert found == [b"$" + body for body in bodies]
    assert frames.noise == 0


@given(st.binary(max_size=300), st.integers(0, 16))
def test_any_bytes_are_framed_or_counted_and_memory_stays_small(stream: bytes, length: int) -> None:
    frames = Frames(b"" if length else b"\n", length, longest=64)
    for i in range(0, len(stream), 5):
        frames.feed(stream[i : i + 5])
        assert len(frames._waiting) <= 64


@pytest.mark.parametrize("check", sorted(CHECKS))
@given(body=st.binary(min_size=1, max_size=30), flip=st.integers(0, 7))
def test_checksums_accept_what_is_whole_and_refuse_a_flipped_bit(check: str, body: bytes, flip: int) -> None:
    function, size = CHECKS[check]
    frame = body + function(body).to_bytes(size, "big")
    assert without_checksum(frame, check, False) == body
    assert without_checksum(bytes([frame[0] ^ 1 << flip]) + frame[1:], check, False) is None
    assert without_checksum(body + f"{function(body):0{size * 2}X}".encode(), check, True) == body


def test_the_modbus_crc_is_that_of_the_standard() -> None:
    assert crc16_modbus(b"\x01\x03\x00\x00\x00\x01") == 0x840A


# ── GPS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

TALK = [
    b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n",
    b"$GPGGA,123520,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*4D\r\n",
    b"$GPGGA,123521,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*00\r\n",
    b"$GPGGA,123522,,,,,0,00,,,M,,M,,*63\r\n",
]


def test_a_receiver_gives_position_speed_and_its_own_time(pty_pair: Any, watch: Watch) -> None:
    ours, theirs, _ = pty_pair
    write(theirs, TALK)
    seen = watch(source("nmea", ours), 10, lambda seen: any(q.is_bad(s.quality) for s in seen.samples))
    good = {s.tag: s for s in seen.samples if q.is_good(s.quality)}
    assert good["s.latitude"].value == pytest.approx(48.1173)
    assert good["s.longitude"].value == pytest.approx(11.516667)
    assert good["s.speed"].value == pytest.approx(22.4 * 1852 / 3600)
    assert (good["s.satellites"].value, good["s.altitude"].value) == (8, 545.4)
    assert good["s.latitude"].source_time == 764426120 * 10**9  # 1994-03-23 12:35:20 UTC
    assert {s.tag for s in seen.samples if s.value is None} == {"s.latitude", "s.longitude", "s.altitude"}
    assert (1, "checksum", "") in seen.losses


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_captures_of_real_receivers_are_read(capture: Path) -> None:
    receiver, read, wrong, positions = Receiver("g"), 0, 0, []
    for line in capture.read_bytes().splitlines():
        if not line.startswith(b"$"):
            continue
        sentence = checked_sentence(line)
        if sentence is None:
            wrong += 1
            continue
        read += 1
        try:
            positions += [s for s in receiver.samples(sentence, 1) if s.tag == "g.latitude"]
        except ValueError:
            wrong += 1
    assert read > 10 and wrong <= read / 5
    assert positions
    assert all(s.value is None or -90 <= float(s.value) <= 90 for s in positions)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), st.sampled_from(["GPGGA", "GPRMC", "GPVTG", "PUBX"]))
def test_any_sentence_is_read_or_refused(rest: str, head: str) -> None:
    try:
        for sample in Receiver("g").samples(f"${head},{rest}", 1):
            assert (sample.value is None) == q.is_bad(sample.quality)
    except ValueError as error:
        assert str(error) is not None


def test_sniffing_tells_what_a_line_speaks(pty_pair: Any) -> None:
    from lnx_collector.cli.serial import looks_like

    assert looks_like(b"".join(TALK)) == "NMEA"
    assert looks_like(b"ST,GS,+  1.00kg\r\n" * 3) == "text"
    request = b"\x01\x03\x00\x00\x00\x01"
    assert looks_like(b"\xff\x80" + request + crc16_modbus(request).to_bytes(2, "big") + b"\x01\x03\x02") == "Modbus RTU?"
    assert looks_like(b"abc") == ""
    ours, theirs, _ = pty_pair
    send(theirs, [TALK[0]] * 400, lambda: None, 0.05)
    command = [sys.executable, "-m", "lnx_collector", "sniff", ours, "-b", "9600", "--seconds", "3", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout)
    assert found[0]["looks_like"] == "NMEA"
