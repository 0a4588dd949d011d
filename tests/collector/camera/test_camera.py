"""Cameras: a file in place of one, FFmpeg and GStreamer's RTSP server as network cameras; slow disks, silence, bounded folders."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from lnx_collector.config import load_config
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.images import files
from lnx_collector.images.bounded import BoundedFolder
from lnx_collector.sample import Sample
from lnx_collector.sources.camera import KIND
from lnx_collector.sources.camera.grabbing import SLOTS
from lnx_collector.sources.camera.source import CameraSource
from lnx_common.config import ConfigError
from lnx_common.errors import PlantError
from peers import Lines

HERE = Path(__file__).parent
Watch = Callable[..., Seen]


def camera(data: Path, device: object, **options: Any) -> CameraSource:
    raw = {"name": "cam", "type": "camera", "device": device, "timeout": 2, **options}
    return KIND.build(KIND.settings.model_validate(raw), SourceContext("cam", data, time.time_ns))


def video(path: Path, frames: int, fps: int) -> Path:
    """A file whose frame i has brightness 10 * i."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "0"}
        for i in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * i, np.uint8), format="bgr24")))
        container.mux(stream.encode())
    return path


def shown(data: Path, samples: Sequence[Sample]) -> list[int]:
    """Which picture each sample is, by its brightness."""
    return [round(float(files.read(data / str(sample.value)).mean()) / 10) for sample in samples]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_file_plays_at_its_own_speed_in_place_of_a_camera_and_ends(tmp_path: Path, watch: Watch) -> None:
    begin = time.monotonic()
    seen = watch(camera(tmp_path, str(video(tmp_path / "부품.mp4", 20, 20)), fps=10, format="png"), 10)
    assert 0.9 < time.monotonic() - begin < 9  # it returned by itself
    pictures = shown(tmp_path, seen.samples)
    assert pictures == sorted(set(pictures)) and 7 <= len(pictures) <= 10 and pictures[-1] >= 16
    times = [sample.receive_time for sample in seen.samples]
    assert times == sorted(times) and seen.losses == []


def test_with_repeat_the_file_begins_again(tmp_path: Path, watch: Watch) -> None:
    source = camera(tmp_path, str(video(tmp_path / "a.mp4", 6, 60)), fps=60, format="png", repeat=True)
    seen = watch(source, 20, lambda seen: len(seen.samples) >= 15)
    assert sum(1 for a, b in zip(shown(tmp_path, seen.samples), shown(tmp_path, seen.samples[1:]), strict=False) if b < a) >= 1


def test_a_network_camera_that_goes_away_is_told_and_connected_again(tmp_path: Path, watch: Watch) -> None:
    port = free_port()
    source = camera(tmp_path, f"tcp://127.0.0.1:{port}", fps=50)
    pictures = 0
    for _ in range(2):
        server = subprocess.Popen([sys.executable, str(HERE / "mjpeg_server.py"), str(port), "40", "40"], stderr=subprocess.DEVNULL)
        seen = Seen()

        async def once(into: Seen) -> None:
            await source.run(into)

        try:
            deadline = time.monotonic() + 20
            while True:
                with pytest.raises(PlantError) as caught:
                    asyncio.run(once(seen))
                if seen.samples:
                    break
                assert time.monotonic() < deadline, caught.value  # the server takes a moment to listen
                time.sleep(0.1)
        finally:
            server.kill()
            server.wait(10)
        assert caught.value.status == 701 and "no picture" in caught.value.found
        pictures += len(seen.samples)
        assert files.read(tmp_path / str(seen.samples[-1].value)).shape == (48, 64, 3)
    assert pictures >= 20


class SlowDisk(Seen):
    """A historian that takes its time."""

    async def accept(self, samples: Sequence[Sample], bookmark: Mapping[str, str] | None = None) -> None:
        await asyncio.sleep(0.3)
        await super().accept(samples, bookmark)


def test_a_slow_disk_costs_counted_pictures_and_not_memory(tmp_path: Path) -> None:
    seen = SlowDisk()
    asyncio.run(camera(tmp_path, str(video(tmp_path / "a.mp4", 25, 50)), fps=1000, format="png").run(seen))
    lost = sum(count for count, reason, tag in seen.losses if (reason, tag) == ("queue_overflow", "cam.frame"))
    assert lost >= 5 and SLOTS <= len(seen.samples) <= 25 - lost
    pictures = shown(tmp_path, seen.samples)
    assert pictures == sorted(set(pictures)) and pictures[-1] >= 23  # the oldest went, the newest are there


def test_a_camera_that_is_not_there_and_one_that_is_silent_are_told_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n", encoding="utf-8")
    nobody = f"http://127.0.0.1:{free_port()}/cam.mjpg"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for device in (nobody, f"http://127.0.0.1:{silent.getsockname()[1]}/x", "/dev/video77", str(tmp_path / "none.mp4")):
            url = "://" in device
            secret = {"user": "viewer", "password_file": str(tmp_path / "password")} if url else {}
            begin = time.monotonic()
            with pytest.raises(PlantError) as caught:
                asyncio.run(camera(tmp_path, device, timeout=1, **secret).run(Seen()))
            assert caught.value.status == 701 and time.monotonic() - begin < 6
            assert device in str(caught.value) and "geheim" not in str(caught.value)


def test_a_driver_that_does_not_return_is_not_opened_twice(tmp_path: Path) -> None:
    from lnx_collector.sources.camera import grabbing

    stuck = threading.Event()
    device = str(video(tmp_path / "a.mp4", 3, 30))
    thread = threading.Thread(target=lambda: stuck.wait(60))
    thread.start()
    grabbing._at_work[device] = thread
    try:
        with pytest.raises(PlantError, match="does not return"):
            asyncio.run(camera(tmp_path, device).run(Seen()))
    finally:
        stuck.set()
        thread.join(60)
    seen = Seen()
    asyncio.run(camera(tmp_path, device, fps=30).run(seen))
    assert seen.samples


def test_the_oldest_files_go_when_the_folder_is_full_also_those_from_before(tmp_path: Path) -> None:
    def add(folder: BoundedFolder, name: str) -> int:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        return folder.add(path)

    first = BoundedFolder(tmp_path, 350)
    assert [add(first, f"d1/{i}.jpg") for i in range(4)] == [0, 0, 0, 1]
    again = BoundedFolder(tmp_path, 350)  # after a restart
    assert [add(again, f"d2/{i}.jpg") for i in range(3)] == [1, 1, 1]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.jpg")) == ["d2/0.jpg", "d2/1.jpg", "d2/2.jpg"]
    assert not (tmp_path / "d1").exists()


def test_a_password_in_the_url_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[source]]\nname = "c"\ntype = "camera"\ndevice = "rtsp://u:p@10.0.0.1/x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="password_file") as caught:
        load_config(path)
    assert ":4" in str(caught.value)


@pytest.mark.slow
def test_an_rtsp_camera_gives_pictures(tmp_path: Path, watch: Watch) -> None:
    server = subprocess.Popen(["/usr/bin/python3", str(HERE / "rtsp_server.py")], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        port = Lines(server.stdout).next().strip()
        if not port:
            pytest.skip("GStreamer's RTSP server is not installed: apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good")
        seen = watch(camera(tmp_path, f"rtsp://127.0.0.1:{port}/cam", fps=10, timeout=10), 30, lambda seen: len(seen.samples) >= 10)
        assert len(seen.samples) >= 10
        assert files.read(tmp_path / str(seen.samples[0].value)).shape == (240, 320, 3)
    finally:
        server.kill()
        server.wait(10)
