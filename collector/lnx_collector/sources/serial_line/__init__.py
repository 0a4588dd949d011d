"""type = "serial": scales, gauges and meters that send lines of text, or frames of fixed length.

Each frame is checked, then matched with `regex`; its named groups are the tags' values. A frame that fails is counted as lost
("checksum", "no_match"). With `request` the device is asked every `period`.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Literal

from lnx_common.config import Seconds, Settings, rule_broken
from lnx_common.errors import PlantError
from pydantic import Field, field_validator, model_validator

from lnx_collector import quality as q
from lnx_collector.contract import Intake, Name, SourceContext, SourceKind, SourceSettings
from lnx_collector.sample import Kind, Sample, Tag, good
from lnx_collector.sources.framing import Frames, without_checksum
from lnx_collector.sources.serial_stream import LineSettings, SerialStream


class SerialTag(Settings):
    """[[source.tag]]"""

    name: Name
    group: str
    """Named group of the regular expression."""
    kind: Kind = "float"
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    description: str = ""


class SerialSettings(SourceSettings, LineSettings):
    """type = "serial"."""

    type: Literal["serial"]
    end: str = "\r\n"
    """What ends a frame; "" with `length`."""
    start: str = ""
    """What a frame begins with; bytes before it are noise."""
    length: int = Field(0, ge=0, le=4096)
    """Bytes of a frame, for devices that send no end."""
    encoding: str = "ascii"
    """Of the text: "ascii", "cp949", "utf-8"."""
    checksum: Literal["none", "xor8", "sum8", "crc16-modbus"] = "none"
    """At the end of a frame."""
    checksum_hex: bool = False
    """The checksum is written as hex digits."""
    regex: str
    r"""Regular expression with a named group per value: "ST,GS,(?P<weight>[+-][0-9.]+)kg"."""
    request: str = ""
    """Sent every `period`, for devices that answer only when asked."""
    period: Seconds = Field(1.0, gt=0)
    silent_after: Seconds | None = Field(None, gt=0)
    """No frame for so long makes the tags Bad."""
    tag: tuple[SerialTag, ...] = Field(min_length=1)

    @field_validator("regex")
    @classmethod
    def _compiles(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise rule_broken(f"a regular expression: {error}", f"올바른 정규식: {error}") from error
        return text

    @model_validator(mode="after")
    def _fits(self) -> SerialSettings:
        groups = re.compile(self.regex).groupindex
        unknown = [tag.group for tag in self.tag if tag.group not in groups]
        if unknown:
            raise rule_broken(
                f'groups of the expression ({", ".join(groups)}), not "{unknown[0]}"', f"정규식의 그룹({', '.join(groups)})만 사용"
            )
        if bool(self.end) == bool(self.length):
            raise rule_broken("end or length, one of them", "end와 length 중 하나")
        return self


class SerialSource:
    """One line."""

    def __init__(self, settings: SerialSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._regex = re.compile(settings.regex)

    def tags(self) -> list[Tag]:
        return [Tag(tag.name, self._settings.name, tag.kind, tag.unit, tag.description) for tag in self._settings.tag]

    async def run(self, intake: Intake) -> None:
        settings = self._settings
        stream = SerialStream(settings)
        await stream.open()
        frames = Frames(settings.end.encode(), settings.length, settings.start.encode())
        heard = asked = time.monotonic() - settings.period
        try:
            while True:
                if settings.request and time.monotonic() - asked >= settings.period:
                    asked = time.monotonic()
                    await stream.write(settings.request.encode())
                data = await stream.read()
                samples = [sample for frame in frames.feed(data) for sample in self._samples(frame, intake)]
                if frames.noise:
                    intake.lost(1, "noise")
                    frames.noise = 0
                if samples:
                    heard = time.monotonic()
                    await intake.accept(samples)
                elif settings.silent_after is not None and time.monotonic() - heard > settings.silent_after:
                    raise PlantError(701, where=stream.where, found=f"no frame for {settings.silent_after:g} s")
        finally:
            stream.close()

    def _samples(self, frame: bytes, intake: Intake) -> list[Sample]:
        now = self._now()
        body = without_checksum(frame, self._settings.checksum, self._settings.checksum_hex)
        if body is None:
            intake.lost(1, "checksum")
            return []
        match = self._regex.search(body.decode(self._settings.encoding, "replace"))
        if match is None:
            intake.lost(1, "no_match")
            return []
        return [sample for tag in self._settings.tag if (sample := self._sample(tag, match[tag.group], now)) is not None]

    def _sample(self, tag: SerialTag, text: str | None, now: int) -> Sample | None:
        if text is None:
            return None
        if tag.kind == "text":
            return good(tag.name, text.strip(), now)
        try:
            number = float(text.replace(" ", ""))
        except ValueError:
            return Sample(tag.name, None, q.BAD_DECODING, None, None, now)
        value = number * tag.scale + tag.offset
        return good(tag.name, bool(value) if tag.kind == "bool" else round(value) if tag.kind == "int" else value, now)


async def sniff(settings: LineSettings, seconds: float) -> bytes:
    """What comes over a line within some seconds."""
    stream = SerialStream(settings)
    await stream.open()
    heard, end = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < end and len(heard) < 65536:
            heard += await stream.read()
            await asyncio.sleep(0)
        return heard
    finally:
        stream.close()


KIND = SourceKind(SerialSettings, SerialSource, Path(__file__).with_name("sample.toml"))
