"""Programs that we did not write and that play the plant: a libmodbus server, mosquitto, a Sparkplug client; started and steered here."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

MODBUS = Path(__file__).parent / "modbus"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def has_libmodbus() -> bool:
    return Path("/usr/include/modbus/modbus.h").exists() and shutil.which("gcc") is not None


def build_modbus_server(folder: Path) -> Path:
    """The libmodbus server, compiled into ``folder``."""
    program = folder / "server"
    source = str(MODBUS / "libmodbus_server.c")
    subprocess.run(["gcc", "-O1", "-I/usr/include/modbus", source, "-o", str(program), "-lmodbus", "-lpthread"], check=True, timeout=120)
    return program


def start_modbus_server(program: Path, kind: str = "tcp", *arguments: str) -> Server:
    """TCP on a free port, or ("rtu", device, baud)."""
    command = [str(program), kind, *(arguments or ("0",))]
    return Server(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))


def opened(other_end: str, seconds: float = 20) -> None:
    """Returns when this process has opened the near end of a serial line (`pty_pair`); where that cannot be seen, after a moment."""
    near = os.path.realpath(Path(other_end).with_name("ttyA"))
    deadline = time.monotonic() + seconds
    handles = Path("/proc/self/fd")
    while handles.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # a handle that was closed meanwhile
            if any(os.path.realpath(handle) == near for handle in handles.iterdir()):
                break
        time.sleep(0.01)
    time.sleep(0.2)  # the source sets the line up, and throws away what has come


class Lines:
    """The lines that a program prints, read by a thread: the program never waits for a reader, and waiting for a line has an end."""

    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.put(line)
        self._lines.put("")
        self._stream.close()

    def next(self, seconds: float = 60) -> str:
        """The next line, "" when the program ended. Raises AssertionError when there is none in time."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no line within {seconds:g} s") from None
        if not line:
            self._lines.put("")  # whoever asks again hears it again
        return line

    def rest(self, seconds: float = 60) -> list[str]:
        """All further lines until the program ends."""
        found = []
        while line := self.next(seconds):
            found.append(line)
        return found


class Server:
    """A libmodbus server; commands as in libmodbus_server.c."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines = Lines(process.stdout)
        self.port = int(self._line() or 0)

    def _line(self) -> str:
        return self._lines.next().strip()

    def tell(self, *commands: str) -> None:
        assert self.process.stdin
        self.process.stdin.write("".join(f"{command}\n" for command in (*commands, "sync")))
        self.process.stdin.flush()
        assert self._line() == "ok"

    def registers(self, table: str, first: int, values: list[int]) -> None:
        self.tell(*(f"{table} {first + i} {value}" for i, value in enumerate(values)))

    def requests(self) -> int:
        assert self.process.stdin
        self.process.stdin.write("count\n")
        self.process.stdin.flush()
        return int(self._line())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdin:
            self.process.stdin.close()


class Broker:
    """A mosquitto with persistence, so that it may be restarted."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "m.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            f"autosave_interval 1\nuser root\nmax_queued_messages 100000\n{extra}",
            encoding="utf-8",
        )
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._folder / "m.conf")], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


class Peer:
    """A Sparkplug client from npm (sparkplug-client), as an edge node or a listener; commands as in sparkplug/peer.js."""

    def __init__(self, modules: Path, port: int, group: str, node: str) -> None:
        command = ["node", str(modules / "peer.js"), str(port), group, node]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.heard: list[dict[str, Any]] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._answers.get(timeout=20) == {"ready": True}

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            told = json.loads(line)
            if "ok" in told or "ready" in told:
                self._answers.put(told)
            else:
                self.heard.append(told)

    def tell(self, **command: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        if "die" not in command:
            assert self._answers.get(timeout=10) == {"ok": True}

    def wait(self, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = 10) -> list[dict[str, Any]]:
        """What was heard, as soon as it is enough."""
        deadline = time.monotonic() + seconds
        while not enough(self.heard):
            assert time.monotonic() < deadline, self.heard
            time.sleep(0.01)
        return list(self.heard)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdin:
            self.process.stdin.close()
