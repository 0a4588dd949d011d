"""Takes in a log that was carried here as a file: unpacks, verifies, stores, counter-signs."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from lnx_common.durable_log import Entry
from lnx_common.errors import PlantError

from lnx_agent.delivery.otlp import resource_bytes
from lnx_agent.evidence.notes import Checkpoint, NoteError, Signer, Verifier, opened_by_any, split
from lnx_agent.evidence.verify import Report, journal_rows, verify_folder
from lnx_agent.receiver.store import Incoming, Store, leaf_from
from lnx_agent.record import Parsed, parsed
from lnx_agent.segment import SegmentReader
from lnx_agent.stream import segments_in
from lnx_agent.transfer import IMPORT_REFUSED, Receipt, unpack, write_receipts

BATCH = 1000


def take_in(bundle: Path, receipt: Path, plant: str, store: Store, signer: Signer) -> Report:
    """Stores a carried log and writes the receipt beside it. Raises PlantError 806 when the log is not what its agent signed."""
    known = [Verifier.from_text(vkey) for vkey in store.agent_keys(plant).values()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        resource = resource_bytes(unpack(bundle, folder))
        report = verify_folder(folder, keys=known)
        bad = [problem for problem in report.problems if problem.kind in ("changed", "unsigned")]
        if bad:
            raise PlantError(IMPORT_REFUSED, where=str(bundle), found=f"{bad[0].kind}: {bad[0].detail}")
        if not known:
            _pin(folder, plant, store)
        receipts = [one for stream in report.streams if (one := _take_stream(folder, stream, plant, resource, store, signer)) is not None]
    write_receipts(receipt, signer.verifier, receipts)
    return report


def _pin(folder: Path, plant: str, store: Store) -> None:
    for line in (folder / "keys/agent.vkeys").read_text(encoding="utf-8").splitlines():
        verifier = Verifier.from_text(line)
        store.pin_key(plant, verifier.key_id().hex(), verifier.to_text())


def _take_stream(folder: Path, stream: str, plant: str, resource: bytes, store: Store, signer: Signer) -> Receipt | None:
    place = folder / "streams" / stream
    notes: list[str] = []
    for segment in segments_in(place):
        _store(list(SegmentReader(segment.path).salvage()), stream, plant, resource, store, notes)
        if segment.note.exists():
            notes.append(segment.note.read_text(encoding="utf-8"))
    if (place / "journal.db").exists():
        _store(journal_rows(place / "journal.db", 0), stream, plant, resource, store, notes)
    return _cosign_newest(notes, stream, plant, store, signer)


def _store(entries: list[Entry], stream: str, plant: str, resource: bytes, store: Store, notes: list[str]) -> None:
    for at in range(0, len(entries), BATCH):
        part = entries[at : at + BATCH]
        records = [parsed(entry.body) for entry in part]
        notes += [str(record.attributes["note"]) for record in records if record.event == "audit.checkpoint"]
        declared = [row for record in records if (row := _declared(record)) is not None]
        store.take(plant, resource, {stream: [Incoming(entry.seq, entry.body) for entry in part]}, declared)


def _declared(record: Parsed) -> tuple[str, int, bytes] | None:
    leaf = leaf_from(record.attributes.get("leaf")) if record.event == "agent.dead_letter" else None
    return None if leaf is None else (str(record.attributes["stream"]), int(record.attributes["seq"]), leaf)


def _cosign_newest(notes: list[str], stream: str, plant: str, store: Store, signer: Signer) -> Receipt | None:
    """A cosignature under the largest checkpoint whose records are all here and have its root."""
    known = {key_id: Verifier.from_text(vkey) for key_id, vkey in store.agent_keys(plant).items()}
    sized = []
    for note in notes:
        try:
            opened_by_any(note, known)
            sized.append((Checkpoint.from_text(split(note)[0]), note))
        except NoteError:
            continue
    for checkpoint, note in sorted(sized, key=lambda pair: -pair[0].size):
        if store.root_at(stream, checkpoint.size) == checkpoint.root:
            now = int(time.time())
            line = signer.cosign(note, now)
            store.keep_checkpoint(stream, checkpoint.size, note, line, now)
            return Receipt(stream, checkpoint.size, note, line)
    return None
