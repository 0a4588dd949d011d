"""Values, data types and qualities of Sparkplug metrics, and ours.

Integers travel as two's complement in unsigned fields; Sparkplug knows three qualities (0 bad, 192 good, 500 stale), so that the full
StatusCode goes along in a property of its own between two collectors.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from lnx_collector import quality as q
from lnx_collector.sample import Kind, Value
from lnx_collector.sparkplug.schema import Payload

INT32, INT64, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, TEXT, UUID, DATASET, TEMPLATE = 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19
BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
TYPE_OF_KIND: Final[dict[Kind, int]] = {"float": DOUBLE, "int": INT64, "bool": BOOLEAN, "text": STRING, "image": STRING}
INT64_LIMIT = 2**63

QUALITY, STATUS_CODE, SEQ, UNIT, DESCRIPTION = "Quality", "StatusCode", "seq", "engUnit", "Documentation"
SPARKPLUG_GOOD, SPARKPLUG_BAD, SPARKPLUG_STALE = 192, 0, 500
COMPRESSED = "SPBV1.0_COMPRESSED"
ZLIB_OR_GZIP = 47
DEEPEST = 8


class PayloadError(ValueError):
    """Bytes that are no payload; the text says why."""


def parse(raw: bytes, most: int) -> Any:
    """The payload of a message; one in compressed form is unpacked up to ``most`` bytes. Raises PayloadError."""
    try:
        payload = Payload.FromString(raw)
        if payload.uuid != COMPRESSED:
            return payload
        unpacker = zlib.decompressobj(ZLIB_OR_GZIP)
        unpacked = unpacker.decompress(payload.body, most)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise PayloadError(f"a compressed payload that is torn or longer than {most} bytes")
        return Payload.FromString(unpacked)
    except DecodeError as error:
        raise PayloadError("no Sparkplug payload") from error
    except zlib.error as error:
        raise PayloadError(f"a compressed payload that cannot be unpacked: {error}") from error


class Reading(NamedTuple):
    """One value of a metric. ``quality`` is ours; a value that has no place in a sample is None with quality BAD_NOT_SUPPORTED."""

    value: Value
    quality: int
    time: int | None


def kind_of(datatype: int) -> Kind:
    """The kind of tag for a data type."""
    if datatype in (FLOAT, DOUBLE):
        return "float"
    if datatype == BOOLEAN:
        return "bool"
    return "text" if datatype in (STRING, TEXT, UUID) else "int" if 1 <= datatype <= UINT64 or datatype == DATETIME else "float"


def reading_of(metric: Any, datatype: int, sent: int) -> Reading:
    """What a metric says; ``datatype`` is that of its birth, ``sent`` the time of the payload in ms (0 = none)."""
    milliseconds = metric.timestamp or sent
    time = milliseconds * 1_000_000 if 0 < milliseconds < 2**42 else None
    code = quality_of(metric)
    field = metric.WhichOneof("value")
    if metric.is_null:
        return Reading(None, code if q.is_bad(code) else q.BAD, time)
    if field is None or field in ("bytes_value", "template_value"):
        return Reading(None, q.BAD_NOT_SUPPORTED, time)
    value: Value = getattr(metric, field)
    if field in ("int_value", "long_value"):
        value = _integer(int(value or 0), datatype)
    return Reading(None if q.is_bad(code) else value, code, time)


def _integer(value: int, datatype: int) -> int | bool:
    if datatype == BOOLEAN:
        return bool(value)
    bits = BITS.get(datatype)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def quality_of(metric: Any) -> int:
    """Our quality from the properties of a metric; GOOD without any."""
    if not metric.HasField("properties"):
        return q.GOOD
    exact = property_of(metric, STATUS_CODE)
    if isinstance(exact, int) and 0 <= exact < 2**32:
        return exact
    told = property_of(metric, QUALITY)
    return {SPARKPLUG_BAD: q.BAD, SPARKPLUG_STALE: q.UNCERTAIN_LAST_USABLE}.get(told, q.GOOD) if isinstance(told, int) else q.GOOD


def property_of(metric: Any, key: str) -> Value:
    """A property of a metric by its name; None when there is none."""
    for name, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if name == key:
            field = value.WhichOneof("value")
            return None if field is None or value.is_null else _signed(getattr(value, field), value.type)
    return None


def _signed(value: Value, datatype: int) -> Value:
    return _integer(value, datatype) if isinstance(value, int) and not isinstance(value, bool) else value


def fitting(datatype: int, value: Value) -> int:
    """The data type that can carry ``value``: ``datatype`` itself, or the next wider one: Boolean, Int64, Double, String."""
    if value is None:
        return datatype
    if isinstance(value, str):
        return STRING
    if isinstance(value, bool):
        return datatype
    if datatype == BOOLEAN:
        datatype = INT64
    if isinstance(value, float):
        return DOUBLE if datatype == INT64 else datatype
    return STRING if not -INT64_LIMIT <= value < INT64_LIMIT else datatype


def put(metric: Any, datatype: int, value: Value, quality: int) -> None:
    """Writes a value that `fitting` found room for, and its quality, into a metric."""
    if value is None:
        metric.is_null = True
    elif datatype == STRING:
        metric.string_value = value if isinstance(value, str) else str(value)
    elif datatype == BOOLEAN:
        metric.boolean_value = bool(value)
    elif datatype == INT64:
        metric.long_value = int(value) & (2**64 - 1)
    else:
        metric.double_value = float(value)
    if quality != q.GOOD:
        good, bad = q.is_good(quality), q.is_bad(quality)
        put_property(metric, QUALITY, INT32, SPARKPLUG_GOOD if good else SPARKPLUG_BAD if bad else SPARKPLUG_STALE)
        put_property(metric, STATUS_CODE, UINT64, quality)


def put_property(metric: Any, key: str, datatype: int, value: int | str) -> None:
    """Adds a property: text, or a number that is not negative."""
    metric.properties.keys.append(key)
    added = metric.properties.values.add(type=datatype)
    if isinstance(value, str):
        added.string_value = value
    elif datatype == INT32:
        added.int_value = value
    else:
        added.long_value = value
