"""Twenty random kills per fault: nothing that was accepted is lost. More of them: `python3 dev.py kill-loop --kills N`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from agent_plant import seconds_here
from lnx_agent.record import Parsed
from oracle import PROCESS_FAULTS, Outcome, _compare, run

SEEDS = [
    line.split() for line in Path(__file__).with_name("failing-seeds.txt").read_text(encoding="utf-8").splitlines() if line[:1].isalpha()
]


@pytest.mark.parametrize("fault", PROCESS_FAULTS)  # those of the disk are in test_disk.py
def test_nothing_accepted_is_lost(fault: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    outcome = run(seed, 20, fault, tmp_path)
    assert outcome.faultless(), f"seed {seed}: {outcome.line()}"
    assert outcome.obligations > 1000
    assert outcome.slowest_start < seconds_here(5)


@pytest.mark.parametrize(("fault", "seed", "kills"), SEEDS)
def test_seeds_that_once_failed(fault: str, seed: str, kills: str, tmp_path: Path) -> None:
    outcome = run(int(seed), min(int(kills), 10), fault, tmp_path)
    assert outcome.faultless(), outcome.line()


def _record(source: str, status: int, event: str = "lnx.error") -> Parsed:
    return Parsed(event, 0, 0, "", source, {"status": status, "model": f"model {status % 7}"})


def test_the_oracle_sees_every_kind_of_fault() -> None:
    truth = {"p:1": 1, "p:2": 2}
    good = {("s", 0): _record("p:1", 1), ("s", 1): _record("p:2", 2)}

    def judged(stored: dict[tuple[str, int], Parsed]) -> Outcome:
        outcome = Outcome()
        _compare(truth, stored, outcome)
        return outcome

    assert judged(good).faultless()
    assert judged({("s", 0): good["s", 0]}).lost == ["p:2"]
    assert judged({**good, ("s", 2): _record("p:3", 3)}).invented == ["p:3"]
    assert judged({**good, ("s", 2): _record("p:2", 2)}).doubled == ["p:2"]
    assert judged({**good, ("s", 1): _record("p:2", 9)}).changed == ["p:2"]
    assert judged({("s", 0): good["s", 0], ("s", 2): good["s", 1]}).holes == ["s:1"]
