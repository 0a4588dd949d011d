"""Makes the programs' table of events and docs/reference/events.md from common/events.toml."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

TYPES = ("text", "integer", "number", "boolean", "integers", "texts", "json")
PRIVACY = ("public", "equipment")
SEVERITIES = {"info": 9, "warn": 13, "error": 17}  # numbers of OpenTelemetry
DO_NOT_EDIT = "Generated from common/events.toml by `python3 dev.py docs`. Do not edit."
PREAMBLE = """# Events

<!-- {do_not_edit} -->

Programs append one JSON line per event to `<folder>/<program>-<start>-<pid>.jsonl`, rotated at 16 MiB. The folder is `LNX_EVENT_DIR`,
else `%ProgramData%\\LNX\\events` or `/var/lib/lnx/events` when it exists; without a folder nothing is written. Each line has `seq`
(1, 2, 3 … per program start), `time_unix_nano`, `event` and `attributes`. No image content, no personal data. Writing never blocks
or fails a run.

The agent takes over exactly the events and attributes of this page; anything else stays on the machine and is counted
(`dropped_attributes_count`). Upstream they are OpenTelemetry log records: the name is `event_name`, the attributes keep their names.

Privacy: *public* says nothing about a person or a site; *equipment* names a machine, a model or a machine's account, never a person.
Events marked **loss** declare that something is missing; `lnx agent verify` lists each of them.
"""


def load(root: Path) -> list[dict[str, Any]]:
    """Reads the registry and refuses duplicates, unknown types and missing texts."""
    events: list[dict[str, Any]] = tomllib.loads((root / "common/events.toml").read_text(encoding="utf-8"))["event"]
    names = [event["name"] for event in events]
    if len(names) != len(set(names)):
        raise SystemExit("common/events.toml: a name is there twice")
    for event in events:
        missing = [key for key in ("by", "severity", "en", "ko", "attributes") if not event.get(key)]
        if missing or event["severity"] not in SEVERITIES:
            raise SystemExit(f"common/events.toml: {event['name']} lacks {', '.join(missing) or 'a known severity'}")
        for name, (kind, privacy, english, korean) in event["attributes"].items():
            if kind not in TYPES or privacy not in PRIVACY or not english or not korean:
                raise SystemExit(f"common/events.toml: {event['name']}.{name} needs a type, a privacy class and both texts")
    return events


def table(events: list[dict[str, Any]]) -> str:
    lines = [
        f'"""{DO_NOT_EDIT}"""',
        "",
        "from typing import NamedTuple",
        "",
        "",
        "class EventText(NamedTuple):",
        '    """One event: who writes it, its severity (OpenTelemetry), whether it declares a loss, types of its attributes, texts."""',
        "",
        "    by: str",
        "    severity: int",
        "    loss: bool",
        "    attributes: dict[str, str]",
        "    en: str",
        "    ko: str",
        "",
        "",
        "EVENTS: dict[str, EventText] = {",
    ]
    for event in events:
        lines.append(f"    {json.dumps(event['name'])}: EventText(")
        lines += [f"        {json.dumps(event['by'])},", f"        {SEVERITIES[event['severity']]},", f"        {bool(event.get('loss'))},"]
        lines.append("        {")
        lines += [f"            {json.dumps(name)}: {json.dumps(row[0])}," for name, row in event["attributes"].items()]
        lines.append("        },")
        lines += [f"        {json.dumps(event[key], ensure_ascii=False)}," for key in ("en", "ko")]
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def page(events: list[dict[str, Any]]) -> str:
    lines = [PREAMBLE.format(do_not_edit=DO_NOT_EDIT)]
    for event in events:
        loss = ", **loss**" if event.get("loss") else ""
        lines += [f"## `{event['name']}`", "", f"{event['en']} {event['ko']} ({event['by']}, {event['severity']}{loss})", ""]
        lines += ["| attribute | type | privacy | meaning | 의미 |", "|---|---|---|---|---|"]
        lines += [f"| `{name}` | {row[0]} | {row[1]} | {row[2]} | {row[3]} |" for name, row in event["attributes"].items()]
        lines.append("")
    return "\n".join(lines)


def generate(root: Path) -> dict[Path, str]:
    """All generated files, relative to `root`."""
    events = load(root)
    return {Path("common/lnx_common/_event_table.py"): table(events), Path("docs/reference/events.md"): page(events)}
