"""Looks into the write-ahead log that a crash has left beside an SQLite file, before SQLite does.

SQLite ends a log at the first frame whose checksum is wrong: right for a transaction that a power cut has torn, but a flipped bit further
up silently takes every transaction behind it. The checksums are a chain, so what follows a wrong frame can be verified by the one stored
in it.

Format: https://sqlite.org/fileformat2.html#walformat. A header of 32 bytes, then frames: 24 bytes (page number, size of the database after
a commit or 0, two salts, two checksums) and the page. Frames of an earlier round have other salts.
"""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path
from typing import NamedTuple

HEADER, FRAME = 32, 24
LITTLE, BIG = 0x377F0682, 0x377F0683  # byte order of the checksums, which is that of the machine
MASK = 0xFFFFFFFF


class Frame(NamedTuple):
    """``whole``: its checksum is the one that follows from the frame before. ``commit``: pages of the database then, 0 = not the last."""

    page: int
    commit: int
    offset: int
    whole: bool


def frames(database: Path) -> tuple[int, list[Frame]]:
    """Page size and frames of the present round, in order; (0, []) when there is no log.

    When the header of the log is wrong, its first frame counts as wrong.
    """
    try:
        raw = database.with_name(database.name + "-wal").read_bytes()
        with database.open("rb") as file:
            size = int.from_bytes(file.read(18)[16:], "big")
    except OSError:
        return 0, []
    size = 65536 if size == 1 else size
    if len(raw) < HEADER + FRAME or size < 512 or size & (size - 1):
        return 0, []
    magic, _, _, _, *salts, first, second = struct.unpack_from(">8I", raw)
    order = {LITTLE: "<", BIG: ">"}.get(magic, "<" if sys.byteorder == "little" else ">")
    chain = _checksum(raw[:24], order, (0, 0))
    if chain != (first, second):  # SQLite takes the log for empty
        theirs = list(struct.unpack_from(">2I", raw, HEADER + 8))
        if sum((one ^ other).bit_count() for one, other in zip(salts, theirs, strict=True)) > 1:
            return size, []  # a round that was just about to begin: the frames are those of the one before
        salts, chain = theirs, (-1, -1)
    found: list[Frame] = []
    end = 0
    for offset in range(HEADER, len(raw) - FRAME - size + 1, FRAME + size):
        page, commit, *salted = struct.unpack_from(">6I", raw, offset)
        of_this_round = salted[:2] == salts
        expected = _checksum(raw[offset : offset + 8], order, chain)
        expected = _checksum(raw[offset + FRAME : offset + FRAME + size], order, expected)
        chain = (salted[2], salted[3])
        found.append(Frame(page, commit, offset, of_this_round and chain == expected))
        end = len(found) if of_this_round else end
    return size, found[:end]


def is_damaged(database: Path) -> bool:
    """Whether a transaction that was complete is lost when SQLite opens the file: behind a wrong frame another transaction has begun.

    One wrong frame in the last transaction cannot be told from one that a power cut has torn before it was promised.
    """
    _, found = frames(database)
    wrong = next((i for i, frame in enumerate(found) if not frame.whole), None)
    if wrong is None:
        return False
    return any(frame.commit for frame in found[wrong:-1])


def rebuild(database: Path, target: Path) -> None:
    """Writes a database file with every page of the log in it, the wrong ones too: to be read with care, row by row."""
    size, found = frames(database)
    log = database.with_name(database.name + "-wal").read_bytes()
    shutil.copyfile(database, target)
    pages = max((frame.commit for frame in found), default=0)
    with target.open("r+b") as file:
        for frame in found:
            if 0 < frame.page <= pages:
                file.seek((frame.page - 1) * size)
                file.write(log[frame.offset + FRAME : frame.offset + FRAME + size])


def _checksum(data: bytes, order: str, chain: tuple[int, int]) -> tuple[int, int]:
    a, b = chain
    for one, other in struct.iter_unpack(f"{order}2I", data):
        a = (a + one + b) & MASK
        b = (b + other + a) & MASK
    return a, b
