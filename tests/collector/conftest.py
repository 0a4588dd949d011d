"""Servers that we did not write (libmodbus, socat, mosquitto), and the intake that watches a source."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lnx_collector.contract import Seen, Source
from peers import MOSQUITTO, Broker, Peer, Server, build_modbus_server, has_libmodbus, start_modbus_server

CACHE = Path(__file__).resolve().parents[2] / ".cache"
NPM_SECONDS = 180
NOT_INSTALLED: set[str] = set()


@pytest.fixture(scope="session")
def npm_modules() -> Callable[[Path], Path]:
    """npm_modules(area): a folder of .cache with the packages that package-lock.json of ``area`` pins, installed once."""
    return _npm_modules


def _npm_modules(area: Path) -> Path:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    target = CACHE / f"npm-{area.name}"
    pinned = (area / "package-lock.json").read_bytes()

    def installed() -> bool:
        return (target / "node_modules").exists() and (target / "package-lock.json").read_bytes() == pinned

    if installed():
        return target
    if target.name in NOT_INSTALLED:
        pytest.skip(f"npm could not install the packages of {area.name}")
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=CACHE))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(area / name, fresh / name)
    quick = ["--fetch-timeout=60000", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    command = ["npm", "ci", "--no-audit", "--no-fund", "--silent", *quick]
    try:
        failed = subprocess.run(
            command, cwd=fresh, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=NPM_SECONDS, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        failed = -1
    if failed:
        shutil.rmtree(fresh, ignore_errors=True)
        NOT_INSTALLED.add(target.name)  # without a network each attempt takes minutes: one is enough
        pytest.skip(f"npm could not install the packages of {area.name} within {NPM_SECONDS} s (code {failed})")
    try:
        fresh.rename(target)
    except OSError:  # there is one already
        if installed():  # another test process was faster, and its server runs there
            shutil.rmtree(fresh)
        else:
            shutil.rmtree(target)
            fresh.rename(target)
    return target


@pytest.fixture(scope="session")
def libmodbus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server, compiled."""
    if not has_libmodbus():
        pytest.skip("libmodbus is not installed: apt-get install libmodbus-dev gcc")
    return build_modbus_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture
def start_server(libmodbus: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers: start_server() on a free TCP port, start_server("rtu", device, baud)."""
    started: list[Server] = []

    def start(kind: str = "tcp", *arguments: str) -> Server:
        started.append(start_modbus_server(libmodbus, kind, *arguments))
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
    process.wait(10)


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
        await asyncio.wait([task], timeout=60)
        assert task.done(), "the source does not end when it is cancelled"
        with contextlib.suppress(asyncio.CancelledError):
            task.result()
        return seen

    def watched(source: Source, seconds: float, until: Callable[[Seen], bool] = lambda seen: False) -> Seen:
        return asyncio.run(run(source, seconds, until))

    return watched


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
