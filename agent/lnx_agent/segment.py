"""A sealed piece of a stream: one file, written whole under a temporary name, flushed, renamed, never touched again.

    magic      "LNXSEG1\n"
    header     u32 length, u32 CRC32C, JSON {stream, first, created}
    blocks     u32 stored length, u32 raw length, u32 CRC32C of the stored bytes, zstd data; raw = frames
    frame      u32 length, u64 number, u32 CRC32C of number and record (as in the journal), i64 time_ns, record
    footer     JSON {count, end, root, frontier, from_time, to_time, longest_silence_ns, declared, sources}, as the header, after a
               block with stored length 0
    end        "LNXEND1\n"

Invariants: a file that has its end was complete when it was renamed, so there is no tail to repair; a damaged block costs its own
records and nothing else; `root` is the RFC 9162 root over this file's records alone, `frontier` that of the whole stream up to `end`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import crc32c
import zstandard
from lnx_common.durable_log import Entry, crc_of
from lnx_common.errors import PlantError
from lnx_common.files import make_folder, publish

SEGMENT_DAMAGED = 801
MAGIC, END = b"LNXSEG1\n", b"LNXEND1\n"
BLOCK_BYTES = 256 * 1024
MAX_BLOCK = 64 * 2**20
LEVEL = 6
_FRAME = struct.Struct("<IQIq")
_BLOCK = struct.Struct("<III")
_PART = struct.Struct("<II")


@dataclass(frozen=True)
class Footer:
    """What a reader knows without reading the records. ``end`` is one past the last number; times are observed times, ns."""

    count: int
    end: int
    root: str
    frontier: str
    from_time: int
    to_time: int
    longest_silence_ns: int
    declared: list[dict[str, Any]]
    """Losses, gaps, forks and what else a verifier has to tell: {seq, event, attributes}."""
    sources: dict[str, list[list[int]]] = field(default_factory=dict)
    """Which lines of which event files are here: process -> ranges [first, last] of their numbers."""


@dataclass(frozen=True)
class Header:
    stream: str
    first: int
    created: int


def write_segment(path: Path, header: Header, entries: Iterable[Entry], footer: Footer) -> bytes:
    """Writes a segment durably, reads it back and returns the SHA-256 of the file.

    Raises OSError when the disk refuses or gives back other bytes; then nothing has the final name.
    """
    data = _segment_bytes(header, entries, footer)
    make_folder(path.parent)
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if temporary.read_bytes() != data:
        raise OSError(errno.EIO, "the disk gives back other bytes than were written", str(temporary))
    publish(temporary, path)
    return hashlib.sha256(data).digest()


def _segment_bytes(header: Header, entries: Iterable[Entry], footer: Footer) -> bytes:
    parts = [MAGIC, _part_bytes(asdict(header))]
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    raw = bytearray()
    for entry in entries:
        raw += _FRAME.pack(len(entry.body), entry.seq, crc_of(entry.seq, entry.body), entry.time_ns)
        raw += entry.body
        if len(raw) >= BLOCK_BYTES:
            parts.append(_block_bytes(compressor, bytes(raw)))
            raw.clear()
    if raw:
        parts.append(_block_bytes(compressor, bytes(raw)))
    return b"".join([*parts, _BLOCK.pack(0, 0, 0), _part_bytes(asdict(footer)), END])


def _part_bytes(value: dict[str, Any]) -> bytes:
    data = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return _PART.pack(len(data), crc32c.crc32c(data)) + data


def _block_bytes(compressor: zstandard.ZstdCompressor, raw: bytes) -> bytes:
    stored = compressor.compress(raw)
    return _BLOCK.pack(len(stored), len(raw), crc32c.crc32c(stored)) + stored


class SegmentReader:
    """Reads one file. `header` and `footer` are checked at once; records when they are read."""

    def __init__(self, path: Path) -> None:
        """Raises PlantError 801 when header or footer cannot be trusted."""
        self.path = path
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise self._damaged(str(error)) from error
        data = self._data
        if not data.startswith(MAGIC) or not data.endswith(END):
            raise self._damaged("no beginning or no end mark")
        self.header = Header(**self._part(len(MAGIC))[0])
        self._begin = self._part(len(MAGIC))[1]
        at = self._begin
        self._blocks: list[tuple[int, int, int, int]] = []
        while True:
            if at + _BLOCK.size > len(data):
                raise self._damaged("the chain of blocks leads out of the file")
            stored, raw, crc = _BLOCK.unpack_from(data, at)
            at += _BLOCK.size
            if stored == 0:
                if raw or crc:
                    raise self._damaged("the last block is not empty")
                break
            if raw > MAX_BLOCK or at + stored > len(data):
                raise self._damaged("the chain of blocks leads out of the file")
            self._blocks.append((at, stored, raw, crc))
            at += stored
        value, end = self._part(at)
        if end + len(END) != len(data):
            raise self._damaged("bytes that belong to nothing")
        try:
            self.footer = Footer(**value)
        except TypeError as error:
            raise self._damaged(f"footer: {error}") from error

    def _part(self, at: int) -> tuple[dict[str, Any], int]:
        try:
            length, crc = _PART.unpack_from(self._data, at)
            data = self._data[at + _PART.size : at + _PART.size + length]
            if len(data) != length or crc32c.crc32c(data) != crc:
                raise ValueError("checksum")
            value = json.loads(data)
            if not isinstance(value, dict):
                raise ValueError("not an object")
        except (struct.error, ValueError) as error:
            raise self._damaged(f"header or footer: {error}") from error
        return value, at + _PART.size + length

    def _damaged(self, found: str) -> PlantError:
        return PlantError(SEGMENT_DAMAGED, where=str(self.path), found=found)

    def entries(self) -> Iterator[Entry]:
        """All records in order. Raises PlantError 801 at the first damaged block."""
        decompressor = zstandard.ZstdDecompressor()
        for block in self._blocks:
            yield from self._frames(decompressor, block)

    def salvage(self) -> Iterator[Entry]:
        """The records of every block that still proves itself."""
        decompressor = zstandard.ZstdDecompressor()
        for block in self._blocks:
            try:
                yield from list(self._frames(decompressor, block))
            except PlantError:
                continue

    def blocks(self) -> Iterator[bytes | None]:
        """The frames of each block as bytes; None for a block that is damaged."""
        decompressor = zstandard.ZstdDecompressor()
        for block in self._blocks:
            try:
                yield self._raw(decompressor, block)
            except PlantError:
                yield None

    def digest(self) -> bytes:
        """SHA-256 of the file as it was read."""
        return hashlib.sha256(self._data).digest()

    def _frames(self, decompressor: zstandard.ZstdDecompressor, block: tuple[int, int, int, int]) -> Iterator[Entry]:
        raw, at = self._raw(decompressor, block), block[0]
        view, position = memoryview(raw), 0
        while position < len(raw):
            if position + _FRAME.size > len(raw):
                raise self._damaged(f"the block at byte {at} ends inside a frame")
            length, seq, frame_crc, time_ns = _FRAME.unpack_from(raw, position)
            position += _FRAME.size
            body = bytes(view[position : position + length])
            if len(body) != length or crc_of(seq, body) != frame_crc:
                raise self._damaged(f"record {seq} has another checksum")
            position += length
            yield Entry(seq, time_ns, body)

    def _raw(self, decompressor: zstandard.ZstdDecompressor, block: tuple[int, int, int, int]) -> bytes:
        at, stored, raw_length, crc = block
        data = self._data[at : at + stored]
        if crc32c.crc32c(data) != crc:
            raise self._damaged(f"the block at byte {at} has another checksum")
        try:
            raw = decompressor.decompress(data, max_output_size=raw_length)
        except zstandard.ZstdError as error:
            raise self._damaged(f"the block at byte {at}: {error}") from error
        if len(raw) != raw_length:
            raise self._damaged(f"the block at byte {at} has another length")
        return raw


def looks_whole(path: Path) -> bool:
    """Header, footer and all records of a file are readable."""
    try:
        return sum(1 for _ in SegmentReader(path).entries()) == SegmentReader(path).footer.count
    except PlantError:
        return False
