"""type = "video-folder": frames of the videos in a folder, by frames per second.

Rule, for constant and variable frame rates alike: frame n of the result is what a viewer saw at n / fps seconds after the first frame,
that is the last frame of the video whose time is not later. It is written as a PNG or JPEG below `files/NAME/VIDEO/`, and its sample is
the path.

A video counts when its size has not changed for `settle` seconds. One that is cut off gives the frames up to there, and the rest is
counted as one loss ("truncated"). Where reading has got to is committed with the samples, so that a crash neither loses nor doubles one.

Times: source_time = begin + n / fps; begin is taken from the name (`name_time`), else from the file's creation_time, else there is none.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import av
from av.error import FFmpegError
from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext, SourceKind, SourceSettings
from lnx_collector.images import files
from lnx_collector.images.cleaning import Op, clean
from lnx_collector.sample import Sample, Tag

AT_ONCE = 16


class VideoSettings(SourceSettings):
    """type = "video-folder"."""

    type: Literal["video-folder"]
    folder: Path
    """Where the videos are."""
    pattern: str = "*.mp4"
    fps: float = Field(1.0, gt=0, le=1000)
    """Frames per second of the result."""
    format: Literal["png", "jpg"] = "png"
    """png keeps every pixel, jpg is a tenth of the size."""
    ops: tuple[Op, ...] = ()
    """Cleaning: denoise, deblur, rotate, in this order."""
    name_time: str = ""
    """Pattern of the time in the file's name: "cam1_%Y%m%d_%H%M%S"."""
    time_zone: str = "Asia/Seoul"
    """Zone of the time in the name."""
    settle: Seconds = Field(3.0, ge=0)
    period: Seconds = Field(2.0, gt=0)
    """How often the folder is looked at."""


def ticks(frames: Iterator[tuple[float, Any]], fps: float, first: int) -> Iterator[tuple[int, Any]]:
    """(n, frame) for n from ``first`` on: the last frame not later than n / fps, where the first frame is at 0."""
    n = first
    origin: float | None = None
    shown: Any = None
    last = 0.0
    for moment, frame in frames:
        if origin is None:
            origin = moment
        at = moment - origin
        while shown is not None and n / fps < at - 1e-9:
            yield n, shown
            n += 1
        shown, last = frame, at
    while shown is not None and n / fps <= last + 1e-9:
        yield n, shown
        n += 1


class VideoSource:
    """One folder."""

    def __init__(self, settings: VideoSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self._tag = f"{settings.name}.frame"
        self._sizes: dict[Path, tuple[int, float]] = {}
        self._failed: dict[str, int] = {}
        self._decoding = threading.Lock()
        self._stopping = threading.Event()

    def tags(self) -> list[Tag]:
        return [Tag(self._tag, self._settings.name, "image")]

    async def run(self, intake: Intake) -> None:
        done = {name: json.loads(mark) for name, mark in intake.bookmarks().items()}
        while True:
            if not await asyncio.to_thread(self._settings.folder.is_dir):
                raise PlantError(701, where=str(self._settings.folder), found="no such folder")
            intake.well()
            for path in sorted(self._settings.folder.glob(self._settings.pattern)):
                mark = done.get(path.name, {"next": 0, "size": -1})
                if await asyncio.to_thread(self._ready, path, mark["size"]):
                    done[path.name] = await self._extract(path, mark, intake)
            await asyncio.sleep(self._settings.period)

    def _ready(self, path: Path, seen: int) -> bool:
        """True for a video that is new or has grown, and quiet."""
        try:
            size = path.stat().st_size
        except OSError:
            return False
        if size == seen or self._failed.get(path.name) == size:
            return False
        known, since = self._sizes.get(path, (-1, 0.0))
        if known != size:
            self._sizes[path] = (size, time.monotonic())
            return self._settings.settle == 0
        return time.monotonic() - since >= self._settings.settle

    async def _extract(self, path: Path, mark: dict[str, int], intake: Intake) -> dict[str, int]:
        """Hands in the frames from ``mark`` on; returns how far it got."""
        size = path.stat().st_size
        reached = mark["next"]
        generator: Iterator[tuple[int, Any]] | None = None
        container = None
        try:
            container = await asyncio.to_thread(av.open, str(path))
            begin = self._begin(path, container)
            generator = ticks(_decoded(container), self._settings.fps, reached)
            while batch := await asyncio.to_thread(self._next_batch, generator, path, begin):
                reached = batch[-1][0] + 1
                unfinished = {"next": reached, "size": -1}
                await intake.accept([sample for _, sample in batch], {path.name: json.dumps(unfinished)})
            finished = {"next": reached, "size": size}
            await intake.accept([], {path.name: json.dumps(finished)})
            intake.well(path.name)
            return finished
        except (FFmpegError, files.ImageError, OSError, ValueError) as error:
            self._failed[path.name] = size
            intake.lost(1, "truncated")
            intake.trouble(path.name, PlantError(711, where=str(path), found=f"after frame {reached}: {error}"))
            return {"next": reached, "size": -1}
        finally:
            if container is not None:
                self._stopping.set()  # a thread may still be decoding: FFmpeg must not be closed under it
                with self._decoding:
                    container.close()
                self._stopping.clear()

    def _next_batch(self, generator: Iterator[tuple[int, Any]], path: Path, begin: int | None) -> list[tuple[int, Sample]]:
        with self._decoding:
            return self._frames(generator, path, begin)

    def _frames(self, generator: Iterator[tuple[int, Any]], path: Path, begin: int | None) -> list[tuple[int, Sample]]:
        batch: list[tuple[int, Sample]] = []
        for n, frame in generator:
            if self._stopping.is_set():
                return batch
            image = clean(frame.to_ndarray(format="bgr24"), self._settings.ops)
            target = self._context.files / path.stem / f"{n:06d}.{self._settings.format}"
            files.write(target, image)
            at = None if begin is None else begin + round(n / self._settings.fps * 1e9)
            value = target.relative_to(self._context.data).as_posix()
            batch.append((n, Sample(self._tag, value, q.GOOD, at, None, self._context.now())))
            if len(batch) == AT_ONCE:
                break
        return batch

    def _begin(self, path: Path, container: Any) -> int | None:
        """When the first frame was taken, ns since 1970."""
        if self._settings.name_time:
            try:
                moment = datetime.strptime(path.stem, self._settings.name_time).replace(tzinfo=ZoneInfo(self._settings.time_zone))
                return round(moment.timestamp()) * 10**9
            except ValueError:
                return None
        created = container.metadata.get("creation_time")
        try:
            return round(datetime.fromisoformat(created).astimezone(UTC).timestamp() * 1e6) * 1000 if created else None
        except ValueError:
            return None


def _decoded(container: Any) -> Iterator[tuple[float, Any]]:
    """(seconds, frame) of the first video stream. Raises ValueError without one."""
    if not container.streams.video:
        raise ValueError("no video in it")
    for frame in container.decode(container.streams.video[0]):
        if frame.time is not None:
            yield float(frame.time), frame


KIND = SourceKind(VideoSettings, VideoSource, Path(__file__).with_name("sample.toml"))
