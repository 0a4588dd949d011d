"""What goes over the wire: ExportLogsServiceRequest in protobuf, gzip, and the judgement of the answer.

Only HTTP 200 with a body that parses as ExportLogsServiceResponse and rejects nothing is a success. A captive portal answers 200
with HTML, a proxy answers 200 with nothing: neither has the records.
"""

from __future__ import annotations

import email.utils
import gzip
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from lnx_agent.record import framed
from lnx_agent.wire import delimited

CONTENT_TYPE = "application/x-protobuf"
SCHEMA_URL = "https://lnx-edge.example/schemas/events/1"
GZIP_LEVEL = 6
LONGEST_WAIT_S = 900.0
CONFLICT_HEADER = "LNX-Conflict"  # our receiver: other records are known under these numbers


class Verdict(Enum):
    """What an answer means for the records that were sent."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # the same again, later
    TOO_LARGE = "too-large"  # the same in smaller pieces
    POISON = "poison"  # one of them at least is refused for what it is
    CONFLICT = "conflict"  # the receiver knows other records under these numbers: our storage is an older copy of itself
    REFUSED = "refused"  # nothing of ours would be taken: wrong address, wrong key, something else answers


@dataclass(frozen=True)
class Answer:
    """Judged answer. ``wait_s``: what the server asked for, clamped; ``reason``: short, without site data."""

    verdict: Verdict
    reason: str = ""
    wait_s: float | None = None


@dataclass(frozen=True)
class Response:
    """An HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def resource_bytes(attributes: Mapping[str, str]) -> bytes:
    """The serialized Resource of a stream."""
    pairs = [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items() if value]
    return Resource(attributes=pairs).SerializeToString()


def request_body(resource: bytes, records: list[bytes], version: str) -> bytes:
    """The gzipped request."""
    return gzip.compress(request_message(resource, records, version), GZIP_LEVEL, mtime=0)


def request_message(resource: bytes, records: list[bytes], version: str) -> bytes:
    """The ExportLogsServiceRequest; the records' bytes go in as they are."""
    scope = InstrumentationScope(name="lnx-agent", version=version).SerializeToString()
    logs = delimited(0x0A, scope) + framed(records) + delimited(0x1A, SCHEMA_URL.encode())
    resource_logs = delimited(0x0A, resource) + delimited(0x12, logs)
    return delimited(0x0A, resource_logs)


def judge(response: Response) -> Answer:
    """What an answer means."""
    status, reason = response.status, f"http-{response.status}"
    if status == 200:
        return _judge_success(response)
    if status == 413:
        return Answer(Verdict.TOO_LARGE, reason)
    if status in (400, 422):
        return Answer(Verdict.POISON, reason)
    if status in (408, 425, 429) or status >= 500:
        return Answer(Verdict.RETRY, reason, retry_after(response.headers.get("retry-after", "")))
    return Answer(Verdict.REFUSED, reason)


def _judge_success(response: Response) -> Answer:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != CONTENT_TYPE:  # an empty message is a success, but only from somebody who says that it is one
        return Answer(Verdict.REFUSED, "foreign-answer")
    try:
        message = ExportLogsServiceResponse.FromString(response.body)
    except DecodeError:
        return Answer(Verdict.REFUSED, "foreign-answer")
    if message.partial_success.rejected_log_records and CONFLICT_HEADER.lower() in response.headers:
        return Answer(Verdict.CONFLICT, "conflict")
    if message.partial_success.rejected_log_records:
        return Answer(Verdict.POISON, "partial-success")
    return Answer(Verdict.ACCEPTED)


def retry_after(text: str, now: float | None = None) -> float | None:
    """Seconds to wait: a number or an HTTP date, between 0 and 15 minutes; None when it says nothing usable."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now)
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
