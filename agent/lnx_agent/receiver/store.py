"""What the receiver has: recent records in SQLite, older ones in Parquet, and the hash tree of every stream.

A request is one transaction, committed with synchronous=FULL before the answer goes out. A record is known by (stream, number): the
same bytes again are a duplicate and change nothing; other bytes under a known number are a conflict, kept apart and never accepted.

`contiguous` of a stream: every record below is here, or its leaf was declared by an `agent.dead_letter`. The tree is folded up to
there; a snapshot of it every 1024 records lets the root of any earlier size be told by folding at most 1024 leaves.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lnx_common.durable_log import connect

from lnx_agent.evidence.merkle import Frontier, leaf_hash

SNAPSHOT_EVERY = 1024
MAX_MISSING = 1000
SCHEMA = """
CREATE TABLE IF NOT EXISTS stream (
  id TEXT PRIMARY KEY, plant TEXT NOT NULL, resource BLOB NOT NULL, contiguous INTEGER NOT NULL, frontier TEXT NOT NULL,
  rolled INTEGER NOT NULL, first_seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  stream TEXT NOT NULL, seq INTEGER NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL, leaf BLOB NOT NULL,
  PRIMARY KEY (stream, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leaf (
  stream TEXT NOT NULL, seq INTEGER NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (
  stream TEXT NOT NULL, size INTEGER NOT NULL, frontier TEXT NOT NULL, PRIMARY KEY (stream, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
  stream TEXT NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL, cosignature TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY (stream, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (
  stream TEXT NOT NULL, first INTEGER NOT NULL, end INTEGER NOT NULL, month TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY (stream, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agent_key (plant TEXT NOT NULL, id TEXT NOT NULL, vkey TEXT NOT NULL, PRIMARY KEY (plant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conflict (
  stream TEXT NOT NULL, seq INTEGER NOT NULL, leaf BLOB NOT NULL, body BLOB NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY (stream, seq, leaf)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Incoming:
    """A record of a request."""

    seq: int
    body: bytes


@dataclass(frozen=True)
class Taken:
    """What became of a request: new records, duplicates, and numbers that are in conflict."""

    stored: int
    duplicates: int
    conflicts: tuple[int, ...]


class ForeignStreamError(Exception):
    """Another plant owns this stream."""


class Store:
    """The receiver's database. Any thread may call; one call works at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._db = connect(folder / "receiver.db")
        self._db.executescript(SCHEMA)
        self._lock = threading.Lock()

    # ── taking records ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, plant: str, resource: bytes, batches: dict[str, list[Incoming]], declared: Iterable[tuple[str, int, bytes]]) -> Taken:
        """Stores the records of one request in one transaction; durable when it returns.

        declared: (stream, number, leaf) of dead letters. Raises ForeignStreamError; then nothing was stored.
        """
        now = time.time_ns()
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                stored, total = 0, 0
                conflicts: list[int] = []
                for stream, records in batches.items():
                    rolled = self._own(plant, stream, resource, now)
                    fresh = [record for record in records if record.seq >= rolled]
                    count, bad = self._insert(stream, fresh, now)
                    bad += [record.seq for record in records if record.seq < rolled and self._differs(stream, record)]
                    stored, total, conflicts = stored + count, total + len(records), conflicts + bad
                for stream, seq, leaf in declared:
                    if self._db.execute("SELECT 1 FROM stream WHERE id = ? AND plant = ?", (stream, plant)).fetchone():
                        self._db.execute("INSERT OR IGNORE INTO leaf VALUES (?, ?, ?)", (stream, seq, leaf))
                        self._fold(stream)
                for stream in batches:
                    self._fold(stream)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return Taken(stored, total - stored - len(conflicts), tuple(conflicts))

    def _own(self, plant: str, stream: str, resource: bytes, now: int) -> int:
        row = self._db.execute("SELECT plant, rolled FROM stream WHERE id = ?", (stream,)).fetchone()
        if row is None:
            self._db.execute("INSERT INTO stream VALUES (?, ?, ?, 0, '', 0, ?)", (stream, plant, resource, now))
            return 0
        if row[0] != plant:
            raise ForeignStreamError(stream)
        return int(row[1])

    def _insert(self, stream: str, records: Sequence[Incoming], now: int) -> tuple[int, list[int]]:
        rows = [(stream, record.seq, now, record.body, leaf_hash(record.body)) for record in records]
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?)", rows)
        stored = self._db.total_changes - before
        if stored == len(rows):
            return stored, []
        conflicts = []
        for _, seq, _, body, leaf in rows:
            known = self._db.execute("SELECT leaf FROM record WHERE stream = ? AND seq = ?", (stream, seq)).fetchone()
            if known[0] != leaf:
                conflicts.append(seq)
                self._db.execute("INSERT OR IGNORE INTO conflict VALUES (?, ?, ?, ?, ?)", (stream, seq, leaf, body, now))
        return stored, conflicts

    def _differs(self, stream: str, record: Incoming) -> bool:
        """Whether a record that went to the archive was another one."""
        row = self._db.execute("SELECT leaf FROM leaf WHERE stream = ? AND seq = ?", (stream, record.seq)).fetchone()
        return row is not None and bool(row[0] != leaf_hash(record.body))

    # ── the tree ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fold(self, stream: str) -> None:
        """Takes every record that now joins the contiguous part into the tree."""
        size, text = self._db.execute("SELECT contiguous, frontier FROM stream WHERE id = ?", (stream,)).fetchone()
        tree = Frontier.from_text(size, text)
        while (leaves := self._leaves(stream, tree.size, 1000)) != []:
            for leaf in leaves:
                tree.add(leaf)
                if tree.size % SNAPSHOT_EVERY == 0:
                    self._db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (stream, tree.size, tree.to_text()))
        if tree.size != size:
            self._db.execute("UPDATE stream SET contiguous = ?, frontier = ? WHERE id = ?", (tree.size, tree.to_text(), stream))

    def _leaves(self, stream: str, first: int, limit: int) -> list[bytes]:
        """Leaves from ``first`` on without a hole."""
        query = (
            "SELECT seq, leaf FROM record WHERE stream = ?1 AND seq >= ?2 AND seq < ?2 + ?3 "
            "UNION SELECT seq, leaf FROM leaf WHERE stream = ?1 AND seq >= ?2 AND seq < ?2 + ?3 ORDER BY seq"
        )
        leaves: list[bytes] = []
        for seq, leaf in self._db.execute(query, (stream, first, limit)):
            if seq == first + len(leaves):
                leaves.append(leaf)
            elif seq > first + len(leaves):
                break
        return leaves

    def root_at(self, stream: str, size: int) -> bytes | None:
        """The root over the first ``size`` records; None when they are not all here any more or not yet."""
        with self._lock:
            row = self._db.execute("SELECT contiguous, frontier FROM stream WHERE id = ?", (stream,)).fetchone()
            if row is None or size > row[0]:
                return None
            if size == row[0]:
                return Frontier.from_text(size, row[1]).root()
            query = "SELECT size, frontier FROM snapshot WHERE stream = ? AND size <= ? ORDER BY size DESC LIMIT 1"
            at, text = self._db.execute(query, (stream, size)).fetchone() or (0, "")
            tree = Frontier.from_text(at, text)
            while tree.size < size:
                leaves = self._leaves(stream, tree.size, size - tree.size)
                if not leaves:
                    return None
                tree.extend(leaves)
            return tree.root()

    def missing(self, stream: str, size: int) -> list[tuple[int, int]]:
        """Ranges [first, end) below ``size`` that were never received."""
        with self._lock:
            row = self._db.execute("SELECT contiguous FROM stream WHERE id = ?", (stream,)).fetchone()
            first = 0 if row is None else row[0]
            ranges: list[tuple[int, int]] = []
            query = (
                "SELECT seq FROM record WHERE stream = ?1 AND seq >= ?2 AND seq < ?3 "
                "UNION SELECT seq FROM leaf WHERE stream = ?1 AND seq >= ?2 AND seq < ?3 ORDER BY seq"
            )
            for (seq,) in self._db.execute(query, (stream, first, size)):
                if seq > first:
                    ranges.append((first, seq))
                    if len(ranges) >= MAX_MISSING:
                        return ranges
                first = seq + 1
            if first < size:
                ranges.append((first, size))
            return ranges

    # ── checkpoints and keys ─────────────────────────────────────────────────────────────────────────────────────────────────

    def owner(self, stream: str) -> str | None:
        """The plant of a stream."""
        with self._lock:
            row = self._db.execute("SELECT plant FROM stream WHERE id = ?", (stream,)).fetchone()
        return None if row is None else str(row[0])

    def agent_keys(self, plant: str) -> dict[str, str]:
        """Public keys of a plant's agents: hex key id -> vkey."""
        with self._lock:
            return dict(self._db.execute("SELECT id, vkey FROM agent_key WHERE plant = ?", (plant,)).fetchall())

    def pin_key(self, plant: str, key_id: str, vkey: str) -> None:
        """Remembers a public key for good."""
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO agent_key VALUES (?, ?, ?)", (plant, key_id, vkey))

    def cosignature(self, stream: str, size: int) -> tuple[str, str] | None:
        """An earlier checkpoint of this size with its cosignature."""
        with self._lock:
            query = "SELECT note, cosignature FROM checkpoint WHERE stream = ? AND size = ?"
            row = self._db.execute(query, (stream, size)).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def keep_checkpoint(self, stream: str, size: int, note: str, cosignature: str, seconds: int) -> None:
        """Durable before the cosignature leaves the house."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?)", (stream, size, note, cosignature, seconds))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def connection(self) -> sqlite3.Connection:
        """The database, for `archive.py`, under `lock`."""
        return self._db

    @property
    def lock(self) -> threading.Lock:
        return self._lock


def leaf_from(text: object) -> bytes | None:
    """A leaf hash from base64; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return raw if len(raw) == 32 else None
