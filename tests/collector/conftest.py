"""Servers that we did not write (libmodbus, socat, mosquitto), and the intake that watches a source."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.contract import Seen, Source

HERE = Path(__file__).parent / "modbus"
CACHE = Path(__file__).resolve().parents[2] / ".cache"


@pytest.fixture(scope="session")
def npm_modules() -> Callable[[Path], Path]:
    """npm_modules(area): a folder of .cache with the packages that package-lock.json of ``area`` pins, installed once."""
    return _npm_modules


def _npm_modules(area: Path) -> Path:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    target = CACHE / f"npm-{area.name}"
    lock = (area / "package-lock.json").read_bytes()
    if (target / "node_modules").exists() and (target / "package-lock.json").read_bytes() == lock:
        return target
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=CACHE))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(area / name, fresh / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
    installed = subprocess.run(command, cwd=fresh, capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        pytest.skip(f"npm could not install the packages of {area.name}: {installed.stderr[-300:]}")
    shutil.rmtree(target, ignore_errors=True)
    with contextlib.suppress(OSError):  # another test process was faster
        fresh.rename(target)
    return target


class Server:
    """A libmodbus server; commands as in libmodbus_server.c."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = int(self._line() or 0)

    def _line(self) -> str:
        return (self.process.stdout.readline() if self.process.stdout else "").strip()

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
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


@pytest.fixture(scope="session")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server, compiled."""
    program = tmp_path_factory.mktemp("libmodbus") / "server"
    if not Path("/usr/include/modbus/modbus.h").exists() or not shutil.which("gcc"):
        pytest.skip("libmodbus is not installed: apt-get install libmodbus-dev gcc")
    build = ["gcc", "-O1", "-I/usr/include/modbus", str(HERE / "libmodbus_server.c"), "-o", str(program), "-lmodbus", "-lpthread"]
    subprocess.run(build, check=True)
    return program


@pytest.fixture
def start_server(libmodbus: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers: start_server() on a free TCP port, start_server("rtu", device, baud)."""
    started: list[Server] = []

    def start(kind: str = "tcp", *arguments: str) -> Server:
        command = [str(libmodbus), kind, *(arguments or ("0",))]
        started.append(Server(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server()


@pytest.fixture
def pty_pair(tmp_path: Path) -> Iterator[tuple[str, str, subprocess.Popen[bytes]]]:
    """Two ends of a serial line, and the socat between them."""
    if not shutil.which("socat"):
        pytest.skip("socat is not installed: apt-get install socat")
    ends = [tmp_path / "ttyA", tmp_path / "ttyB"]
    process = subprocess.Popen(["socat", *(f"pty,raw,echo=0,link={end}" for end in ends)])
    deadline = time.monotonic() + 5
    while not all(end.exists() for end in ends):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield str(ends[0]), str(ends[1]), process
    process.kill()
    process.wait()


Watch = Callable[..., Seen]


@pytest.fixture
def watch() -> Watch:
    """watch(source, seconds, until): runs a source for some time, or until enough was seen; raises what it raised."""

    async def run(source: Source, seconds: float, until: Callable[[Seen], bool]) -> Seen:
        seen = Seen()
        task = asyncio.create_task(source.run(seen))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not task.done() and not until(seen):
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return seen

    def watched(source: Source, seconds: float, until: Callable[[Seen], bool] = lambda seen: False) -> Seen:
        return asyncio.run(run(source, seconds, until))

    return watched


MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


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
        self.process.wait()


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    started: list[Broker] = []

    def start(extra: str = "") -> Broker:
        started.append(Broker(tmp_path / f"broker{len(started)}", extra))
        return started[-1]

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture
def broker(start_broker: Callable[..., Broker]) -> Broker:
    return start_broker()


SPARKPLUG = Path(__file__).parent / "sparkplug"


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
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()


@pytest.fixture
def start_peer(npm_modules: Callable[[Path], Path], broker: Broker) -> Iterator[Callable[..., Peer]]:
    """start_peer(group, node): a client at the broker."""
    modules = npm_modules(SPARKPLUG)
    shutil.copy(SPARKPLUG / "peer.js", modules / "peer.js")
    started: list[Peer] = []

    def start(group: str = "Plant1", node: str = "line1") -> Peer:
        started.append(Peer(modules, broker.port, group, node))
        return started[-1]

    yield start
    for peer in started:
        peer.stop()
