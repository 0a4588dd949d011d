"""How long to wait before trying again: doubling with full jitter, the server's own wish first, slow while nobody listens to us."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds. ``first`` doubles up to ``longest``; ``probe`` while the upstream refuses us as such."""

    first: float = 1.0
    longest: float = 60.0
    probe: float = 300.0


class Backoff:
    """The waits of one uplink."""

    def __init__(self, pace: Pace, chance: random.Random | None = None) -> None:
        self._pace = pace
        self._chance = chance or random.Random()
        self.failures = 0

    def reset(self) -> None:
        """After a success."""
        self.failures = 0

    def next_wait(self, *, asked: float | None = None, refused: bool = False) -> float:
        """Seconds until the next try; ``asked`` is what the server wished."""
        self.failures += 1
        if refused:
            return min(self._pace.probe, self._pace.first * 2.0 ** min(self.failures - 1, 20))
        grown = min(self._pace.longest, self._pace.first * 2.0 ** min(self.failures - 1, 20))
        jittered = grown * self._chance.uniform(0.5, 1.0)
        return max(asked, jittered * 0.1) if asked is not None else jittered
