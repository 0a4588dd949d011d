"""Keeps pictures of a camera: each is a file below `files/NAME/DAY/`, and its sample is the path.

Times: a camera tells none, so receive_time is when the picture came; the file is named by it (UTC). What was dropped because the disk was
slow is counted ("queue_overflow"), pictures that `max_size` has no room for are deleted and counted ("deleted_size").
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from lnx_common.errors import PlantError

from lnx_collector.contract import Intake, SourceContext
from lnx_collector.images import files
from lnx_collector.images.bounded import BoundedFolder
from lnx_collector.images.cleaning import clean
from lnx_collector.sample import Sample, Tag, good
from lnx_collector.sources.camera.grabbing import Grabber, Picture
from lnx_collector.sources.camera.settings import CameraSettings

LOOK = 0.5


class CameraSource:
    """One camera."""

    def __init__(self, settings: CameraSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self._tag = f"{settings.name}.frame"
        self._kept = BoundedFolder(context.files, settings.max_size)

    def tags(self) -> list[Tag]:
        return [Tag(self._tag, self._settings.name, "image")]

    async def run(self, intake: Intake) -> None:
        while await self._watch(intake) and self._settings.repeat:
            pass

    async def _watch(self, intake: Intake) -> bool:
        """From opening to the end of a file. Raises PlantError when a camera cannot be opened or says nothing any more."""
        settings = self._settings
        try:
            address = await asyncio.to_thread(settings.address)
        except OSError as error:
            raise PlantError(701, where=settings.where, found=str(error)) from error
        size = (settings.width, settings.height)
        grabber = Grabber(address, settings.backend, size, 1 / settings.fps, settings.timeout, self._context.now)
        if not grabber.start():
            raise PlantError(701, where=settings.where, found="the driver of the camera does not return", expected="unplug and plug it in")
        try:
            while True:
                picture = await asyncio.to_thread(grabber.take, LOOK)
                if dropped := grabber.dropped():
                    intake.lost(dropped, "queue_overflow", self._tag)
                if picture is not None:
                    await self._store(picture, intake)
                elif grabber.ended:
                    break
                elif time.monotonic() - grabber.last > settings.timeout:
                    raise PlantError(701, where=settings.where, found=f"no picture for {settings.timeout:g} s")
        finally:
            grabber.stop()
        if grabber.file_is_over:
            return True
        raise PlantError(701, where=settings.where, found=grabber.ended, expected="a camera that sends pictures")

    async def _store(self, picture: Picture, intake: Intake) -> None:
        sample, deleted = await asyncio.to_thread(self._write, picture)
        if deleted:
            intake.lost(deleted, "deleted_size", self._tag)
        await intake.accept([sample])

    def _write(self, picture: Picture) -> tuple[Sample, int]:
        moment = datetime.fromtimestamp(picture.time / 1e9, UTC)
        path = _free(self._context.files / f"{moment:%Y-%m-%d}" / f"{moment:%H%M%S_%f}.{self._settings.format}")
        files.write(path, clean(picture.image, self._settings.ops))
        deleted = self._kept.add(path)
        return good(self._tag, path.relative_to(self._context.data).as_posix(), picture.time), deleted


def _free(path: Path) -> Path:
    """The path, or one beside it when a clock that went back gives the same name again."""
    candidate, n = path, 1
    while candidate.exists():
        candidate, n = path.with_stem(f"{path.stem}-{n}"), n + 1
    return candidate
