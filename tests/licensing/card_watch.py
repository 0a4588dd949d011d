"""Waits until a reader service sees a card come or go, through its client library: told at once, without asking again and again."""

from __future__ import annotations

import ctypes
import time

SYSTEM, UNAWARE, EMPTY, PRESENT = 2, 0, 0x10, 0x20


class ReaderState(ctypes.Structure):
    """SCARD_READERSTATE of pcsc-lite."""

    _fields_ = (
        ("reader", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
        ("current", ctypes.c_ulong),
        ("event", ctypes.c_ulong),
        ("atr_size", ctypes.c_ulong),
        ("atr", ctypes.c_ubyte * 33),
    )


def wait_until(reader: str, *, present: bool, seconds: float = 90) -> bool:
    """Whether it came true in time. The service is that of this process's environment."""
    library = ctypes.CDLL("libpcsclite.so.1")
    wanted = PRESENT if present else EMPTY
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        context = ctypes.c_long()
        if library.SCardEstablishContext(ctypes.c_ulong(SYSTEM), None, None, ctypes.byref(context)) == 0:
            try:
                state = ReaderState(reader=reader.encode(), current=UNAWARE)
                while library.SCardGetStatusChange(context, ctypes.c_ulong(1000), ctypes.byref(state), ctypes.c_ulong(1)) == 0:
                    if state.event & wanted:
                        return True
                    state.current = state.event
            finally:
                library.SCardReleaseContext(context)
        time.sleep(0.02)  # the service or the reader is not there yet
    return False
