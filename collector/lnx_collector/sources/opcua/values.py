"""From OPC UA data values to samples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from lnx_collector import quality as q
from lnx_collector.sample import Sample, Value

EPOCH = datetime(1970, 1, 1)


class UnsupportedError(TypeError):
    """A value that a sample cannot hold: an array, a structure."""


def nanoseconds(moment: datetime | None) -> int | None:
    """UTC nanoseconds since 1970 of a time of the wire; None for none, for the protocol's zero (1601) and for its end (9999)."""
    if moment is None or not 1970 <= moment.year < 9999:
        return None
    passed = (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment) - EPOCH
    return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000


def plain(value: Any) -> Value:
    """A number, truth value or text; times as ISO 8601, byte strings as hex. Raises UnsupportedError."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, ua.LocalizedText):
        return str(value.Text or "")
    if isinstance(value, ua.QualifiedName):
        return str(value.Name)
    if isinstance(value, ua.StatusCode):
        return int(value.value)
    raise UnsupportedError(type(value).__name__)


def sample_of(tag: str, data: ua.DataValue, now: int) -> Sample:
    """The sample of a data value, with the server's own status code and both of its times."""
    code = int(data.StatusCode.value) if data.StatusCode is not None else q.GOOD
    source, server = nanoseconds(data.SourceTimestamp), nanoseconds(data.ServerTimestamp)
    if code & q.BAD:
        return Sample(tag, None, code, source, server, now)
    try:
        value = plain(data.Value.Value if data.Value is not None else None)
    except UnsupportedError:
        return Sample(tag, None, q.BAD_TYPE_MISMATCH, source, server, now)
    if value is None or (isinstance(value, float) and value - value != 0):
        return Sample(tag, None, q.BAD_OUT_OF_RANGE if value is not None else q.BAD, source, server, now)
    return Sample(tag, value, code, source, server, now)
