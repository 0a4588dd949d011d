"""The SQLite file: its tables, and how it is opened.

Format (schema 1)
    meta      stream (UUID of this historian), schema
    tag       id, name, source, kind, unit, description
    sample    seq, tag, value, quality (NULL = Good), receive_time, and the two other times as receive_time minus them (NULL = none):
              28 bytes a sample, where three full times would be 45
    bookmark  source, key, value           written with the samples they belong to
    cursor    sink, seq                    the last sequence number that a sink has confirmed
    loss      minute, source, reason, tag, count, first_time, last_time
    part      path, first_seq, last_seq, rows, bytes, sha256, first_time, last_time (receive times)
    refused   sink, seq, reason, time, sample (JSON)

Invariants: synchronous=FULL, so a commit that has returned survives a power cut. Rows of `sample` below meta.hot_from belong to a
part already and are only waiting to be deleted.
"""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

SCHEMA = 1
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, source TEXT NOT NULL, kind TEXT NOT NULL,
    unit TEXT NOT NULL, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sample (seq INTEGER PRIMARY KEY, tag INTEGER NOT NULL, value, quality INTEGER,
    receive_time INTEGER NOT NULL, source_offset INTEGER, server_offset INTEGER);
CREATE TABLE IF NOT EXISTS bookmark (source TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (source, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS loss (minute INTEGER, source TEXT, reason TEXT, tag TEXT, count INTEGER NOT NULL,
    first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, PRIMARY KEY (minute, source, reason, tag)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (path TEXT PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS part_seq ON part (first_seq);
CREATE TABLE IF NOT EXISTS refused (sink TEXT, seq INTEGER, reason TEXT NOT NULL, time INTEGER NOT NULL, sample TEXT NOT NULL,
    PRIMARY KEY (sink, seq)) WITHOUT ROWID;
"""

DATABASE = "collector.sqlite"
COPIED_TABLES = ("meta", "tag", "bookmark", "cursor", "loss", "part", "refused")
"""Everything but the samples: what a salvage copies row by row."""


def open_database(path: Path) -> sqlite3.Connection:
    """Opens for writing and makes missing tables. Raises sqlite3.DatabaseError when the file is damaged."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-8000")
        connection.execute("PRAGMA journal_size_limit=1048576")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {verdict}")
        connection.executescript(TABLES)
        connection.execute(
            "INSERT OR IGNORE INTO meta VALUES ('stream', ?), ('schema', ?), ('hot_from', '1')", (str(uuid.uuid4()), str(SCHEMA))
        )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection that only reads; usable from any one thread at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA query_only=1")
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """True when the file's content is wrong, as opposed to a disk that is full or failing."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return "quick_check" in str(error)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
