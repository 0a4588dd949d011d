"""A historian with samples in it, a sink runner, and a PostgreSQL of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.contract import SinkContext
from lnx_collector.historian import Historian
from lnx_collector.registry import load_kind
from lnx_collector.runtime.delivery import SinkRunner
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.health import Health
from lnx_collector.sample import Sample, Tag, bad, good
from lnx_collector.sinks import SINKS

T0 = 1_790_000_000 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Historian]:
    historian = Historian(tmp_path / "data", HistorianSettings(commit_interval=0.0, reserve=0, part_rows=100))
    historian.describe([Tag("a.x", "plc", "float", "bar"), Tag("a.n", "plc", "int"), Tag("b.text", "plc", "text")]).result(5)
    yield historian
    historian.close()


@pytest.fixture
def fill(store: Historian) -> Callable[..., list[Sample]]:
    """fill(n): n more samples of three tags, one in ten Bad."""

    def more(n: int, text: str = "양품") -> list[Sample]:
        begin = store.last_seq
        samples = []
        for i in range(begin, begin + n):
            at = T0 + i * 10**9
            one = good("a.x", i / 8, at, at - 5) if i % 3 == 0 else good("a.n", i, at) if i % 3 == 1 else good("b.text", text, at)
            samples.append(bad("a.x", 0x800A0000, at) if i % 10 == 9 else one)
        store.submit("plc", samples).result(5)
        return samples

    return more


Deliver = Callable[..., Health]


@pytest.fixture
def deliver(store: Historian, tmp_path: Path) -> Deliver:
    """deliver(settings, seconds, until): runs a sink against the historian."""

    def run(raw: dict[str, Any], seconds: float = 10, until: Callable[[Health], bool] | None = None) -> Health:
        settings = load_kind(SINKS, raw["type"]).settings.model_validate({"name": "out", "backoff_max": 0.2, **raw})

        async def main() -> Health:
            context = SinkContext("out", store.stream, tmp_path / "data", time.time_ns)
            runner = SinkRunner(settings, context, store, Health("out", raw["type"]), EventLog(None))
            runner.start()
            deadline = time.monotonic() + seconds
            done = until or (lambda health: store.cursor("out") == store.last_seq)
            while time.monotonic() < deadline and not done(runner.health):
                await asyncio.sleep(0.02)
            await runner.stop()
            return runner.health

        return asyncio.run(main())

    return run


class Postgres:
    """A server of its own on a free port."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs, self._folder, self._user = programs, folder, user
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._run("initdb", "-D", str(folder / "db"), "-U", "collector", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._programs / program), *arguments], user=self._user, check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -h 127.0.0.1 -F"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "db"), "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "db"), "-m", "immediate", "stop")

    def ask(self, sql: str) -> list[str]:
        command = [
            str(self._programs / "psql"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "collector",
            "-d",
            "postgres",
            "-AtqF|",
            "-c",
            sql,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lnx-pg-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = Postgres(found[-1].parent, folder, user)
    yield server
    with contextlib.suppress(subprocess.CalledProcessError):
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)
