"""Another program that keeps a token: in a transaction, or for itself alone as gpg's scdaemon does."""

from __future__ import annotations

import os
import subprocess
import sys

from smartcard_service import READERS
from virtual_reader import VirtualReader

HOLD = """
import ctypes, sys, time
pcsc = ctypes.CDLL("libpcsclite.so.1")
context, handle, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert pcsc.SCardEstablishContext(ctypes.c_ulong(2), None, None, ctypes.byref(context)) == 0
share = ctypes.c_ulong(1 if sys.argv[1] == "exclusive" else 2)
reader, protocols = sys.argv[3].encode(), ctypes.c_ulong(3)
assert pcsc.SCardConnect(context, reader, share, protocols, ctypes.byref(handle), ctypes.byref(protocol)) == 0
if sys.argv[1] == "transaction":
    assert pcsc.SCardBeginTransaction(handle) == 0
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(reader: VirtualReader, how: str, seconds: float) -> subprocess.Popen[str]:
    """Another program that keeps the token."""
    environment = {**os.environ, **reader.environment}
    program = subprocess.Popen(
        [sys.executable, "-c", HOLD, how, str(seconds), READERS[0]], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout and program.stdout.readline() == "held\n"
    return program
