"""type = "image-folder": images that a camera program writes into a folder (JPEG, PNG, BMP, TIFF; 8 and 16 bit).

Each whole image becomes one sample of tag NAME.image: the path of a copy below `files/NAME/` (cleaned by `ops`, if any). Half-written files
are waited for. source_time is taken from the name (`name_time`), else from the file's time of change. What was taken is committed with
the samples (the newest time at which a file came or changed, and the names that have it), so that a crash neither loses nor doubles an
image. That time is the later one of change and of the file's appearance in the folder, so that an old file that is copied here is new.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict
from zoneinfo import ZoneInfo

from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from lnx_common.files import write_durably
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext, SourceKind, SourceSettings
from lnx_collector.images import files
from lnx_collector.images.cleaning import Op, clean
from lnx_collector.sample import Sample, Tag

AT_ONCE = 32
PATIENCE = 60.0


class ImageFolderSettings(SourceSettings):
    """type = "image-folder"."""

    type: Literal["image-folder"]
    folder: Path
    """Where the images are."""
    pattern: str = "*"
    """Which of them; "**/*" looks into folders inside."""
    ops: tuple[Op, ...] = ()
    """Cleaning: denoise, deblur, rotate, in this order; the copy is then a PNG."""
    name_time: str = ""
    """Pattern of the time in the file's name: "%Y%m%d_%H%M%S_%f"."""
    time_zone: str = "Asia/Seoul"
    """Zone of the time in the name."""
    period: Seconds = Field(1.0, gt=0)
    """How often the folder is looked at."""


class _Mark(TypedDict):
    """The newest time that was taken, and the names that have it."""

    time: int
    names: list[str]


class ImageFolderSource:
    """One folder."""

    def __init__(self, settings: ImageFolderSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self._tag = f"{settings.name}.image"
        self._first_seen: dict[Path, float] = {}
        self._given_up: dict[Path, int] = {}

    def tags(self) -> list[Tag]:
        return [Tag(self._tag, self._settings.name, "image")]

    async def run(self, intake: Intake) -> None:
        mark: _Mark = json.loads(intake.bookmarks().get("newest", '{"time": 0, "names": []}'))
        while True:
            if not await asyncio.to_thread(self._settings.folder.is_dir):
                raise PlantError(701, where=str(self._settings.folder), found="no such folder")
            intake.well()
            fresh = await asyncio.to_thread(self._fresh, mark)
            for begin in range(0, len(fresh), AT_ONCE):
                samples = []
                for changed, path in fresh[begin : begin + AT_ONCE]:
                    sample = await asyncio.to_thread(self._take, path)
                    if sample is None:
                        if not self._wait_longer(path, changed, intake):
                            continue
                        break
                    samples.append(sample)
                    name = path.relative_to(self._settings.folder).as_posix()
                    mark = {"time": changed, "names": [*(mark["names"] if mark["time"] == changed else []), name]}
                else:
                    if samples:
                        await intake.accept(samples, {"newest": json.dumps(mark, ensure_ascii=False)})
                    continue
                if samples:
                    await intake.accept(samples, {"newest": json.dumps(mark, ensure_ascii=False)})
                break  # a file is still being written: later ones wait, so that the order stays
            await asyncio.sleep(self._settings.period)

    def _fresh(self, mark: _Mark) -> list[tuple[int, Path]]:
        """(time of change, path) of images after the mark, oldest first."""
        found = []
        for path in self._settings.folder.glob(self._settings.pattern):
            if path.suffix.lower() not in files.SUFFIXES:
                continue
            stat = path.stat()
            changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
            taken = path.relative_to(self._settings.folder).as_posix() in mark["names"]
            if (changed, 1) > (mark["time"], int(taken)) and self._given_up.get(path) != changed:
                found.append((changed, path))
        return sorted(found)

    def _take(self, path: Path) -> Sample | None:
        """Copies an image and makes its sample; None when it is not whole."""
        try:
            raw = path.read_bytes()
            image = files.decode(raw)
        except (OSError, files.ImageError):
            return None
        relative = path.relative_to(self._settings.folder)
        target = self._context.files / relative
        if self._settings.ops:
            target = target.with_suffix(".png")
            files.write(target, clean(image, self._settings.ops))
        else:
            write_durably(target, raw)
        value = target.relative_to(self._context.data).as_posix()
        return Sample(self._tag, value, q.GOOD, self._time(path), None, self._context.now())

    def _wait_longer(self, path: Path, changed: int, intake: Intake) -> bool:
        """True while a file may still be being written; after a minute it is counted as lost and passed."""
        since = self._first_seen.setdefault(path, time.monotonic())
        if time.monotonic() - since < PATIENCE:
            return True
        self._given_up[path] = changed
        intake.lost(1, "unreadable", self._tag)
        intake.trouble(path.name, PlantError(711, where=str(path), found="no whole image after a minute"))
        return False

    def _time(self, path: Path) -> int:
        if self._settings.name_time:
            try:
                moment = datetime.strptime(path.stem, self._settings.name_time).replace(tzinfo=ZoneInfo(self._settings.time_zone))
                return round(moment.timestamp() * 1e6) * 1000
            except ValueError:
                pass
        return path.stat().st_mtime_ns


KIND = SourceKind(ImageFolderSettings, ImageFolderSource, Path(__file__).with_name("sample.toml"))
