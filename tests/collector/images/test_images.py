"""Images and videos: every frame by its rule, every image once, half-written files waited for, cleaning that does what it says."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.images import files
from lnx_collector.images.cleaning import Deblur, Denoise, Rotate, clean
from lnx_collector.images.pairs import key_of, match
from lnx_collector.registry import load_kind
from lnx_collector.sources import SOURCES
from lnx_collector.sources.video_folder import ticks

Watch = Callable[..., Seen]


def source(kind: str, folder: Path, data: Path, **options: Any) -> Any:
    loaded = load_kind(SOURCES, kind)
    raw = {"name": "cam", "type": kind, "folder": str(folder), "period": 0.05, **options}
    return loaded.build(loaded.settings.model_validate(raw), SourceContext("cam", data, time.time_ns))


def video(path: Path, times: list[Fraction]) -> Path:
    """An H.264 file whose frame i is shown at times[i] and has brightness 10 * i."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "0", "bf": "0"}
        for i, moment in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), min(250, 10 * i), np.uint8), format="bgr24")
            frame.pts, frame.time_base = int(moment * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shown(data: Path, seen: Seen) -> list[int]:
    """Which frame each extracted image is, by its brightness."""
    return [round(float(files.read(data / str(sample.value)).mean()) / 10) for sample in seen.samples]


def enough(n: int) -> Callable[[Seen], bool]:
    return lambda seen: len(seen.samples) >= n


def test_frames_come_by_the_rule_at_a_constant_rate_with_their_times(tmp_path: Path, watch: Watch) -> None:
    video(tmp_path / "cam_20261121_090000.mp4", [Fraction(i, 10) for i in range(21)])  # 10 per second, two seconds
    one = source("video-folder", tmp_path, tmp_path / "data", fps=2, settle=0.1, name_time="cam_%Y%m%d_%H%M%S")
    seen = watch(one, 10, enough(5))
    assert shown(tmp_path / "data", seen) == [0, 5, 10, 15, 20]
    assert [(s.source_time or 0) - 1_795_219_200 * 10**9 for s in seen.samples] == [i * 500_000_000 for i in range(5)]
    assert seen.samples[1].value == "files/cam/cam_20261121_090000/000001.png"


def test_frames_come_by_the_rule_at_a_variable_rate(tmp_path: Path, watch: Watch) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(15, 10), Fraction(16, 10), Fraction(3)]
    video(tmp_path / "v.mp4", times)
    seen = watch(source("video-folder", tmp_path, tmp_path / "data", fps=2, settle=0.1), 10, enough(7))
    assert shown(tmp_path / "data", seen) == [0, 1, 1, 2, 3, 3, 4]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30, unique=True).map(sorted), st.sampled_from([0.5, 1.0, 3.0, 10.0]))
def test_each_tick_shows_the_last_frame_that_is_not_later(milliseconds: list[int], fps: float) -> None:
    moments = [ms / 100 for ms in milliseconds]
    got = list(ticks(iter([(moment, i) for i, moment in enumerate(moments)]), fps, 0))
    end = moments[-1] - moments[0]
    expected = []
    n = 0
    while n / fps <= end + 1e-9:
        expected.append((n, max(i for i, moment in enumerate(moments) if moment - moments[0] <= n / fps + 1e-9)))
        n += 1
    assert got == expected


def test_a_video_that_is_still_being_written_is_waited_for_and_a_truncated_one_counted(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "made").mkdir()
    whole = video(tmp_path / "made" / "whole.mp4", [Fraction(i, 10) for i in range(21)]).read_bytes()
    path = tmp_path / "growing.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    begin = time.monotonic()

    def until(seen: Seen) -> bool:
        if time.monotonic() - begin < 1.0:
            path.touch()
            with path.open("ab") as file:
                at = path.stat().st_size
                file.write(whole[at : at + 20])
        elif path.stat().st_size < len(whole):
            path.write_bytes(whole)
        return len(seen.samples) >= 5

    seen = watch(source("video-folder", tmp_path, tmp_path / "data", fps=2, settle=0.4), 15, until)
    assert shown(tmp_path / "data", seen) == [0, 5, 10, 15, 20] and not seen.losses

    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    seen = watch(source("video-folder", tmp_path, tmp_path / "data", pattern="cut.mp4", settle=0.1), 5, lambda seen: bool(seen.losses))
    assert seen.losses == [(1, "truncated", "")] and seen.troubles["cut.mp4"].status == 711


def test_after_a_crash_extraction_goes_on_at_the_next_frame(tmp_path: Path) -> None:
    import asyncio

    video(tmp_path / "v.mp4", [Fraction(i, 10) for i in range(41)])
    data = tmp_path / "data"

    async def run(marks: dict[str, str], n: int) -> Seen:
        seen = Seen(marks=marks)
        task = asyncio.create_task(source("video-folder", tmp_path, data, fps=10, settle=0).run(seen))
        while len(seen.samples) < n:
            assert not task.done()
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    first = asyncio.run(run({}, 16))
    second = asyncio.run(run(dict(first.marks), 41 - len(first.samples)))
    assert shown(data, first) + shown(data, second) == [min(25, i) for i in range(41)]  # brightness ends at 250


