"""The memory of another process as the system tells it: what a mapping is marked with, and whether a secret lies in it.

The claims are about pages, so they are read from outside: /proc/PID/smaps for the marks, /proc/PID/mem for the bytes. Needs root or ptrace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$")
PIECE = 4 << 20


@dataclass(frozen=True)
class Mapping:
    """``flags``: two letters each, as in proc(5): "lo" locked in memory, "dd" kept out of core dumps."""

    begin: int
    end: int
    rights: str
    name: str
    flags: frozenset[str]


def mappings(pid: int) -> list[Mapping]:
    found: list[Mapping] = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = HEAD.match(line)
        if head:
            found.append(Mapping(int(head[1], 16), int(head[2], 16), head[3], head[4], frozenset()))
        elif line.startswith("VmFlags:"):
            last = found[-1]
            found[-1] = Mapping(last.begin, last.end, last.rights, last.name, frozenset(line.split()[1:]))
    return found


def _pieces(pid: int, mapping: Mapping, overlap: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        tail = b""
        for at in range(mapping.begin, mapping.end, PIECE):
            memory.seek(at)
            try:
                data = memory.read(min(PIECE, mapping.end - at))
            except OSError:  # a guard page, or gone meanwhile
                tail = b""
                continue
            yield tail + data
            tail = data[-overlap:]


def holding(pid: int, secret: bytes) -> list[Mapping]:
    """The mappings in which these bytes lie."""
    readable = [mapping for mapping in mappings(pid) if mapping.rights.startswith("r") and mapping.name not in ("[vvar]", "[vsyscall]")]
    return [mapping for mapping in readable if any(secret in piece for piece in _pieces(pid, mapping, len(secret) - 1))]
