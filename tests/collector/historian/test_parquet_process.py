"""Work on Parquet files in a process of its own: the same bytes as in this one, and whatever happens to it, nothing is lost or doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, database, parquet_process
from lnx_collector.historian.parquet_process import ParquetProcess, ParquetProcessError
from lnx_collector.sample import bad, good

HOUR = 3600 * 10**9
T0 = 1_788_220_800 * 10**9  # 2026-09-01
SETTINGS = HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000)
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture
def stores() -> Iterator[Callable[..., tuple[Historian, ParquetProcess]]]:
    """stores(folder): a historian there, and the process that works for it."""
    opened: list[Historian] = []

    def make(folder: Path, settings: HistorianSettings = SETTINGS, timeout: float = 60.0) -> tuple[Historian, ParquetProcess]:
        work = ParquetProcess(folder, timeout)
        opened.append(Historian(folder, settings, work=work))
        return opened[-1], work

    yield make
    for one in opened:
        one.close()


def fill(store: Historian, hours: int, per_hour: int = 40) -> None:
    for hour in range(hours):
        at = T0 + hour * HOUR
        samples = [good("ab"[i % 2], i * 7919 % 100_003 / 7, at + i * 10**6) for i in range(per_hour)]
        samples += [good("텍스트", f"칸 {hour}", at), good("large", 2**63 + hour, at), bad("a", 0x80050000, at)]
        store.submit("line", samples).result(10)


def content(store: Historian) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    seq = 0
    while rows := store.rows_after(seq, 333):
        found += [(row.seq, *row.sample, row.tag) for row in rows]
        seq = rows[-1].seq
    return found


def ended(pid: int) -> bool:
    """Whether a child runs no more with any of its threads, waited for or not."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted((folder / "samples").rglob("*")) if path.is_file()}


def test_rolling_joining_thinning_and_reading_give_the_same_bytes_as_in_this_process(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]]
) -> None:
    settings = SETTINGS.model_copy(update={"when_full": "thin", "part_rows": 5000})
    plain = Historian(tmp_path / "plain", settings)
    fill(plain, 27)
    plain.close()
    shutil.copytree(tmp_path / "plain", tmp_path / "apart")
    plain = Historian(tmp_path / "plain", settings)
    apart, work = stores(tmp_path / "apart", settings)
    hot = content(apart)
    steps: list[Callable[[Historian], object]] = [
        lambda store: store._roller.roll(T0 + 100 * HOUR),
        lambda store: store._roller.compact(T0 + 29 * HOUR),
        lambda store: store._roller._thin(*store._roller._catalogue(), size=2**62),
    ]
    for step in steps:
        assert step(plain) == step(apart)
        assert files(tmp_path / "plain") == files(tmp_path / "apart")
        assert content(plain) == content(apart)
        assert plain.reader.all("SELECT * FROM part ORDER BY path") == apart.reader.all("SELECT * FROM part ORDER BY path")
        if step is not steps[-1]:
            assert content(apart) == hot
    described = [name for name in files(tmp_path / "plain") if name.endswith(".parquet")]
    assert [work.describe(name) for name in described] == [plain._work.describe(name) for name in described]
    (tmp_path / "apart/torn.parquet").write_bytes(b"PAR1")
    assert work.describe("torn.parquet") is None
    assert [loss._replace(last_time=0, first_time=0) for loss in plain.losses()] == [
        loss._replace(last_time=0, first_time=0) for loss in apart.losses()
    ]
    plain.close()


def test_the_process_that_collects_does_not_load_pyarrow(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from lnx_collector.config import HistorianSettings\n"
        "from lnx_collector.runtime.collector import Historian, ParquetProcess; from lnx_collector.sample import good\n"
        "data = Path(sys.argv[1])\n"
        "store = Historian(data, HistorianSettings(reserve=0, part_rows=1000), work=ParquetProcess(data))\n"
        "store.submit('s', [good('a', float(i), i) for i in range(2500)]).result(10)\n"
        "store.maintain(); assert len(list(data.rglob('*.parquet'))) == 3\n"
        "assert len(store.rows_after(0, 5000)) == 1000; store.close()\n"
        "again = Historian(data, HistorianSettings(reserve=0), work=ParquetProcess(data)); again.close()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'pyarrow', 'duckdb', 'numpy', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def wait(done: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def rolling(store: Historian) -> tuple[threading.Thread, list[BaseException]]:
    """Rolls in a thread, as the collector does; what it raises is in the list."""
    failures: list[BaseException] = []

    def roll() -> None:
        try:
            store.roll_now()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=roll, daemon=True)
    thread.start()
    return thread, failures


@posix
def test_a_child_that_is_killed_at_any_moment_costs_the_request_and_nothing_else(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]]
) -> None:
    store, work = stores(tmp_path, SETTINGS.model_copy(update={"part_rows": 20_000}))
    fill(store, 1, 40_000)
    before = content(store)
    for pause in (0.1, 0.5, 0.9):
        thread, failures = rolling(store)
        wait(lambda thread=thread: work.pid or not thread.is_alive())
        time.sleep(pause)
        if (pid := work.pid) is not None:
            os.kill(pid, signal.SIGKILL)
            wait(lambda pid=pid: ended(pid))  # or the next request, if the roll is over, is the one that it costs
        thread.join(120)
        assert not thread.is_alive()
        assert all(isinstance(failure, ParquetProcessError) and "ended with -9" in str(failure) for failure in failures)
        assert list(tmp_path.rglob("*.partial")) == []
        assert content(store) == before
    store.roll_now()
    assert len(list(tmp_path.rglob("*.parquet"))) == 3
    assert content(store) == before and store.losses() == []


