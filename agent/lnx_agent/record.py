"""An event as the bytes that are kept, hashed and sent: one OpenTelemetry LogRecord in protobuf.

The bytes are canonical: fields in ascending order, attributes in the order of the registry's event, `log.record.uid` last. They are
made once, when a record gets its number, and never again: the journal, the segments and the wire carry the same bytes, so what the
receiver has can be compared with what was kept. The body is there and empty, as the OpenTelemetry Collector writes it, so that its
relays pass on the same bytes.

    uid     log.record.uid = <stream>:<number, 12 digits>
    source  lnx.source     = <event file without suffix>:<number in that file>; absent for the agent's own events
    mark    time.unsynchronised = true when the clock could not be right as the record was accepted (a dead battery: 1970); absent
            otherwise. `agent.clock` tells later by how much it was off. Nothing is stamped anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lnx_common.clocks import EARLIEST_NS, LATEST_NS
from lnx_common.events import EVENTS, fits
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from lnx_agent.wire import record_parts, varint

try:
    from lnx_agent import _scan
except ImportError:  # run from sources that were not built
    _scan = None  # type: ignore[assignment]

UID, SOURCE, UNSYNCHRONISED = "log.record.uid", "lnx.source", "time.unsynchronised"
_UID_HEAD = b"\x0a\x0e" + UID.encode() + b"\x12"  # KeyValue.key, then the tag of KeyValue.value
MAX_TIME = 2**63 - 1
UNKNOWN_SEVERITY = 9


class Draft(NamedTuple):
    """A record that lacks only its number: the bytes before and after the uid."""

    head: bytes
    tail: bytes

    def numbered(self, stream: str, seq: int) -> bytes:
        """The final bytes."""
        uid = f"{stream}:{seq:012d}".encode()
        value = b"\x0a" + varint(len(uid)) + uid
        pair = _UID_HEAD + varint(len(value)) + value
        return self.head + b"\x32" + varint(len(pair)) + pair + self.tail


def draft(event: str, attributes: Mapping[str, Any], time_ns: int, observed_ns: int, source: str = "") -> Draft:
    """Makes a record of an event. What the registry does not list, or has another type for, is left out and counted.

    time_ns: when it happened; observed_ns: when the agent took it over; both ns since 1970.
    """
    known = EVENTS.get(event)
    wrong_clock = not EARLIEST_NS <= observed_ns <= LATEST_NS  # clocks.plausible, without a call per record
    if _scan is not None and known is not None and type(attributes) is dict:
        time_ns = min(max(time_ns, 0), MAX_TIME)
        parts = _scan.draft_parts(time_ns, known.severity, known.attributes, attributes, source, wrong_clock, observed_ns, event)
        if parts is not None:
            return Draft(*parts)
    return plain_draft(event, attributes, time_ns, observed_ns, source)


def plain_draft(event: str, attributes: Mapping[str, Any], time_ns: int, observed_ns: int, source: str = "") -> Draft:
    """The same without the help of `_scan`: its twin, and what takes over what is rare."""
    known = EVENTS.get(event)
    types = known.attributes if known else {}
    pairs = [(name, attributes[name]) for name, kind in types.items() if name in attributes and fits(kind, attributes[name])]
    dropped = len(attributes) - len(pairs)
    if source:
        pairs.append((SOURCE, source))
    if not EARLIEST_NS <= observed_ns <= LATEST_NS:
        pairs.append((UNSYNCHRONISED, True))
    severity = known.severity if known else UNKNOWN_SEVERITY
    return Draft(*record_parts(min(max(time_ns, 0), MAX_TIME), severity, pairs, observed_ns, event, dropped))


def redraft(body: bytes) -> Draft:
    """The record without its number, to be given another."""
    record = LogRecord.FromString(body)
    head = LogRecord(time_unix_nano=record.time_unix_nano, severity_number=record.severity_number)
    head.body.SetInParent()
    head.attributes.extend(pair for pair in record.attributes if pair.key != UID)
    tail = LogRecord(observed_time_unix_nano=record.observed_time_unix_nano, event_name=record.event_name)
    tail.dropped_attributes_count = record.dropped_attributes_count
    return Draft(head.SerializeToString(), tail.SerializeToString())


def framed(records: list[bytes]) -> bytes:
    """Records as repeated field 2 of ScopeLogs."""
    return b"".join([b"\x12" + varint(len(record)) + record for record in records])


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
    unsynchronised: bool = False


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
    wrong = attributes.pop(UNSYNCHRONISED, False) is True
    return Parsed(record.event_name, record.time_unix_nano, record.observed_time_unix_nano, str(uid), str(source), attributes, wrong)


def event_and_source(body: bytes) -> tuple[str, str]:
    """Event and source alone, without parsing the whole. ValueError when the bytes are no record."""
    found = _scan.event_and_source(body) if _scan is not None else None
    if found is None:
        record = parsed(body)
        found = record.event, record.source
    return found


def split_uid(uid: str) -> tuple[str, int]:
    """Stream and number. ValueError when it is not of that form."""
    stream, _, number = uid.rpartition(":")
    if not stream or not number.isascii() or not number.isdigit() or len(stream) > 64:
        raise ValueError(f"{uid[:80]!r} is not <stream>:<number>")
    return stream, int(number)
