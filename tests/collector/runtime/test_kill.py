"""kill -9 at random moments: every sample that was accepted is there afterwards, once, equal, in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from kill_child import SETTINGS, value
from lnx_collector.historian import Historian

KILLS = int(os.environ.get("LNX_KILLS", "20"))
CHILD = Path(__file__).with_name("kill_child.py")


def test_no_accepted_sample_is_lost_however_often_the_collector_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("LNX_KILL_SEED", str(random.randrange(10**9))))
    rng = random.Random(seed)
    promised: set[int] = set()
    first = 0
    for _ in range(KILLS):
        child = subprocess.Popen([sys.executable, str(CHILD), str(tmp_path / "data"), str(first)], stdout=subprocess.PIPE)
        assert child.stdout
        promised.add(int(child.stdout.readline()))  # it runs: now at a random moment
        time.sleep(rng.uniform(0, 0.25))
        child.kill()
        rest = child.stdout.read().decode().split("\n")
        child.wait()
        promised.update(int(line) for line in rest[:-1])  # the last line may be torn
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
