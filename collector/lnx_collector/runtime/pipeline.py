"""Sends each sample through the steps that its tag matches, in the order of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from lnx_collector.contract import Describing, Step, StepSettings
from lnx_collector.registry import load_kind
from lnx_collector.sample import Sample, Tag
from lnx_collector.steps import STEPS


def matches(tag: str, patterns: Iterable[str]) -> bool:
    """True when a pattern ("press1.*") fits the tag; upper and lower case differ."""
    return any(fnmatchcase(tag, pattern) for pattern in patterns)


class Pipeline:
    """Steps with their state; used from one thread."""

    def __init__(self, settings: Sequence[StepSettings]) -> None:
        self._steps: list[tuple[Step, tuple[str, ...]]] = [(load_kind(STEPS, one.type).build(one), one.patterns) for one in settings]
        self._chains: dict[str, tuple[int, ...]] = {}

    def describe(self, tags: Iterable[Tag]) -> list[Tag]:
        """What is known of tags behind the steps."""
        described = []
        for tag in tags:
            for step, patterns in self._steps:
                if isinstance(step, Describing) and matches(tag.name, patterns):
                    tag = step.describe(tag)
            described.append(tag)
        return described

    def apply(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """What becomes of samples that a source has handed in."""
        if not self._steps:
            return samples
        result: list[Sample] = []
        for sample in samples:
            self._follow(sample, 0, result)
        return result

    def tick(self, now: int) -> list[Sample]:
        """What falls due by time; each passes through the steps after the one that made it."""
        return self._due(lambda step: step.tick(now))

    def finish(self, now: int) -> list[Sample]:
        """What the steps still hold back."""
        return self._due(lambda step: step.finish(now))

    def _due(self, ask: Callable[[Step], Sequence[Sample]]) -> list[Sample]:
        result: list[Sample] = []
        for i, (step, _) in enumerate(self._steps):
            for sample in ask(step):
                self._follow(sample, i + 1, result)
        return result

    def _follow(self, sample: Sample, begin: int, result: list[Sample]) -> None:
        for i in self._chain(sample.tag):
            if i < begin:
                continue
            produced = self._steps[i][0].apply(sample)
            if len(produced) == 1 and produced[0].tag == sample.tag:
                sample = produced[0]
                continue
            for one in produced:
                self._follow(one, i + 1, result)
            return
        result.append(sample)

    def _chain(self, tag: str) -> tuple[int, ...]:
        chain = self._chains.get(tag)
        if chain is None:
            chain = tuple(i for i, (_, patterns) in enumerate(self._steps) if matches(tag, patterns))
            self._chains[tag] = chain
        return chain
