"""Which lines of which event files a set of records holds, as ranges of numbers per process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Sources:
    """Lines by process: `ranges[process]` is a list of [first, last] in the order in which they were added."""

    def __init__(self) -> None:
        self.ranges: dict[str, list[list[int]]] = {}

    def add(self, source: str) -> None:
        """Adds `<process>:<number>`; what is not of that form is ignored."""
        process, separator, number = source.rpartition(":")
        if not separator or not number.isdigit():
            return
        ranges = self.ranges.setdefault(process, [])
        n = int(number)
        if ranges and ranges[-1][1] + 1 == n:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])

    def merge(self, ranges: Mapping[str, Sequence[Sequence[int]]]) -> None:
        """Adds the lines of another set."""
        for process, rows in ranges.items():
            self.ranges.setdefault(process, []).extend([int(first), int(last)] for first, last in rows)

    def holds(self, process: str, number: int) -> bool:
        """Whether a line is here."""
        return any(first <= number <= last for first, last in self.ranges.get(process, ()))
