"""Samples keep their invariant: Bad has no value, and no value is Bad."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.sample import Sample, bad, checked, good

ANY = st.builds(
    Sample,
    st.just("t"),
    st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text()),
    st.integers(0, 2**32 - 1),
    st.none(),
    st.none(),
    st.just(5),
)


@given(ANY)
def test_after_the_check_a_sample_has_a_finite_value_exactly_when_it_is_not_bad(sample: Sample) -> None:
    kept = checked(sample)
    assert (kept.value is None) == q.is_bad(kept.quality)
    assert not (isinstance(kept.value, float) and not math.isfinite(kept.value))
    if not q.is_bad(kept.quality):
        assert kept == sample


def test_nan_and_infinity_are_no_values() -> None:
    assert good("t", math.nan, 1) == bad("t", q.BAD_OUT_OF_RANGE, 1)
    assert good("t", -math.inf, 1).value is None


def test_the_best_known_time_is_the_devices_own() -> None:
    assert Sample("t", 1, q.GOOD, 10, 20, 30).time == 10
    assert Sample("t", 1, q.GOOD, None, 20, 30).time == 20
    assert Sample("t", 1, q.GOOD, None, None, 30).time == 30


def test_quality_codes_are_named_and_overflow_is_told() -> None:
    assert q.name(q.GOOD) == "GOOD"
    assert q.name(q.BAD_TIMEOUT | q.OVERFLOW) == "BAD_TIMEOUT +OVERFLOW"
    assert q.name(0x80990000) == "BAD 0x80990000"
    assert q.is_good(q.GOOD_CLAMPED) and not q.is_good(q.UNCERTAIN) and q.is_bad(q.BAD_TIMEOUT)
