"""A disk that answers EIO, once or for a while, when writing or syncing: nothing is accepted that it does not hold, and it goes on alone.

The failing disk is a library that is put in front of the C library (LD_PRELOAD), so that SQLite, Parquet and we all meet it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled."""
    if sys.platform != "linux" or not shutil.which("gcc"):
        pytest.skip("needs gcc on Linux")
    library = tmp_path_factory.mktemp("failing") / "failing_disk.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", str(HERE / "failing_disk.c"), "-o", str(library), "-ldl"], check=True, timeout=120)
    return library


class Child:
    """A historian in a process of its own, on a disk that can be switched to fail."""

    def __init__(self, library: Path, folder: Path, where: str) -> None:
        self.data = folder / "data"
        self._switch = folder / "switch"
        env = {**os.environ, "LD_PRELOAD": str(library), "FAIL_FOLDER": str(self.data), "FAIL_SWITCH": str(self._switch)}
        command = [sys.executable, str(HERE / "io_error_child.py"), str(self.data), where]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        self.accepted = -1
        self.failures = 0
        self.troubles: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            word, value = line.split()
            if word == "accepted":
                self.accepted = int(value)
            elif word == "maintenance":
                self.failures += 1
            else:
                self.troubles.append(value)

    def fail(self, what: str) -> None:
        self._switch.with_suffix(".new").write_text(what + "\n")
        self._switch.with_suffix(".new").replace(self._switch)

    def mend(self) -> None:
        self._switch.unlink()

    def wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline and self.process.poll() is None, (self.accepted, self.troubles)
            time.sleep(0.005)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture(params=["here", "apart"])
def child(failing_disk: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Child]:
    """Parquet is worked on in its process, or in one of its own, which meets the failing disk, too."""
    one = Child(failing_disk, tmp_path, request.param)
    yield one
    one.kill()


def check(child: Child) -> None:
    """Everything that was accepted is there, in order and once, and no loss is recorded."""
    child.kill()
    store = Historian(child.data, HistorianSettings(reserve=0))
    found: list[float] = []
    seq = 0
    while rows := store.rows_after(seq, 1000):
        found += [float(row.sample.value or 0) for row in rows]
        seq = rows[-1].seq
    assert found == [float(n) for n in range(len(found))] and len(found) >= child.accepted + 1
    assert store.losses() == []
    store.close()


@pytest.mark.parametrize("what", ["write", "sync", "all", "readonly"])
def test_while_the_disk_fails_nothing_is_accepted_and_afterwards_it_goes_on_without_a_hole(child: Child, what: str) -> None:
    child.wait(lambda: child.accepted > 150)
    child.fail(what)
    child.wait(lambda: "703" in child.troubles)
    time.sleep(0.2)
    before = child.accepted
    time.sleep(0.5)
    assert child.accepted == before, "accepted while nothing could be written"
    child.mend()
    child.wait(lambda: child.accepted > before + 150 and child.troubles[-1] == "over")
    check(child)


def test_where_permissions_were_taken_away_samples_are_accepted_and_rolled_when_they_are_back(child: Child) -> None:
    child.wait(lambda: child.accepted > 150)
    child.fail("denied")
    child.wait(lambda: child.failures > 0)  # no file for a part can be made
    time.sleep(0.2)
    count = len(list(child.data.rglob("*.parquet")))
    before = child.accepted
    child.wait(lambda: child.accepted > before + 300)
    assert len(list(child.data.rglob("*.parquet"))) <= count + 1
    child.mend()
    child.wait(lambda: len(list(child.data.rglob("*.parquet"))) >= count + 3)
    check(child)


def test_a_disk_that_fails_again_and_again_for_moments_loses_nothing(child: Child) -> None:
    child.wait(lambda: child.accepted > 20)
    for i in range(12):
        child.fail(("write", "sync", "all")[i % 3])
        time.sleep(0.03)
        child.mend()
        before = child.accepted
        child.wait(lambda before=before: child.accepted > before + 20)
    check(child)


def test_killed_while_the_disk_fails_it_has_what_it_accepted(child: Child, failing_disk: Path, tmp_path: Path) -> None:
    child.wait(lambda: child.accepted > 150)
    child.fail("sync")
    child.wait(lambda: "703" in child.troubles)
    check(child)
