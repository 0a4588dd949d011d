"""The hash tree of a stream, as RFC 9162 section 2.1 defines it.

leaf = SHA-256(0x00 || record), node = SHA-256(0x01 || left || right); record number n of the stream is leaf n. A `Frontier` is the
list of the perfect subtrees from left to right, at most one per power of two: enough to append and to tell the root, whatever the
size. Its text form is base64 of the hashes in that order; the size says how high each one is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


def leaf_hash(record: bytes) -> bytes:
    """The leaf of a record."""
    return _sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The parent of two nodes."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows; holds at most 64 hashes."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if len(hashes) != size.bit_count():
            raise ValueError(f"{len(hashes)} hashes cannot be the frontier of {size} leaves")
        self.size = size
        self._hashes = list(hashes)

    def add(self, leaf: bytes) -> None:
        """Appends one leaf."""
        size, hashes = self.size, self._hashes
        while size & 1:
            leaf = _sha256(b"\x01" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Appends leaves in order."""
        for leaf in leaves:
            self.add(leaf)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._hashes:
            return EMPTY_ROOT
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = node_hash(left, root)
        return root

    def copy(self) -> Frontier:
        return Frontier(self.size, self._hashes)

    def hashes(self) -> tuple[bytes, ...]:
        """The perfect subtrees from left to right."""
        return tuple(self._hashes)

    def to_text(self) -> str:
        return base64.b64encode(b"".join(self._hashes)).decode()

    @classmethod
    def from_text(cls, size: int, text: str) -> Frontier:
        """ValueError when the text does not fit the size."""
        raw = base64.b64decode(text, validate=True)
        if len(raw) % HASH_BYTES:
            raise ValueError("a frontier is a list of 32-byte hashes")
        return cls(size, [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)])


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The same by the definition, plainly: the oracle of `Frontier`."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))
