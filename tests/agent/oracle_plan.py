"""What a run of the oracle will do to the agent, drawn from the seed before it begins.

A life's faults are drawn from the seed, the fault and the number of the life alone. So a seed gives the same sequence whatever the
timing, however many kills are asked for, and whatever files there are when one is to be damaged: places are drawn as fractions.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

FILES = (
    "streams/*/journal.db",
    "streams/*/journal.db-wal",
    "streams/*/segments/*/*.seg",
    "uplinks/*/position",
    "streams/*/hiwater",
    "ledger.json",
)
KINDS = ("removed", "cut", "bit")
DECK = [(files, kind) for files in FILES for kind in KINDS if (files, kind) != ("streams/*/segments/*/*.seg", "removed")]
TRICKS = 12


@dataclass(frozen=True)
class Damage:
    """One file of those that ``files`` matches: which of them, and where in it, as fractions below 1."""

    files: str
    kind: str
    which: float
    where: float
    bit: int


@dataclass(frozen=True)
class Life:
    """From a start of the agent to its end.

    countdown: dies at this operation; 0: by the clock, ``seconds`` after it works, or after it was started when ``early``.
    settings: the records of a batch that the file says from now on, with a slip of the pen in it when ``slip``; ``settle`` seconds later
    comes the kill. lying: the disk says that it flushed and did not.
    """

    countdown: int
    early: bool
    seconds: float
    settings: int
    slip: bool
    settle: float
    lying: bool
    damage: Damage


def life(seed: int, fault: str, number: int) -> Life:
    """Life ``number`` of a run."""
    chance = random.Random(f"{seed} {fault} life {number}")
    countdown, by_operation = chance.randrange(1, 160), chance.random()
    dies_by_it = fault in ("operation", "power") or (fault == "damage" and by_operation < 0.3)
    return Life(
        countdown=countdown if dies_by_it else 0,
        early=chance.random() < 0.3,
        seconds=chance.uniform(0, 0.8),
        settings=chance.randrange(20, 200),
        slip=chance.random() < 0.3,
        settle=chance.uniform(0, 1.2),
        lying=fault == "lies" and chance.random() < 0.5,
        damage=_damage(seed, fault, number, chance),
    )


def _damage(seed: int, fault: str, number: int, chance: random.Random) -> Damage:
    """Every file is damaged in every way before one comes a second time."""
    around, card = divmod(number, len(DECK))
    deck = random.Random(f"{seed} {fault} deck {around}").sample(DECK, len(DECK))
    return Damage(*deck[card], chance.random(), chance.random(), chance.randrange(8))


def trick(seed: int, request: int) -> int:
    """What is played on the request of this number: a number below TRICKS."""
    return random.Random(f"{seed} request {request}").randrange(TRICKS)
