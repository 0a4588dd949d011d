"""Alignment, filling and normalisation against their definitions, written out plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector.dataset import align
from lnx_collector.dataset.normalise import fit

SAMPLES = st.lists(st.tuples(st.integers(0, 60), st.integers(-50, 50)), max_size=25).map(sorted)
CLOCK = st.integers(1, 7).flatmap(lambda step: st.just(list(range(0, 64, step))))


def last(t: int, samples: list[tuple[int, float]], age: int) -> float:
    before = [(ti, v) for ti, v in samples if ti <= t and t - ti <= age]
    return before[-1][1] if before else math.nan


def nearest(t: int, samples: list[tuple[int, float]], age: int) -> float:
    near = [(abs(ti - t), ti, v) for ti, v in samples if abs(ti - t) <= age]
    return min(near)[2] if near else math.nan


def linear(t: int, samples: list[tuple[int, float]], age: int) -> float:
    here = [v for ti, v in samples if ti == t]
    before = [(ti, v) for ti, v in samples if ti < t]
    after = [(ti, v) for ti, v in samples if ti > t]
    if here:
        return here[-1]
    if not before or not after or t - before[-1][0] > age or after[0][0] - t > age:
        return math.nan
    (a, va), (b, vb) = before[-1], after[0]
    return va + (t - a) / (b - a) * (vb - va)


def window(how: str, begin: int, end: int, samples: list[tuple[int, float]]) -> float:
    inside = [v for t, v in samples if begin < t <= end]
    if how == "count":
        return len(inside)
    if not inside:
        return math.nan
    return {"mean": sum(inside) / len(inside), "sum": sum(inside), "min": min(inside), "max": max(inside)}[how]


def arrays(samples: list[tuple[int, float]]) -> tuple[align.Times, align.Floats]:
    times = np.array([t for t, _ in samples], np.int64)
    values = np.array([v for _, v in samples], np.float64)
    kept = align.unique_times(times)
    return times[kept], values[kept]


@given(SAMPLES, CLOCK, st.integers(1, 20), st.sampled_from(["last", "nearest", "linear"]))
def test_each_clock_time_gets_the_sample_that_the_rule_names(
    samples: list[tuple[int, float]], clock: list[int], age: int, how: str
) -> None:
    times, values = arrays(samples)
    unique = list(zip(times.tolist(), values.tolist(), strict=True))
    grid = np.array(clock, np.int64)
    if how == "linear":
        got = align.linear(grid, times, values, age)
    else:
        at = align.positions(grid, times, how, age)  # type: ignore[arg-type]
        got = np.array([values[i] if i >= 0 else math.nan for i in at])
    rule = {"last": last, "nearest": nearest, "linear": linear}[how]
    np.testing.assert_allclose(got, [rule(t, unique, age) for t in clock], rtol=1e-12)


@given(SAMPLES, CLOCK, st.sampled_from(["mean", "sum", "min", "max", "count"]))
def test_windows_hold_the_samples_since_the_clock_time_before(samples: list[tuple[int, float]], clock: list[int], how: str) -> None:
    times, values = arrays(samples)
    unique = list(zip(times.tolist(), values.tolist(), strict=True))
    step = clock[1] - clock[0]
    expected = [window(how, t - step, t, unique) for t in clock]
    np.testing.assert_allclose(align.windows(np.array(clock, np.int64), times, values, how), expected, rtol=1e-12, atol=1e-12)  # type: ignore[arg-type]


def test_gaps_are_filled_by_the_rule_and_ends_stay_open() -> None:
    nan = math.nan
    values = np.array([nan, 1.0, nan, nan, 4.0, nan])
    clock = np.arange(6, dtype=np.int64) * 10**9 + 1_790_000_000 * 10**9
    np.testing.assert_array_equal(align.fill_previous(values), [nan, 1, 1, 1, 4, 4])
    np.testing.assert_allclose(align.fill_linear(clock, values), [nan, 1, 2, 3, 4, nan])


@pytest.mark.parametrize("kind", ["minmax", "zscore", "robust"])
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_normalisation_can_be_undone_and_survives_constant_columns(kind: str, values: list[float]) -> None:
    array = np.array([*values, math.nan])
    found = fit(kind, array)
    assert found.scale > 0 and math.isfinite(found.offset)
    np.testing.assert_allclose(found.undo(found.apply(array)), array, rtol=1e-9, atol=1e-6)


def test_normalisation_reaches_its_targets() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, math.nan])
    scaled = fit("minmax", values).apply(values)
    assert (np.nanmin(scaled), np.nanmax(scaled)) == (0.0, 1.0)
    standard = fit("zscore", values).apply(values)
    assert abs(np.nanmean(standard)) < 1e-12 and abs(np.nanstd(standard) - 1) < 1e-12
    assert fit("zscore", np.array([math.nan])) == ("zscore", 0.0, 1.0)