@posix
def test_a_child_that_does_not_answer_is_killed_when_its_time_is_over_and_the_next_one_works(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]]
) -> None:
    store, work = stores(tmp_path, timeout=30)
    fill(store, 1, 500)
    work.describe("nothing.parquet")
    assert work.pid is not None
    child = psutil.Process(work.pid)
    assert child.nice() == max(parquet_process.NICE, psutil.Process().nice())
    child.suspend()
    work._timeout = 0.3
    with pytest.raises(ParquetProcessError, match=r"did not answer within 0\.3 s"):
        store.roll_now()
    assert not child.is_running() and work.pid is None
    work._timeout = 30
    store.roll_now()
    assert len(content(store)) == 503 and len(list(tmp_path.rglob("*.parquet"))) == 1


@posix
def test_closing_does_not_wait_for_a_child_that_is_busy(tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]]) -> None:
    store, work = stores(tmp_path)
    fill(store, 1, 500)
    work.describe("nothing.parquet")
    assert work.pid is not None
    os.kill(work.pid, signal.SIGSTOP)
    thread, failures = rolling(store)
    wait(work._turn.locked)
    began = time.monotonic()
    store.close()
    thread.join(10)
    assert not thread.is_alive() and time.monotonic() - began < 5
    assert isinstance(failures[0], ParquetProcessError)
    again, _ = stores(tmp_path)
    assert len(content(again)) == 503


def test_the_child_is_ended_when_there_is_nothing_to_do_and_stays_while_somebody_reads(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, work = stores(tmp_path)
    fill(store, 1, 2000)
    store.maintain()
    assert work.pid is None and len(list(tmp_path.rglob("*.parquet"))) == 3
    store.rows_after(0, 10)
    child = work.pid
    store.maintain()
    assert work.pid == child is not None
    monkeypatch.setattr(parquet_process, "READING", 0.0)
    store.maintain()
    assert work.pid is None
    assert len(content(store)) == 2003


@posix
def test_the_child_ends_with_its_parent_also_in_the_middle_of_work(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from lnx_collector.config import HistorianSettings\n"
        "from lnx_collector.historian import Historian; from lnx_collector.historian.parquet_process import ParquetProcess\n"
        "from lnx_collector.sample import good\n"
        "data = Path(sys.argv[1]); work = ParquetProcess(data)\n"
        "store = Historian(data, HistorianSettings(reserve=0, part_rows=500_000), work=work)\n"
        "store.submit('s', [good('a', i / 7, i) for i in range(100_000)]).result(30)\n"
        "work.describe('x.parquet'); print(work.pid, flush=True); store.roll_now(); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    time.sleep(0.2)
    parent.kill()
    parent.communicate(timeout=60)
    wait(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 60)
    store = Historian(tmp_path, SETTINGS)
    assert [row[0] for row in content(store)] == list(range(1, 100_001)) and store.losses() == []
    assert list(tmp_path.rglob("*.partial")) == []
    store.close()


def test_a_program_that_cannot_be_started_is_told_and_costs_nothing(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores(tmp_path)
    fill(store, 1, 100)
    monkeypatch.setattr(parquet_process, "_program", lambda: [str(tmp_path / "not there")])
    with pytest.raises(ParquetProcessError, match="cannot be started"):
        store.maintain()
    monkeypatch.setattr(parquet_process, "_program", lambda: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ParquetProcessError, match="ended with 3"):
        store.maintain()
    monkeypatch.undo()
    store.maintain()
    assert len(content(store)) == 103 and len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_file_that_a_crash_left_behind_waits_where_the_program_cannot_be_started(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores(tmp_path)
    fill(store, 1, 500)
    store.close()
    before = tmp_path / "before.sqlite"
    shutil.copy(tmp_path / database.DATABASE, before)
    store, _ = stores(tmp_path)
    store.roll_now()
    store.close()
    shutil.copy(before, tmp_path / database.DATABASE)  # the file got its name, the catalogue never heard of it
    monkeypatch.setattr(parquet_process, "_program", lambda: [str(tmp_path / "not there")])
    store, _ = stores(tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1 and len(content(store)) == 503
    store.close()
    monkeypatch.undo()
    store, _ = stores(tmp_path)
    assert list(tmp_path.rglob("*.parquet")) == []
    store.roll_now()
    assert len(content(store)) == 503 and store.losses() == []


def test_a_packaged_program_starts_the_collector_that_lies_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for started, expected in (("lnx", "lnx-collector"), ("lnx-collector.exe", "lnx-collector.exe")):
        monkeypatch.setattr(sys, "executable", str(tmp_path / started))
        assert parquet_process._program() == [str(tmp_path / expected)]


def test_a_part_that_is_damaged_is_set_aside_but_a_crashed_child_damages_nothing(
    tmp_path: Path, stores: Callable[..., tuple[Historian, ParquetProcess]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = stores(tmp_path)
    fill(store, 1, 2500)
    store.roll_now()
    store._work.rest()
    monkeypatch.setattr(parquet_process, "_program", lambda: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ParquetProcessError):
        store.rows_after(0, 10)
    monkeypatch.undo()
    assert store.losses() == [] and len(content(store)) == 2503
    victim = sorted(tmp_path.rglob("*.parquet"))[1]
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 3] ^= 0x10
    victim.write_bytes(raw)
    store.close()
    again, _ = stores(tmp_path)
    assert len(content(again)) == 1503
    assert [(loss.reason, loss.samples) for loss in again.losses()] == [("damaged", 1000)]
