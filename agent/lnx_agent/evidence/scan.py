"""Looks at every record of a segment, block by block: checksums, numbers, times, the hash tree, and which records need a reader.

A record is *ordinary* when it is certainly in the canonical form of `record.py`, names its own number, and its event is none of those
to be declared; every other one is handed out in `looks`, to be parsed. `PlainScanner` says in Python what `lnx_agent._scan.Scanner`
says from C++, many times faster and without holding the interpreter, so that threads share the work.

Invariants: a block is taken whole or not at all; both scanners give the same answers about the same blocks.
"""

from __future__ import annotations

import struct
from typing import Protocol

from lnx_common.durable_log import crc_of

from lnx_agent.evidence.merkle import Frontier, leaf_hash
from lnx_agent.record import UID

FRAME = struct.Struct("<IQIq")
NUMBERS, FIXED = (0x10, 0x38), (0x09, 0x59)
BODY, ATTRIBUTE, EVENT = 0x2A, 0x32, 0x62
KEY, VALUE, STRING = 0x0A, 0x12, 0x0A
_LONGEST_VARINT = 10


class Scanner(Protocol):
    """What was seen so far: `runs` are unbroken ranges [first, last] in the order of the frames, times ns."""

    @property
    def count(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def hashes(self) -> tuple[bytes, ...]: ...
    @property
    def runs(self) -> list[tuple[int, int]]: ...
    @property
    def looks(self) -> list[tuple[int, bytes]]: ...
    @property
    def from_time(self) -> int: ...
    @property
    def to_time(self) -> int: ...
    @property
    def longest_silence(self) -> int: ...

    def take(self, block: bytes) -> bool:
        """Takes a whole block of frames, or nothing of it and says False when a frame does not prove itself."""


def new_scanner(stream: str, declared: tuple[str, ...], before: Frontier) -> Scanner:
    """The fastest scanner there is. ``before``: the tree where the records go on."""
    try:
        from lnx_agent._scan import Scanner as Fast
    except ImportError:  # run from sources that were not built
        return PlainScanner(stream, declared, before.size, before.hashes())
    return Fast(stream, declared, before.size, before.hashes())


class PlainScanner:
    """The oracle of the fast one."""

    def __init__(self, stream: str, declared: tuple[str, ...], size: int, hashes: tuple[bytes, ...]) -> None:
        self._stream, self._declared = stream, frozenset(name.encode() for name in declared)
        self._tree = Frontier(size, hashes)
        self.count = self.from_time = self.to_time = self.longest_silence = 0
        self.runs: list[tuple[int, int]] = []
        self.looks: list[tuple[int, bytes]] = []

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return self._tree.hashes()

    def take(self, block: bytes) -> bool:
        frames = _frames(block)
        if frames is None:
            return False
        for seq, time_ns, record in frames:
            self._add(seq, time_ns, record)
        return True

    def _add(self, seq: int, time_ns: int, record: bytes) -> None:
        if self.runs and self.runs[-1][1] + 1 == seq:
            self.runs[-1] = (self.runs[-1][0], seq)
        else:
            self.runs.append((seq, seq))
        if self.count == 0:
            self.from_time = self.to_time = time_ns
        self.longest_silence = max(self.longest_silence, time_ns - self.to_time)
        self.to_time = time_ns
        self.count += 1
        self._tree.add(leaf_hash(record))
        if not ordinary(record, f"{self._stream}:{seq:012d}".encode(), self._declared):
            self.looks.append((seq, record))


def _frames(block: bytes) -> list[tuple[int, int, bytes]] | None:
    """(number, time, record) of each frame; None when one is cut or has another checksum."""
    frames, at = [], 0
    while at < len(block):
        if at + FRAME.size > len(block):
            return None
        length, seq, crc, time_ns = FRAME.unpack_from(block, at)
        at += FRAME.size
        record = block[at : at + length]
        at += length
        if len(record) != length or crc_of(seq, record) != crc:
            return None
        frames.append((seq, time_ns, record))
    return frames


def ordinary(record: bytes, uid: bytes, declared: frozenset[bytes]) -> bool:
    """Whether a record is certainly canonical, has this uid once, and no event that is to be declared."""
    uids = events = 0
    try:
        for tag, field in _fields(record):
            if tag == BODY and field:
                return False
            if tag == ATTRIBUTE:
                key, value = _pair(field)
                if key == UID.encode():
                    uids += 1
                    if _only(STRING, value) != uid:
                        return False
            if tag == EVENT:
                events += 1
                if field in declared:
                    return False
    except (ValueError, IndexError):
        return False
    return uids == 1 and events <= 1


def _fields(record: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of a record's fields; contents of numbers are left out. ValueError, IndexError when it is not canonical."""
    fields, at = [], 0
    while at < len(record):
        tag = record[at]
        at += 1
        if tag in FIXED:
            at += 8
        elif tag in NUMBERS:
            _, at = _varint(record, at)
        elif tag in (BODY, ATTRIBUTE, EVENT):
            field, at = _delimited(record, at)
            fields.append((tag, field))
        else:
            raise ValueError(f"field {tag:#x}")
    if at != len(record):
        raise ValueError("cut")
    return fields


def _pair(field: bytes) -> tuple[bytes, bytes]:
    if field[0] != KEY:
        raise ValueError("no key")
    key, at = _delimited(field, 1)
    return key, _only(VALUE, field[at:])


def _only(tag: int, field: bytes) -> bytes:
    """The content of the one field that is there."""
    content, at = _delimited(field, 1)
    if field[0] != tag or at != len(field):
        raise ValueError("another field")
    return content


def _delimited(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _varint(data, at)
    if at + size > len(data):
        raise ValueError("cut")
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(_LONGEST_VARINT):
        byte = data[at + n]
        value |= (byte & 0x7F) << (7 * n)
        if byte < 0x80:
            return value & (2**64 - 1), at + n + 1
    raise ValueError("a number of more than 64 bits")
