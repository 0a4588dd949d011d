"""For plants without a network: a log as one file to carry, and the receipt that comes back.

Export: a zip (stored) of `ledger.json`, `keys/agent.vkeys`, `resource.json`, the segments with their notes, a consistent copy of the
journals, and `manifest.json` with the SHA-256 of each. It is what `verify` reads, unpacked. Nothing of it is removed from the agent.
Receipt: JSON {"receiver": vkey, "streams": [{"stream", "size", "note", "cosignature"}]}, made by the receiver after it has stored and
checked everything. The agent takes it from its `inbox` folder.

Invariants: a file has its final name only when it is whole; a path inside a zip never leads out of the target folder.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lnx_common.durable_log import connect
from lnx_common.errors import PlantError
from lnx_common.files import publish, write_durably

from lnx_agent.evidence.notes import COSIGNATURE, NoteError, Verifier, cosigned_at, split
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in

IMPORT_REFUSED = 806
MAX_FILES = 1_000_000


@dataclass(frozen=True)
class Receipt:
    """What a receiver confirms about one stream."""

    stream: str
    size: int
    note: str
    cosignature: str


def export_log(data: Path, target: Path, resource: Mapping[str, str], from_ns: int = 0, to_ns: int = 1 << 62) -> int:
    """Writes the log of a period (whole segments) to one file; returns the number of segments. The agent may be running."""
    digests: dict[str, str] = {}
    count = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".new")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, strict_timestamps=False) as bundle, tempfile.TemporaryDirectory() as scratch:

        def add(name: str, content: bytes) -> None:
            digests[name] = hashlib.sha256(content).hexdigest()
            bundle.writestr(name, content)

        for name in ("ledger.json", "keys/agent.vkeys"):
            add(name, (data / name).read_bytes())
        add("resource.json", json.dumps(dict(resource)).encode())
        for folder in sorted((data / "streams").iterdir()):
            journal = folder / "journal.db"
            if journal.exists() and to_ns > 0:  # first the journal: what is sealed meanwhile is then in both, never in none
                add(f"streams/{folder.name}/journal.db", _copy_of(journal, Path(scratch) / "journal.db"))
            for segment in segments_in(folder):
                if _outside(segment.path, from_ns, to_ns):
                    continue
                count += 1
                for path in (segment.path, segment.note):
                    if path.exists():
                        add(path.relative_to(data).as_posix(), path.read_bytes())
        bundle.writestr("manifest.json", json.dumps({"format": "lnx-export 1", "files": digests}))
    publish(temporary, target)
    return count


def _outside(path: Path, from_ns: int, to_ns: int) -> bool:
    try:
        footer = SegmentReader(path).footer
    except PlantError:
        return False  # a damaged one is part of the truth
    return bool(footer.count) and (footer.to_time < from_ns or footer.from_time > to_ns)


def _copy_of(journal: Path, scratch: Path) -> bytes:
    scratch.unlink(missing_ok=True)
    source = connect(journal, read_only=True)
    target = sqlite3.connect(scratch)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    return scratch.read_bytes()


def unpack(bundle: Path, target: Path) -> dict[str, str]:
    """Unpacks an export into an empty folder and returns its resource. Raises PlantError 806 when it is not whole."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            files: dict[str, str] = manifest["files"]
            if manifest.get("format") != "lnx-export 1" or len(files) > MAX_FILES:
                raise PlantError(IMPORT_REFUSED, where=str(bundle), found=str(manifest.get("format")), expected="lnx-export 1")
            for name, digest in files.items():
                _check_name(bundle, name)
                content = archive.read(name)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise PlantError(IMPORT_REFUSED, where=f"{bundle}: {name}", found="another SHA-256 than when it was exported")
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        resource: dict[str, str] = json.loads((target / "resource.json").read_bytes())
        return resource
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, RuntimeError) as error:
        raise PlantError(IMPORT_REFUSED, where=str(bundle), found=f"{type(error).__name__}: {error}") from error


def _check_name(bundle: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise PlantError(IMPORT_REFUSED, where=str(bundle), found=f"the name {name!r} leads out of the folder")


def write_receipts(path: Path, receiver: Verifier, receipts: list[Receipt]) -> None:
    """The receipt file."""
    value = {"receiver": receiver.to_text(COSIGNATURE), "streams": [asdict(receipt) for receipt in receipts]}
    write_durably(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def read_receipts(path: Path) -> tuple[Verifier, list[Receipt]]:
    """Reads a receipt file and checks every signature in it. Raises PlantError 806 when one does not fit."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
        receiver = Verifier.from_text(value["receiver"])
        receipts = [Receipt(str(r["stream"]), int(r["size"]), str(r["note"]), str(r["cosignature"])) for r in value["streams"]]
        for receipt in receipts:
            cosigned_at(split(receipt.note)[0], receipt.cosignature, receiver)
    except (OSError, ValueError, KeyError, TypeError, NoteError) as error:
        raise PlantError(IMPORT_REFUSED, where=str(path), found=f"{type(error).__name__}: {error}") from error
    return receiver, receipts
