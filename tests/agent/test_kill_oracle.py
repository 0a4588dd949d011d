"""Twenty random kills per fault: nothing that was accepted is lost. More of them: `python3 dev.py kill-loop --kills N`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from agent_plant import seconds_here
from lnx_agent.record import Parsed
from oracle import FAULTS, PROCESS_FAULTS, Outcome, _compare, _damage, run
from oracle_plan import DECK, FILES, TRICKS, Damage, life, trick

SEEDS = [
    line.split() for line in Path(__file__).with_name("failing-seeds.txt").read_text(encoding="utf-8").splitlines() if line[:1].isalpha()
]


@pytest.mark.timeout(1200)  # a crowded machine
@pytest.mark.parametrize("fault", PROCESS_FAULTS)  # those of the disk are in test_disk.py
def test_nothing_accepted_is_lost(fault: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    outcome = run(seed, 20, fault, tmp_path)
    assert outcome.faultless(), f"seed {seed}: {outcome.line()}"
    assert outcome.obligations > 1000
    assert outcome.slowest_start < seconds_here(5)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("fault", "seed", "kills"), SEEDS)
def test_seeds_that_once_failed(fault: str, seed: str, kills: str, tmp_path: Path) -> None:
    outcome = run(int(seed), min(int(kills), 10), fault, tmp_path)
    assert outcome.faultless(), outcome.line()


@pytest.mark.slow
def test_a_seed_that_shows_a_fault_shows_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(7, 8, "upstream", tmp_path / "well").faultless()
    monkeypatch.setenv("LNX_DOOMED", "forgetful")
    for n in range(2):
        assert not run(7, 8, "upstream", tmp_path / str(n)).faultless()


def test_a_seed_gives_the_same_faults_again_however_many_are_asked_for() -> None:
    for fault in FAULTS:
        lives = [life(7, fault, n) for n in range(50)]
        assert [life(7, fault, n) for n in reversed(range(50))] == lives[::-1]  # no life depends on what was drawn before
        assert len(set(lives)) == 50
        assert lives != [life(8, fault, n) for n in range(50)]
        assert all(bool(one.countdown) == (fault in ("operation", "power")) for one in lives if fault != "damage")
        damages = [(one.damage.files, one.damage.kind) for one in lives[: len(DECK)]]
        assert sorted(damages) == sorted(DECK)
    assert {trick(7, n) for n in range(200)} == set(range(TRICKS))
    assert [trick(7, n) for n in range(50)] == [trick(7, n) for n in range(50)] != [trick(8, n) for n in range(50)]


def test_damage_is_done_where_the_seed_says(tmp_path: Path) -> None:
    for n in range(4):
        path = tmp_path / f"streams/s{n}/journal.db"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(100))
    files = [tmp_path / f"streams/s{n}/journal.db" for n in range(4)]
    _damage(tmp_path, Damage(FILES[0], "bit", 0.5, 0.25, 3))
    assert [path.read_bytes() for path in files] == [bytes(100), bytes(100), bytes(25) + b"\x08" + bytes(74), bytes(100)]
    _damage(tmp_path, Damage(FILES[0], "cut", 0.99, 0.4, 0))
    assert len(files[3].read_bytes()) == 40
    _damage(tmp_path, Damage(FILES[0], "removed", 0, 0, 0))
    assert not files[0].exists()
    _damage(tmp_path, Damage(FILES[5], "cut", 0, 0, 0))  # no such file


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
