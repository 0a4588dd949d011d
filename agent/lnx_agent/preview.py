"""What would leave this machine, uplink by uplink, in the form in which it would leave: nothing is sent, nothing is changed.

Shown are the newest records of the log, or, before the agent has ever run, records made of the newest lines of the event files with
the stream `preview`. Secrets are masked; everything else is as the uplink would send it, because the uplink's own code makes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from lnx_common.durable_log import Entry
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from lnx_agent.config import AgentSettings, FileDropSettings, MqttSettings, OtlpHttpSettings, SmartFactorySettings, UplinkSettings
from lnx_agent.delivery.otlp import request_message
from lnx_agent.evidence.verify import journal_rows
from lnx_agent.identity import agent_version
from lnx_agent.intake import event_of, process_and_part
from lnx_agent.record import draft
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in
from lnx_agent.uplinks.file_drop import line_of
from lnx_agent.uplinks.smartfactory_log import Table, records_of

STREAM = "preview"
MASK = "***"
TAIL_BYTES = 1 << 20


def preview(settings: AgentSettings, resource: bytes, count: int) -> list[dict[str, Any]]:
    """Per uplink {name, kind, to, sends}: what the newest ``count`` records become there."""
    entries = newest(settings, count)
    return [
        {"name": uplink.name, "kind": uplink.kind, "to": _address(uplink), "sends": _form(uplink, resource, entries)}
        for uplink in settings.uplink
    ]


def newest(settings: AgentSettings, count: int) -> list[Entry]:
    """The newest records of the log in order; of the event files when there is no log yet."""
    folders = [folder for folder in (settings.data / "streams").glob("*") if (folder / "journal.db").exists()]
    if not folders:
        return _from_event_files(settings.events, count)
    live = max(folders, key=lambda folder: (folder / "journal.db").stat().st_mtime_ns)
    rows = journal_rows(live / "journal.db", 0)[-count:]
    for segment in reversed(segments_in(live)):
        if len(rows) >= count:
            break
        rows = [*list(SegmentReader(segment.path).salvage())[len(rows) - count :], *rows]
    return rows


def _from_event_files(folders: Sequence[Path], count: int) -> list[Entry]:
    found: list[tuple[int, dict[str, Any], str]] = []
    for path in (path for folder in folders if folder.is_dir() for path in folder.glob("*.jsonl")):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().split(b"\n")[-count - 1 : -1]
        events = [event for line in lines if (event := event_of(line)) is not None]
        found += [(event["time_unix_nano"], event, f"{process_and_part(path)[0]}:{event['seq']}") for event in events]
    found.sort(key=lambda one: one[0])
    now = time.time_ns()
    drafts = [draft(event["event"], event["attributes"], ns, now, source) for ns, event, source in found[-count:]]
    return [Entry(n, now, one.numbered(STREAM, n)) for n, one in enumerate(drafts)]


def _address(uplink: UplinkSettings) -> str:
    if isinstance(uplink, FileDropSettings):
        return str(uplink.folder)
    if isinstance(uplink, MqttSettings):
        return f"{uplink.host}:{uplink.port} {uplink.topic}"
    return uplink.url


def _form(uplink: UplinkSettings, resource: bytes, entries: list[Entry]) -> Any:
    if isinstance(uplink, OtlpHttpSettings | MqttSettings):
        message = request_message(resource, [entry.body for entry in entries], agent_version())
        return MessageToDict(ExportLogsServiceRequest.FromString(message))
    if isinstance(uplink, FileDropSettings):
        return [json.loads(line_of(entry)) for entry in entries]
    return _service_records(uplink, entries)


def _service_records(uplink: SmartFactorySettings, entries: list[Entry]) -> list[dict[str, str]]:
    values = {"key": MASK, "account": uplink.account, "address": uplink.address}
    return records_of(Table.load(uplink.table), values, entries)
