"""Brings the samples of one tag to the times of a clock, and fills what is missing.

Plain rules, stated once. With samples (t_i, v_i) sorted by time, at a clock time t:
    last      v of the greatest t_i <= t, when t - t_i <= max_age
    nearest   v of the t_i closest to t (the earlier of two equally close), when within max_age
    linear    on the line between the samples around t, when both are within max_age; a sample at t itself counts alone
    mean …    over the samples with (clock time before) < t_i <= t; none = missing, count = 0
Several samples of the same time: the last one accepted counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnx_collector.dataset.recipe import How

Times = NDArray[np.int64]
Floats = NDArray[np.float64]


def unique_times(times: Times) -> NDArray[np.intp]:
    """Indexes of the samples that count: of equal neighbours the last. Times must be sorted (stably, in order of acceptance)."""
    if len(times) == 0:
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.append(times[1:] != times[:-1], True))


def positions(clock: Times, times: Times, how: How, max_age: int) -> NDArray[np.intp]:
    """For last and nearest: the index of the sample at each clock time, -1 where there is none."""
    if len(times) == 0:
        return np.full(len(clock), -1, np.intp)
    before = np.searchsorted(times, clock, side="right") - 1
    chosen = before.copy()
    if how == "nearest":
        after = np.minimum(before + 1, len(times) - 1)
        earlier = np.where(before >= 0, clock - times[np.maximum(before, 0)], np.iinfo(np.int64).max)
        later = np.abs(times[after] - clock)
        chosen = np.where(later < earlier, after, before)
    distance = np.abs(clock - times[np.maximum(chosen, 0)])
    return np.where((chosen >= 0) & (distance <= max_age), chosen, -1)


def linear(clock: Times, times: Times, values: Floats, max_age: int) -> Floats:
    """On the line between the samples around each clock time; NaN where one of them is missing or too far."""
    result = np.full(len(clock), np.nan)
    if len(times) == 0:
        return result
    before = np.searchsorted(times, clock, side="right") - 1
    low = np.maximum(before, 0)
    exact = (before >= 0) & (times[low] == clock)
    high = np.minimum(before + 1, len(times) - 1)
    inside = (before >= 0) & (before + 1 < len(times)) & ~exact
    near = inside & (clock - times[low] <= max_age) & (times[high] - clock <= max_age)
    result[exact] = values[low[exact]]
    width = (times[high[near]] - times[low[near]]).astype(np.float64)
    share = (clock[near] - times[low[near]]) / width
    result[near] = values[low[near]] + share * (values[high[near]] - values[low[near]])
    return result


def windows(clock: Times, times: Times, values: Floats, how: How) -> Floats:
    """mean, min, max, sum or count over the samples since the clock time before; the first window is as long as the second."""
    if len(clock) == 0:
        return np.zeros(0)
    first_width = clock[1] - clock[0] if len(clock) > 1 else np.int64(1)
    edges = np.concatenate([[clock[0] - first_width], clock])
    bounds = np.searchsorted(times, edges, side="right")
    begin, end = bounds[:-1], bounds[1:]
    counts = end - begin
    if how == "count":
        return counts.astype(np.float64)
    result = np.full(len(clock), np.nan)
    filled = counts > 0
    if not filled.any():
        return result
    inside = values[begin[filled][0] : end[filled][-1]]
    starts = begin[filled] - begin[filled][0]
    operation: Any = {"mean": np.add, "sum": np.add, "min": np.minimum, "max": np.maximum}[how]
    reduced = operation.reduceat(inside, starts)  # windows are adjacent, so each ends where the next filled one begins
    result[filled] = reduced / counts[filled] if how == "mean" else reduced
    return result


def fill_previous(values: Floats) -> Floats:
    """Each NaN takes the value before it; leading ones stay."""
    index = np.where(np.isnan(values), 0, np.arange(len(values)))
    np.maximum.accumulate(index, out=index)
    return values[index] if len(values) else values


def fill_linear(clock: Times, values: Floats) -> Floats:
    """Each NaN between two values lies on the line between them; those at the ends stay."""
    known = ~np.isnan(values)
    if known.sum() < 2:
        return values
    first, last = np.flatnonzero(known)[[0, -1]]
    result = values.copy()
    gaps = ~known
    gaps[:first] = gaps[last + 1 :] = False
    origin = clock[first]
    result[gaps] = np.interp((clock[gaps] - origin).astype(np.float64), (clock[known] - origin).astype(np.float64), values[known])
    return result
