"""What a bad token does. One fault at a time, set from outside while the token is in use.

hang        takes a command and does not answer until the fault is cleared or the token removed
wrong-key   computes with another key, as a copy of a dongle would
replay      repeats the first answer that it gave, as a recording would
garbage     answers 32 random bytes
short       answers one byte too few
off-curve   answers a number that is no x of the curve
sw:6F00     refuses every command with a status word
no-piv      has no PIV application
slow:250    takes 250 ms per command
"""

from __future__ import annotations

import os
import re
import threading
import time

NAMES = ("hang", "wrong-key", "replay", "garbage", "short", "off-curve", "no-piv")
VALUED = re.compile(r"sw:[0-9A-Fa-f]{4}|slow:\d{1,6}")
# y*y = x*x*x - 3*x + b has no solution for this x; about every second number is such a one.
OFF_CURVE = (1).to_bytes(32, "big")


class Faults:
    def __init__(self) -> None:
        self._name: str | None = None
        self._let_go = threading.Event()
        self._recorded: bytes | None = None

    @property
    def name(self) -> str | None:
        return self._name

    def set(self, name: str | None) -> None:
        if name is not None and name not in NAMES and not VALUED.fullmatch(name):
            raise ValueError(f"no such fault: {name}")
        previous, self._let_go = self._let_go, threading.Event()
        self._name = name
        previous.set()

    def release(self) -> None:
        """Ends a hang without clearing the fault: the token was pulled."""
        previous, self._let_go = self._let_go, threading.Event()
        previous.set()

    def before_command(self) -> bytes | None:
        """Waits, or gives the status word that answers the command."""
        name = self._name
        if name == "hang":
            self._let_go.wait()
        elif name and name.startswith("slow:"):
            time.sleep(int(name[5:]) / 1000)
        elif name and name.startswith("sw:"):
            return bytes.fromhex(name[3:])
        return None

    def agreed(self, answer: bytes) -> bytes:
        """The result of a key agreement, as this token gives it."""
        if self._recorded is None:
            self._recorded = answer
        changed = {"replay": self._recorded, "garbage": os.urandom(32), "short": answer[:-1], "off-curve": OFF_CURVE}
        return changed.get(self._name or "", answer)
