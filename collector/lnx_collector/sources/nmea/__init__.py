"""type = "nmea": position, speed and time from a GPS receiver (NMEA 0183), over a serial line or a serial server.

Tags NAME.latitude, NAME.longitude (degrees, north and east positive), NAME.altitude (m), NAME.speed (m/s), NAME.course (degrees),
NAME.satellites, NAME.hdop. source_time is the receiver's own time once it knows the date (from RMC). Quality: no fix is
BAD_SENSOR_FAILURE, an estimated (dead-reckoned) one UNCERTAIN_SENSOR_NOT_ACCURATE. Sentences with a wrong checksum are counted
("checksum") and never stored.
"""

from __future__ import annotations

import datetime
import time
from pathlib import Path
from typing import Any, Literal

import pynmea2
from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext, SourceKind, SourceSettings
from lnx_collector.sample import Sample, Tag
from lnx_collector.sources.framing import Frames, xor8
from lnx_collector.sources.serial_stream import LineSettings, SerialStream

KNOT = 1852 / 3600
UNITS = {"latitude": "°", "longitude": "°", "altitude": "m", "speed": "m/s", "course": "°", "satellites": "", "hdop": ""}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class NmeaSettings(SourceSettings, LineSettings):
    """type = "nmea"."""

    type: Literal["nmea"]
    silent_after: Seconds = Field(30.0, gt=0)
    """No sentence for so long makes the tags Bad."""


class Receiver:
    """What a stream of sentences says; remembers the date between sentences that carry one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._date: datetime.date | None = None

    def samples(self, sentence: str, now: int) -> list[Sample]:
        """The samples of one sentence, with its checksum checked already. Empty for sentences without a position. Raises ValueError."""
        try:
            found: Any = pynmea2.parse(sentence, check=False)
            kind = getattr(found, "sentence_type", "")
            if kind == "RMC":
                return self._rmc(found, now)
            if kind == "GGA":
                return self._gga(found, now)
        except (pynmea2.ParseError, AttributeError, TypeError, IndexError) as error:
            raise ValueError(str(error)) from error
        return []

    def _rmc(self, found: Any, now: int) -> list[Sample]:
        self._date = found.datestamp if isinstance(found.datestamp, datetime.date) else self._date
        at = self._time(found.timestamp)
        if found.status != "A":
            return [self._bad(name, at, now) for name in ("speed", "course")]
        code = q.UNCERTAIN_SENSOR_NOT_ACCURATE if getattr(found, "mode_indicator", "") == "E" else q.GOOD
        values = {"speed": None if found.spd_over_grnd is None else float(found.spd_over_grnd) * KNOT, "course": found.true_course}
        return self._good({name: float(value) for name, value in values.items() if value not in (None, "")}, code, at, now)

    def _gga(self, found: Any, now: int) -> list[Sample]:
        at = self._time(found.timestamp)
        fix = int(found.gps_qual or 0)
        if fix == 0 or not found.lat or not found.lon:
            return [self._bad(name, at, now) for name in ("latitude", "longitude", "altitude")]
        code = q.UNCERTAIN_SENSOR_NOT_ACCURATE if fix in (6, 7, 8) else q.GOOD
        values: dict[str, Any] = {
            "latitude": found.latitude,
            "longitude": found.longitude,
            "altitude": found.altitude,
            "hdop": found.horizontal_dil,
        }
        if not (-90 <= found.latitude <= 90 and -180 <= found.longitude <= 180):
            raise ValueError("a position outside of the earth")
        samples = self._good({name: float(value) for name, value in values.items() if value not in (None, "")}, code, at, now)
        if found.num_sats:
            samples.append(Sample(f"{self._name}.satellites", int(found.num_sats), code, at, None, now))
        return samples

    def _time(self, moment: Any) -> int | None:
        if self._date is None or not isinstance(moment, datetime.time):
            return None
        passed = datetime.datetime.combine(self._date, moment.replace(tzinfo=datetime.UTC)) - EPOCH
        return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000

    def _good(self, values: dict[str, float], code: int, at: int | None, now: int) -> list[Sample]:
        return [Sample(f"{self._name}.{name}", value, code, at, None, now) for name, value in values.items()]

    def _bad(self, name: str, at: int | None, now: int) -> Sample:
        return Sample(f"{self._name}.{name}", None, q.BAD_SENSOR_FAILURE, at, None, now)


def checked_sentence(frame: bytes) -> str | None:
    """ "$..." without its checksum; None when it is wrong or missing."""
    body, star, given = frame.lstrip(b"$!").rpartition(b"*")
    try:
        if not star or int(given[:2], 16) != xor8(body):
            return None
        return "$" + body.decode("ascii")
    except (ValueError, UnicodeDecodeError):
        return None


class NmeaSource:
    """One receiver."""

    def __init__(self, settings: NmeaSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now

    def tags(self) -> list[Tag]:
        kinds: dict[str, Any] = {"satellites": "int"}
        name = self._settings.name
        return [Tag(f"{name}.{part}", name, kinds.get(part, "float"), unit) for part, unit in UNITS.items()]

    async def run(self, intake: Intake) -> None:
        stream = SerialStream(self._settings)
        await stream.open()
        receiver, frames = Receiver(self._settings.name), Frames(b"\n", start=b"$", longest=1024)
        heard = time.monotonic()
        try:
            while True:
                samples: list[Sample] = []
                for frame in frames.feed(await stream.read()):
                    sentence = checked_sentence(frame.strip())
                    if sentence is None:
                        intake.lost(1, "checksum")
                        continue
                    heard = time.monotonic()
                    try:
                        samples += receiver.samples(sentence, self._now())
                    except ValueError:
                        intake.lost(1, "unreadable")
                if samples:
                    await intake.accept(samples)
                if time.monotonic() - heard > self._settings.silent_after:
                    raise PlantError(701, where=stream.where, found=f"no sentence for {self._settings.silent_after:g} s")
        finally:
            stream.close()


KIND = SourceKind(NmeaSettings, NmeaSource, Path(__file__).with_name("sample.toml"))
