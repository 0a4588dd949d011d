"""A node-opcua server from npm, installed once into .cache."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import Lines

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def node_modules(npm_modules: Callable[[Path], Path]) -> Path:
    """The folder with node_modules of the pinned versions."""
    return npm_modules(HERE)


class OpcuaServer:
    """One server; `seed` decides its node ids and the index of its namespace."""

    def __init__(self, modules: Path, folder: Path, port: int = 0, seed: int = 0, count: int = 0) -> None:
        shutil.copy(HERE / "server.js", modules / "server.js")
        command = ["node", str(modules / "server.js"), str(port), str(seed), str(count), str(folder / "pki")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines = Lines(self.process.stdout)
        self.port = int(self._answer()["port"])
        self.url = f"opc.tcp://127.0.0.1:{self.port}"

    def _answer(self) -> dict[str, Any]:
        while line := self._lines.next():
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise AssertionError("the server ended")

    def tell(self, **commands: Any) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(commands) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        assert "error" not in answer, answer
        return answer

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdin:
            self.process.stdin.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The servers' certificates, made once."""
    return tmp_path_factory.mktemp("opcua")


@pytest.fixture
def start_opcua(node_modules: Path, pki: Path) -> Iterator[Callable[..., OpcuaServer]]:
    started: list[OpcuaServer] = []

    def start(port: int = 0, seed: int = 0, count: int = 0) -> OpcuaServer:
        started.append(OpcuaServer(node_modules, pki, port, seed, count))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def opcua(node_modules: Path, pki: Path) -> Iterator[OpcuaServer]:
    """One server for all tests that leave it as it was; a start takes seconds."""
    server = OpcuaServer(node_modules, pki, count=20)
    yield server
    server.stop()
