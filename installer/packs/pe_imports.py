"""Which libraries a Windows library (PE32+, x64) needs: its import table, its delayed imports, and the names that it loads later.

A file is mapped and never changed. Tables are read as Microsoft's PE format lays them out ("The .idata Section", "Delay-Load Import
Tables"); names that are loaded later are found as text that ends in ".dll", in ASCII and in UTF-16.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

X64 = 0x8664
PE32_PLUS = 0x20B
IMPORTS, DELAYED = 1, 13  # data directories
MAX_IMPORTS = 1024
_ENDS = ((b".dll\0", 1), (b".DLL\0", 1), (b".\0d\0l\0l\0\0\0", 2), (b".\0D\0L\0L\0\0\0", 2))  # (text, bytes per character)
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_LONGEST = 64


class NotALibraryError(ValueError):
    """The file is no PE32+ file for x64."""


@dataclass(frozen=True)
class Needs:
    """Names in lower case: what the system loads with the library, what it loads at the first call, what it may load by name."""

    imports: tuple[str, ...]
    delayed: tuple[str, ...]
    named: frozenset[str]


def _text(data: mmap.mmap, offset: int) -> str:
    end = data.find(b"\0", offset, offset + 512)
    return data[offset:end].decode("ascii", "replace").lower() if end > offset else ""


class _Sections:
    """Addresses in memory -> places in the file."""

    def __init__(self, data: mmap.mmap, table: int, count: int) -> None:
        self._rows = [struct.unpack_from("<IIII", data, table + 40 * i + 8) for i in range(count)]  # size, address, raw size, raw

    def offset(self, address: int) -> int:
        for _, start, size, raw in self._rows:
            if start <= address < start + size:
                return raw + address - start
        raise NotALibraryError(f"an address outside every section: {address:#x}")


def _entries(data: mmap.mmap, sections: _Sections, directory: int, size: int, name_at: int) -> Iterator[str]:
    if directory == 0:
        return
    at = sections.offset(directory)
    for _ in range(MAX_IMPORTS):
        (name,) = struct.unpack_from("<I", data, at + name_at)
        if name == 0:
            return
        yield _text(data, sections.offset(name))
        at += size
    raise NotALibraryError(f"more than {MAX_IMPORTS} imports")


def needs(path: Path) -> Needs:
    """What a library needs.

    Raises:
        NotALibraryError: another kind of file, or a damaged one.
        OSError: it cannot be read.
    """
    if path.stat().st_size < 512:
        raise NotALibraryError(f"{path.name}: {path.stat().st_size} bytes")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            if data[:2] != b"MZ":
                raise NotALibraryError(f"{path.name}: no MZ")
            (pe,) = struct.unpack_from("<I", data, 60)
            machine, count, _, _, _, optional_size = struct.unpack_from("<HHIIIH", data, pe + 4)
            (magic,) = struct.unpack_from("<H", data, pe + 24)
            if data[pe : pe + 4] != b"PE\0\0" or machine != X64 or magic != PE32_PLUS:
                raise NotALibraryError(f"{path.name}: machine {machine:#x}, not x64")
            sections = _Sections(data, pe + 24 + optional_size, count)
            directories = pe + 24 + 112
            (imports,) = struct.unpack_from("<I", data, directories + 8 * IMPORTS)
            (delayed,) = struct.unpack_from("<I", data, directories + 8 * DELAYED)
            return Needs(
                tuple(_entries(data, sections, imports, 20, 12)),
                tuple(_entries(data, sections, delayed, 32, 4)),
                _named(data),
            )
        except (struct.error, IndexError) as error:
            raise NotALibraryError(f"{path.name}: {error}") from error


def _named(data: mmap.mmap) -> frozenset[str]:
    names = set()
    for ending, width in _ENDS:
        at = data.find(ending)
        while at >= 0:
            begin = at
            while (
                at - begin < _LONGEST * width
                and begin >= width
                and data[begin - width] in _WORD
                and not any(data[begin - width + 1 : begin])
            ):
                begin -= width
            if at - begin >= 2 * width:
                names.add((data[begin:at:width] + b".dll").decode("ascii").lower())
            at = data.find(ending, at + 1)
    return frozenset(names)
