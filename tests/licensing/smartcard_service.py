"""A pcscd of our own with a virtual reader of two slots: private socket, private network, private pid, several at a time.

pcscd has its socket folder compiled in, and the virtual reader listens on fixed ports of every address. So pcscd is started in a mount and
network namespace of its own: a private folder lies in the place of the socket folder, where clients find it by ``PCSCLITE_CSOCK_NAME``,
and nothing listens for the outside. Cards step into that network for the moment in which they connect.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from virtual_token.vpcd import PORT

SOCKET_FOLDER = Path("/run/pcscd")
SOCKET = "pcscd.comm"  # as tests/conftest.py tells it to libpcsclite
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PACKAGES = "pcscd vsmartcard-vpcd"
READER = "Virtual Reader"
READERS = (f"{READER} 00 00", f"{READER} 00 01")
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


@functools.cache
def why_not() -> str:
    """Why a private reader service cannot run here; empty when it can."""
    if not sys.platform.startswith("linux"):
        return "virtual readers need Linux"
    if shutil.which("pcscd") is None or not DRIVER.exists():
        return f"pcscd with virtual readers is not installed: apt-get install {PACKAGES}"
    if os.geteuid() != 0:
        return "a private pcscd needs root (namespaces)"
    if subprocess.run(["unshare", "-m", "-n", "true"], capture_output=True, check=False).returncode != 0:
        return "mount and network namespaces are not allowed here"
    return ""


class SmartcardService:
    """``start`` returns when it accepts clients and cards; it can be stopped, killed and started again.

    ``usb`` is the environment of a virtual USB device; the service then has the readers that it finds there, and no virtual one.
    ``folder`` takes configuration and log. ``socket_folder`` is best short, and one for a whole process: libpcsclite reads the environment
    once and remembers it.
    """

    def __init__(self, folder: Path, socket_folder: Path, usb: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._usb = usb
        self.socket = socket_folder / SOCKET
        self.log = folder / "pcscd.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "readers").mkdir(parents=True)
        socket_folder.mkdir(exist_ok=True)
        if usb is not None:
            return  # readers come from USB
        lines = [f'FRIENDLYNAME "{READER}"', f"DEVICENAME /dev/null:{PORT:#x}", f"LIBPATH {DRIVER}", f"CHANNELID {PORT:#x}"]
        (folder / "readers" / "virtual").write_text("\n".join(lines) + "\n")

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment needs to reach this service."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket)}

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ConnectionError("the service does not run")
        return self._process.pid

    def start(self) -> None:
        SOCKET_FOLDER.mkdir(parents=True, exist_ok=True)
        for leftover in self.socket.parent.iterdir():
            leftover.unlink()
        script = 'mount --bind "$1" /run/pcscd && shift && exec setpriv --pdeathsig KILL "$@"'  # never outlives who started it
        pcscd = ["pcscd", "--foreground", "--info", "--apdu", "--config", str(self.folder / "readers"), *_no_polkit()]
        command = ["unshare", "-m", "-n", "sh", "-c", script, "sh", str(self.socket.parent), *pcscd]
        with self.log.open("ab") as log:
            environment = {**os.environ, **(self._usb or {})}
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)
        deadline = time.monotonic() + 90
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = self.log.read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"pcscd did not start:\n{text}")
            time.sleep(0.02)

    def _ready(self) -> bool:
        if not self.socket.exists():
            return False
        with self._inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            request = struct.pack("16sH22x", b"lo", 0)
            flags = struct.unpack("16sH22x", fcntl.ioctl(probe, SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | IFF_UP))
        return True

    def connect(self, slot: int) -> socket.socket:
        """A card's connection to a slot of the reader."""
        with self._inside():
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.connect(("127.0.0.1", PORT + slot))
        except OSError:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        """This thread in the service's network; sockets made meanwhile stay there."""
        own = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            try:
                _enter(there)
                try:
                    yield
                finally:
                    _enter(own)
            finally:
                os.close(there)
        finally:
            os.close(own)

    def stop(self) -> None:
        """Ends the service as an administrator would."""
        self._end(kill=False)

    def kill(self) -> None:
        """Ends the service as a crash would."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a token that hangs keeps it
            process.kill()
            process.wait(10)
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@functools.cache
def _no_polkit() -> tuple[str, ...]:
    told = subprocess.run(["pcscd", "--help"], capture_output=True, text=True, check=False)
    return ("--disable-polkit",) if "--disable-polkit" in told.stdout + told.stderr else ()
