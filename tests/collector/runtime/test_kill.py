"""kill -9 at random moments: every sample that was accepted is there afterwards, once, equal, in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kill_child import SETTINGS, value
from lnx_collector.historian import Historian
from peers import Lines

KILLS = int(os.environ.get("LNX_KILLS", "20"))
KINDS = (("here", 0.25), ("apart", 2.0))
"""Where Parquet is worked on, and after how many seconds at most the process is killed: one of its own takes half a second to start."""
CHILD = Path(__file__).with_name("kill_child.py")


@pytest.mark.timeout(300 + 30 * KILLS)
def test_no_accepted_sample_is_lost_however_often_the_collector_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("LNX_KILL_SEED", str(random.randrange(10**9))))
    rng = random.Random(seed)
    promised: set[int] = set()
    first = 0
    for turn in range(KILLS):
        kind, longest = KINDS[turn % 2]
        command = [sys.executable, str(CHILD), str(tmp_path / "data"), str(first), kind]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines = Lines(child.stdout)
        promised.add(int(lines.next()))  # it runs: now at a random moment
        time.sleep(rng.uniform(0, longest))
        child.kill()
        child.wait(10)
        promised.update(int(line) for line in lines.rest() if line.endswith("\n"))  # the last line may be torn
        first = max(promised) + 100

    store = Historian(tmp_path / "data", SETTINGS)
    seqs: list[int] = []
    found: dict[int, float] = {}
    cursor = 0
    while rows := store.rows_after(cursor, 1000):
        for row in rows:
            n = row.sample.receive_time - 1_790_000_000 * 10**9
            assert n not in found, f"sample {n} is there twice (seed {seed})"
            found[n] = float(row.sample.value or 0.0)
            seqs.append(row.seq)
        cursor = rows[-1].seq
    missing = promised - found.keys()
    cold = store.reader.one("SELECT count(*), sum(rows) FROM part")
    assert cold[0] > 0, "no part was ever written"
    print(f"{KILLS} kills, {len(promised)} samples accepted, {len(missing)} lost, seed {seed}")
    assert not missing, f"{len(missing)} of {len(promised)} accepted samples are lost (seed {seed})"
    assert all(found[n] == value(n) for n in found)
    assert seqs == list(range(1, len(seqs) + 1)), f"numbers have holes (seed {seed})"
    for k in range(4):
        assert int(store.bookmarks("oracle")[f"lane{k}"]) in found
    counted = store.reader.query("SELECT count(*) n, count(DISTINCT seq) d FROM samples").to_pylist()[0]
    assert counted == {"n": len(found), "d": len(found)}
    assert store.losses() == []
    store.close()
