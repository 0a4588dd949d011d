"""What flows through the collector: samples of tags.

A sample is one value of one tag with its quality and up to three times, as OPC UA has them:

    source_time    when the measuring device says it measured; None when the protocol has no such time
    server_time    when the server or gateway between it and us says it had the value; None likewise
    receive_time   when it reached this PC; always there

All times are nanoseconds since 1970-01-01 UTC as the respective clock told them; none is ever corrected in place.

Invariant: Bad quality has no value (``None``), and a sample without a value is Bad. ``good``, ``sample`` and ``bad`` keep it; the
intake checks it.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from lnx_collector import quality as q

Value = float | int | bool | str | None
Kind = Literal["float", "int", "bool", "text", "image"]


class Sample(NamedTuple):
    """One value of one tag."""

    tag: str
    value: Value
    quality: int
    source_time: int | None
    server_time: int | None
    receive_time: int

    @property
    def time(self) -> int:
        """The best known time of measurement: the device's, else the server's, else ours."""
        return self.source_time or self.server_time or self.receive_time


class Tag(NamedTuple):
    """A named measuring point. ``image`` values are paths of files, relative to the data folder."""

    name: str
    source: str
    kind: Kind = "float"
    unit: str = ""
    description: str = ""


def good(tag: str, value: float | int | bool | str, receive_time: int, source_time: int | None = None) -> Sample:
    """A Good sample. NaN and infinity are no values: they make it Bad (BAD_OUT_OF_RANGE)."""
    if isinstance(value, float) and not math.isfinite(value):
        return bad(tag, q.BAD_OUT_OF_RANGE, receive_time, source_time)
    return Sample(tag, value, q.GOOD, source_time, None, receive_time)


def bad(tag: str, quality: int, receive_time: int, source_time: int | None = None) -> Sample:
    """A Bad sample: there is no value, and ``quality`` says why."""
    return Sample(tag, None, quality | q.BAD, source_time, None, receive_time)


def checked(sample: Sample) -> Sample:
    """The sample with the invariant restored: a Bad one loses its value; one without a usable value becomes Bad."""
    if q.is_bad(sample.quality):
        return sample if sample.value is None else sample._replace(value=None)
    if sample.value is None:
        return sample._replace(quality=q.BAD)
    if isinstance(sample.value, float) and not math.isfinite(sample.value):
        return sample._replace(value=None, quality=q.BAD_OUT_OF_RANGE)
    return sample
