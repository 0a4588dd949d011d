"""Writes a file complete or not at all: beside its name first, flushed to the disk, then renamed. LNX-510 when it cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lnx.errors import LnxError

from lnx_licensing import status


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Names the file when the system refuses to write it."""
    try:
        yield
    except OSError as error:
        found = error.strerror or str(error)
        raise LnxError(status.FILE_ACCESS, found=found, expected="a place that this account may write to", where=str(path)) from None


def write_whole(path: Path, data: bytes, *, private: bool = False) -> None:
    """Writes ``data``; folders are made. ``private``: readable for the owner alone (on Windows the folder's rights decide)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(temporary, flags, 0o600 if private else 0o644), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def append_line(path: Path, line: str) -> None:
    """Adds one line to a book that only grows."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as book:
            book.write(line + "\n")
            book.flush()
            os.fsync(book.fileno())