def test_images_are_taken_once_whole_and_in_order(tmp_path: Path, watch: Watch) -> None:
    folder, data = tmp_path / "사진", tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (20, 30, 3), np.uint8)
    for name in ("20261121_090000_000001.jpg", "b.png", "c.bmp", "d.tif"):
        files.write(folder / name, picture)
        time.sleep(0.01)
    files.write(tmp_path / "e.png", (picture.astype(np.uint16) * 257))
    raw = (tmp_path / "e.png").read_bytes()
    (folder / "e.png").write_bytes(raw[:200])
    (folder / "note.txt").write_text("x")

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 4 and (folder / "e.png").stat().st_size == 200:
            (folder / "e.png").write_bytes(raw)
        return len(seen.samples) >= 5

    seen = watch(source("image-folder", folder, data, name_time="%Y%m%d_%H%M%S_%f"), 10, until)
    assert [Path(str(s.value)).name for s in seen.samples] == ["20261121_090000_000001.jpg", "b.png", "c.bmp", "d.tif", "e.png"]
    assert seen.samples[0].source_time == 1_795_219_200 * 10**9 + 1000
    assert (data / str(seen.samples[-1].value)).read_bytes() == raw
    again = Seen(marks=dict(seen.marks))
    files.write(folder / "f.png", picture)
    import asyncio

    async def more() -> None:
        task = asyncio.create_task(source("image-folder", folder, data).run(again))
        await asyncio.sleep(0.5)
        task.cancel()

    asyncio.run(more())
    assert [Path(str(s.value)).name for s in again.samples] == ["f.png"]


def test_denoising_brings_an_image_nearer_to_the_clean_one_and_deblurring_too() -> None:
    rng = np.random.default_rng(1)
    truth = cv2.GaussianBlur(rng.integers(0, 255, (64, 64), np.uint8), (9, 9), 2)
    truth = cv2.normalize(truth, None, 20, 235, cv2.NORM_MINMAX)
    noisy = np.clip(truth + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)

    def distance(image: Any) -> float:
        return float(np.abs(image.astype(float) - truth).mean())

    for method in ("median", "gaussian", "bilateral", "non-local-means"):
        op = Denoise.model_validate({"op": "denoise", "method": method, "size": 5, "strength": 25})
        assert distance(clean(noisy, [op])) < distance(noisy)
    blurred = cv2.GaussianBlur(truth, (0, 0), 1.5)
    assert distance(clean(blurred, [Deblur(op="deblur", sigma=1.5, noise=0.001)])) < 0.6 * distance(blurred)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(12, 20), (12, 20, 3)])
def test_cleaning_keeps_depth_and_channels_and_quarter_turns_are_exact(dtype: Any, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    ops = [
        Denoise(op="denoise"),
        Denoise(op="denoise", method="non-local-means"),
        Deblur(op="deblur", sigma=1),
        Rotate(op="rotate", degrees=10),
    ]
    result = clean(image, ops)
    assert (result.dtype, result.shape) == (image.dtype, image.shape)
    turned = clean(image, [Rotate(op="rotate", degrees=90)])
    assert turned.shape[:2] == (20, 12) and np.array_equal(turned[0, -1], image[0, 0])  # clockwise
    assert np.array_equal(clean(turned, [Rotate(op="rotate", degrees=-90)]), image)


def test_pairs_are_matched_by_name_then_by_content_and_never_guessed(tmp_path: Path) -> None:
    low, high = tmp_path / "low", tmp_path / "high"
    low.mkdir()
    high.mkdir()
    rng = np.random.default_rng(3)
    pictures = [cv2.resize(rng.integers(0, 255, (8, 8), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC) for _ in range(5)]

    def degrade(image: Any) -> Any:
        return cv2.GaussianBlur(cv2.resize(image, (80, 60)), (3, 3), 1)

    files.write(high / "part1_hr.png", pictures[0])
    files.write(low / "part1_lr.png", degrade(pictures[0]))
    files.write(high / "IMG_0071.png", pictures[1])
    files.write(low / "0005.png", degrade(pictures[1]))
    files.write(high / "alone.png", pictures[2])
    files.write(low / "other.png", degrade(pictures[3]))
    (low / "broken.png").write_bytes(b"\x89PNG broken")
    found = match(low, high)
    assert [(a.name, b.name) for a, b in found.by_name] == [("part1_lr.png", "part1_hr.png")]
    assert [(a.name, b.name) for a, b in found.by_content] == [("0005.png", "IMG_0071.png")]
    assert [p.name for p in found.low_alone] == ["other.png"] and [p.name for p in found.high_alone] == ["alone.png"]
    assert [p.name for p in found.unreadable] == ["broken.png"]
    assert key_of(Path("A-3_저품질.png")) == key_of(Path("A-3_고품질.png")) == "a_3"
    command = [
        sys.executable,
        "-c",
        "from lnx.cli import main; main()",
        "collect",
        "pairs",
        str(low),
        str(high),
        str(tmp_path / "pairs.csv"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "pairs.csv").read_text(encoding="utf-8-sig").splitlines()[1:] == [
        "part1_lr.png,part1_hr.png,name",
        "0005.png,IMG_0071.png,content",
    ]
