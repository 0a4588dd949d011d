"""An event as the bytes that are kept, hashed and sent: one OpenTelemetry LogRecord in protobuf.

The bytes are canonical: fields in ascending order, attributes in the order of the registry's event, `log.record.uid` last. They are
made once, when a record gets its number, and never again: the journal, the segments and the wire carry the same bytes, so what the
receiver has can be compared with what was kept. The body is there and empty, as the OpenTelemetry Collector writes it, so that its
relays pass on the same bytes.

    uid     log.record.uid = <stream>:<number, 12 digits>
    source  lnx.source     = <event file without suffix>:<number in that file>; absent for the agent's own events
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lnx_common.events import EVENTS, fits
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

UID, SOURCE = "log.record.uid", "lnx.source"
INT64 = range(-(2**63), 2**63)
_UID_HEAD = b"\x0a\x0e" + UID.encode() + b"\x12"  # KeyValue.key, then the tag of KeyValue.value
MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that lacks only its number: the bytes before and after the uid."""

    head: bytes
    tail: bytes

    def numbered(self, stream: str, seq: int) -> bytes:
        """The final bytes."""
        uid = f"{stream}:{seq:012d}".encode()
        value = b"\x0a" + _varint(len(uid)) + uid
        pair = _UID_HEAD + _varint(len(value)) + value
        return self.head + b"\x32" + _varint(len(pair)) + pair + self.tail


def draft(event: str, attributes: Mapping[str, Any], time_ns: int, observed_ns: int, source: str = "") -> Draft:
    """Makes a record of an event. What the registry does not list, or has another type for, is left out and counted.

    time_ns: when it happened; observed_ns: when the agent took it over; both ns since 1970.
    """
    known = EVENTS.get(event)
    head = LogRecord(time_unix_nano=min(max(time_ns, 0), MAX_TIME), severity_number=known.severity if known else 9)  # type: ignore[arg-type]
    head.body.SetInParent()
    types = known.attributes if known else {}
    kept = 0
    for name, kind in types.items():
        if name in attributes and fits(kind, attributes[name]):
            head.attributes.append(KeyValue(key=name, value=_value(attributes[name])))
            kept += 1
    if source:
        head.attributes.append(KeyValue(key=SOURCE, value=AnyValue(string_value=_clean(source))))
    tail = LogRecord(observed_time_unix_nano=observed_ns, event_name=_clean(event), dropped_attributes_count=len(attributes) - kept)
    return Draft(head.SerializeToString(), tail.SerializeToString())


def redraft(body: bytes) -> Draft:
    """The record without its number, to be given another."""
    record = LogRecord.FromString(body)
    head = LogRecord(time_unix_nano=record.time_unix_nano, severity_number=record.severity_number)
    head.body.SetInParent()
    head.attributes.extend(pair for pair in record.attributes if pair.key != UID)
    tail = LogRecord(observed_time_unix_nano=record.observed_time_unix_nano, event_name=record.event_name)
    tail.dropped_attributes_count = record.dropped_attributes_count
    return Draft(head.SerializeToString(), tail.SerializeToString())


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if value in INT64 else AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value) if math.isfinite(value) else AnyValue(string_value=str(value))
    if isinstance(value, str):
        return AnyValue(string_value=_clean(value))
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
    if value is None:
        return AnyValue()
    return AnyValue(string_value=_clean(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))))


def _clean(text: str) -> str:
    """Half a surrogate pair is not text; JSON can carry one all the same."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def framed(records: list[bytes]) -> bytes:
    """Records as repeated field 2 of ScopeLogs."""
    return b"".join([b"\x12" + _varint(len(record)) + record for record in records])


def delimited(field: int, data: bytes) -> bytes:
    """One length-delimited protobuf field."""
    return bytes((field << 3 | 2,)) + _varint(len(data)) + data


def plain(value: AnyValue) -> Any:
    """The Python value of an attribute."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind)


@dataclass(frozen=True)
class Parsed:
    """A record as its reader sees it."""

    event: str
    time_ns: int
    observed_ns: int
    uid: str
    source: str
    attributes: dict[str, Any]


def parsed(body: bytes) -> Parsed:
    """Reads the bytes of a record. ValueError when they are none."""
    record = LogRecord()
    try:
        record.ParseFromString(body)
    except Exception as error:  # DecodeError is not a public name in every version
        raise ValueError(f"not a log record: {error}") from error
    return of_message(record)


def of_message(record: LogRecord) -> Parsed:
    """The same of a parsed message."""
    attributes = {pair.key: plain(pair.value) for pair in record.attributes}
    uid, source = attributes.pop(UID, ""), attributes.pop(SOURCE, "")
    return Parsed(record.event_name, record.time_unix_nano, record.observed_time_unix_nano, str(uid), str(source), attributes)


def split_uid(uid: str) -> tuple[str, int]:
    """Stream and number. ValueError when it is not of that form."""
    stream, _, number = uid.rpartition(":")
    if not stream or not number.isascii() or not number.isdigit() or len(stream) > 64:
        raise ValueError(f"{uid[:80]!r} is not <stream>:<number>")
    return stream, int(number)
