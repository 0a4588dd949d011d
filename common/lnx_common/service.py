"""Runs a service the way a factory PC needs it: one instance, ready when it says so, gone within five seconds of being asked.

    with InstanceLock(folder / "lock"):
        run_until_stopped(lambda stop: agent.run(stop))

Under systemd it reports READY, WATCHDOG and STOPPING; on Windows `windows_service.py` feeds the same stop signal from the service
control manager. Invariants: the stop signal is only ever set, never cleared; after STOP_WITHIN_S the process ends whatever it does,
because everything that matters is already on the disk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

__all__ = ["STOP_WITHIN_S", "Notifier", "StopSignal", "run_until_stopped"]

STOP_WITHIN_S = 4.5  # Windows gives five seconds at shutdown
EXIT_FORCED = 70


class StopSignal:
    """Set once when the service has to end; every wait in a service is a wait for this."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleeps; True when the service has to end."""
        return self._event.wait(max(0.0, seconds))


class Notifier:
    """Tells systemd how the service is; does nothing elsewhere."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")

    def send(self, text: str) -> None:
        """``READY=1``, ``WATCHDOG=1``, ``STOPPING=1``, ``STATUS=...``; never fails."""
        if not self._address or sys.platform == "win32":
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address)
            channel.sendall(text.encode())


def run_until_stopped(body: Callable[[StopSignal], None], stop: StopSignal | None = None, stop_within: float = STOP_WITHIN_S) -> None:
    """Runs ``body`` until it returns; SIGTERM, SIGINT and Ctrl-Break set its stop signal. Raises what ``body`` raises."""
    signal_ = stop or StopSignal()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            body(signal_)
        except BaseException as error:
            failures.append(error)

    def asked(_number: int, _frame: FrameType | None) -> None:
        signal_.set()

    if threading.current_thread() is threading.main_thread():
        names = ("SIGTERM", "SIGINT", "SIGBREAK")
        for name in names:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), asked)
    thread = threading.Thread(target=work, name="service", daemon=True)
    thread.start()
    while thread.is_alive() and not signal_.is_set():
        thread.join(0.2)
    deadline = time.monotonic() + stop_within
    if signal_.is_set():
        Notifier().send("STOPPING=1")
    while thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.1)
    if thread.is_alive():
        sys.stderr.write(f"stopping took more than {stop_within} s; the process ends now, nothing that was accepted is lost\n")
        sys.stderr.flush()
        os._exit(EXIT_FORCED)
    if failures:
        raise failures[0]
