"""The log keeps what it accepted: through kills, refusing disks and damaged files."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx_common.damage import quarantine, salvage
from lnx_common.durable_log import DurableLog
from lnx_common.errors import PlantError
from lnx_common.files import InstanceLock, write_durably

CRASHER = """
import sys, threading
from pathlib import Path
from lnx_common.durable_log import DurableLog
log = DurableLog(Path(sys.argv[1]))
def write(name):
    for n in range(10**6):
        seqs = log.append([b"%d:%d" % (name, n)], {f"reader{name}": str(n)})
        sys.stdout.write(f"{name} {n} {seqs[0]}\\n"); sys.stdout.flush()
for name in range(3):
    threading.Thread(target=write, args=(name,)).start()
"""


def crasher(path: Path) -> subprocess.Popen[bytes]:
    """It writes until it is killed, here or after a minute: waiting for its next line has an end."""
    child = subprocess.Popen([sys.executable, "-c", CRASHER, str(path)], stdout=subprocess.PIPE)
    limit = threading.Timer(60, child.kill)
    limit.daemon = True
    limit.start()
    return child


def test_numbers_are_contiguous_over_many_threads_and_restarts(tmp_path: Path) -> None:
    seen: list[int] = []
    for _ in range(3):
        with DurableLog(tmp_path / "l.db") as log:
            threads = [threading.Thread(target=lambda: [seen.extend(log.append([b"a", b"b"])) for _ in range(20)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
    assert sorted(seen) == list(range(3 * 4 * 20 * 2))


def test_a_killed_process_keeps_every_record_it_was_told_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    accepted: dict[int, bytes] = {}
    for _ in range(5):
        child = crasher(path)
        assert child.stdout is not None
        for _ in range(200):
            name, n, seq = child.stdout.readline().split()
            accepted[int(seq)] = name + b":" + n
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate(timeout=60)
        for line in rest.split(b"\n")[:-1]:
            name, n, seq = line.split()
            accepted[int(seq)] = name + b":" + n
        with DurableLog(path) as log:
            stored = {entry.seq: entry.body for entry in log.read(0, 10**6)}
        assert {seq: stored.get(seq) for seq in accepted} == accepted
        assert sorted(stored) == list(range(len(stored)))


def test_a_cursor_is_stored_with_its_records_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    child = crasher(path)
    assert child.stdout is not None
    for _ in range(100):
        child.stdout.readline()
    child.kill()
    child.communicate(timeout=60)
    with DurableLog(path) as log:
        for name in range(3):
            last = max(int(e.body.split(b":")[1]) for e in log.read(0, 10**6) if e.body.startswith(b"%d:" % name))
            assert log.cursor(f"reader{name}") == str(last)


def test_a_record_can_know_its_own_number(tmp_path: Path) -> None:
    with DurableLog(tmp_path / "l.db") as log:
        assert log.append([b"x", lambda seq: b"number %d" % seq]) == range(0, 2)
        assert log.read(1, 1)[0].body == b"number 1"


def test_a_failing_record_refuses_its_caller_alone(tmp_path: Path) -> None:
    def fail(_: int) -> bytes:
        raise ValueError("no")

    with DurableLog(tmp_path / "l.db") as log:
        good = [log.submit([b"1"]), log.submit([b"2"])]
        bad = log.submit([b"3", fail])
        good.append(log.submit([b"4"]))
        with pytest.raises(ValueError, match="no"):
            bad.result(60)
        assert sorted(future.result(60)[0] for future in good) == [0, 1, 2]


def test_numbers_go_on_after_everything_was_trimmed(tmp_path: Path) -> None:
    with DurableLog(tmp_path / "l.db") as log:
        log.append([b"a", b"b"])
        log.trim(2)
    with DurableLog(tmp_path / "l.db") as log:
        assert (log.first_seq, log.next_seq) == (2, 2)
        assert log.append([b"c"]) == range(2, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_a_full_disk_refuses_and_later_goes_on(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from lnx_common.durable_log import DurableLog
from lnx_common.errors import PlantError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = DurableLog(Path(sys.argv[1]))
kept = list(log.append([b"before"]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
refused = 0
for n in range(200):
    try:
        kept += log.append([b"x" * 4000])
    except PlantError as error:
        assert error.status == 621, error
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert refused > 0
kept += log.append([b"after"])
log.close()
with DurableLog(Path(sys.argv[1])) as log:
    assert [e.seq for e in log.read(0, 10**6)] == kept == list(range(len(kept)))
    assert log.read(kept[-1], 1)[0].body == b"after"
print("ok")
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "l.db")], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "ok", done.stderr


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x10
    path.write_bytes(data)


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 10**9))
def test_any_flipped_bit_is_found_or_harmless_and_salvage_gives_back_only_true_records(
    tmp_path_factory: pytest.TempPathFactory, at: int
) -> None:
    path = tmp_path_factory.mktemp("flip") / "l.db"
    truth = {n: b"record %06d " % n * 30 for n in range(300)}
    with DurableLog(path) as log:
        log.append(list(truth.values()))
    _flip(path, at)
    try:
        with DurableLog(path) as log:
            read = {entry.seq: entry.body for entry in log.read(0, 1000)}
        assert read == truth
    except PlantError as error:
        assert error.status == 620
        moved = quarantine(path, path.parent / "quarantine")
        assert not path.exists()
        rescued = {entry.seq: entry.body for entry in salvage(moved)}
        assert rescued.items() <= truth.items()


@settings(max_examples=25, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_in_the_write_ahead_log_takes_nothing_that_was_accepted_after_it(
    left_by_a_kill: tuple[Path, dict[int, bytes]], tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    killed, truth = left_by_a_kill
    path = shutil.copytree(killed, tmp_path_factory.mktemp("flip") / "log") / "l.db"
    log = path.with_name("l.db-wal")
    raw = bytearray(log.read_bytes())
    raw[int(where * len(raw))] ^= 1 << bit
    log.write_bytes(raw)
    try:
        with DurableLog(path) as opened:
            kept = {entry.seq: entry.body for entry in opened.read(0, 10_000)}
        assert kept in (truth, dict(list(truth.items())[:-GROUP]))  # the last transaction cannot be told from a torn one
    except PlantError as error:
        assert error.status == 620
        rescued = {entry.seq: entry.body for entry in salvage(quarantine(path, path.parent / "quarantine"))}
        assert rescued.items() <= truth.items()
        assert len(rescued) >= len(truth) - 20  # a page of small records
        assert sorted(file.name[-4:] for file in (path.parent / "quarantine").iterdir()) == ["-wal", "l.db"]
        DurableLog(path).close()


GROUP = 4  # records in a transaction


@pytest.fixture(scope="module")
def left_by_a_kill(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, bytes]]:
    """The files of a log of 40 transactions as kill -9 leaves them, and what is in it."""
    folder = tmp_path_factory.mktemp("kill")
    truth = {n: b"record %06d " % n * 20 for n in range(40 * GROUP)}
    with DurableLog(folder / "running/l.db") as log:
        log._write.execute("PRAGMA wal_autocheckpoint = 0")
        for first in range(0, len(truth), GROUP):
            log.append([truth[first + i] for i in range(GROUP)])
        killed = shutil.copytree(folder / "running", folder / "killed", ignore=shutil.ignore_patterns("*-shm"))
    return killed, truth


@pytest.mark.parametrize("wreck", [lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"\0" * 8192), lambda p: _flip(p, 0)])
def test_a_wrecked_file_never_stops_the_start(tmp_path: Path, wreck: Callable[[Path], object]) -> None:
    path = tmp_path / "l.db"
    with DurableLog(path) as log:
        log.append([b"a"])
    wreck(path)
    try:
        DurableLog(path).close()
    except PlantError as error:
        assert error.status == 620
        list(salvage(quarantine(path, tmp_path / "q")))
        DurableLog(path).close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be deleted")
def test_a_log_that_is_deleted_or_replaced_while_it_is_open_is_put_back_with_every_record(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    log = DurableLog(folder / "l.db")
    log.append([b"a"], {"reader": "1"})
    shutil.copytree(folder, tmp_path / "copy")
    log.append([b"b"])
    shutil.rmtree(folder)
    assert log.append([b"c"]) == range(2, 3)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    assert log.append([b"d"], {"reader": "2"}) == range(3, 4)
    assert [entry.body for entry in log.read(0, 10)] == [b"a", b"b", b"c", b"d"]
    log.close()
    with DurableLog(folder / "l.db") as again:
        assert [entry.body for entry in again.read(0, 10)] == [b"a", b"b", b"c", b"d"]
        assert again.cursor("reader") == "2" and again.next_seq == 4
    assert list(folder.glob("l.db.found-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be deleted")
def test_a_log_that_cannot_be_put_back_refuses_and_later_goes_on_with_the_same_number(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with DurableLog(folder / "l.db") as log:
        log.append([b"a"])
        shutil.rmtree(folder)
        folder.write_text("a file where the folder should be")
        with pytest.raises(PlantError) as caught:
            log.append([b"b"])
        assert caught.value.status == 621
        folder.unlink()
        assert log.append([b"b"]) == range(1, 2)
    with DurableLog(folder / "l.db") as again:
        assert [entry.body for entry in again.read(0, 10)] == [b"a", b"b"]


def test_a_second_instance_is_told_who_the_first_is(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "lock"):
        script = "import sys; from pathlib import Path; from lnx_common.files import InstanceLock; InstanceLock(Path(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "lock")], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode != 0
        assert f"process {os.getpid()}" in done.stderr
    InstanceLock(tmp_path / "lock").release()


def test_a_file_is_replaced_whole_and_private_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "한글 폴더" / "key"
    write_durably(path, b"one")
    write_durably(path, b"two", private=True)
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["key"]
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o077 == 0


def test_memory_of_waiting_records_is_bounded(tmp_path: Path) -> None:
    with DurableLog(tmp_path / "l.db", max_queued=100) as log:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(300):
            log.submit([b"x" * 100_000])
        assert log.append([b"end"])
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
