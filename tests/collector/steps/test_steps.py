"""Each step does what its head says; samples that it does not understand pass unchanged."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.config import read_config
from lnx_collector.registry import load_kind
from lnx_collector.runtime.pipeline import Pipeline
from lnx_collector.sample import Sample, Tag, bad, good
from lnx_collector.steps import STEPS
from lnx_collector.steps.vibration import features
from lnx_common.config import ConfigError, Document

SECOND = 10**9
T0 = 1_790_000_000 * SECOND


def pipeline(*steps: dict[str, Any]) -> Pipeline:
    return Pipeline([load_kind(STEPS, step["type"]).settings.model_validate(step) for step in steps])


def at(value: Any, seconds: float, tag: str = "a") -> Sample:
    return good(tag, value, T0 + int(seconds * SECOND))


def values(samples: Any) -> list[Any]:
    return [sample.value for sample in samples]


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_the_sample_of_every_step_is_a_correct_configuration(kind: str) -> None:
    config = read_config(Document.parse(load_kind(STEPS, kind).sample.encode(), Path("x.toml")))
    assert [step.type for step in config.steps] == [kind]


@pytest.mark.parametrize("kind", sorted(STEPS))
def test_texts_and_bad_samples_pass_every_step(kind: str) -> None:
    config = read_config(Document.parse(load_kind(STEPS, kind).sample.encode(), Path("x.toml")))
    settings = config.steps[0].model_copy(update={"tags": ("*",)})
    for sample in (good("a", "text", T0), bad("a", q.BAD_TIMEOUT, T0)):
        assert list(Pipeline([settings]).apply([sample])) == [sample]


def test_scale_follows_its_line_its_table_and_its_ends() -> None:
    line = pipeline({"type": "scale", "scale": 0.1, "offset": -5, "high": 20})
    assert values(line.apply([at(100, 0), at(1, 0)])) == [5.0, pytest.approx(-4.9)]
    clamped = line.apply([at(1000, 0)])[0]
    assert (clamped.value, clamped.quality) == (20.0, q.GOOD_CLAMPED)
    table = pipeline({"type": "scale", "table": [[0, 0], [10, 100], [20, 400]]})
    assert values(table.apply([at(5, 0), at(10, 0), at(15, 0), at(20, 0)])) == [50, 100, 250, 400]
    outside = table.apply([at(-1, 0), at(21, 0)])
    assert [(s.value, s.quality) for s in outside] == [(0, q.GOOD_CLAMPED), (400, q.GOOD_CLAMPED)]


def test_a_table_that_does_not_rise_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(Document.parse(b'[[step]]\ntype = "scale"\ntable = [[1, 1], [0, 2]]\n', Path("x.toml")))
    assert caught.value.problems[0].where.startswith("x.toml:3")


def test_deadband_keeps_what_moved_what_changed_quality_and_the_heartbeat() -> None:
    step = pipeline({"type": "deadband", "absolute": 0.5, "heartbeat": "10s"})
    samples = [
        at(1.0, 0),
        at(1.4, 1),
        at(1.51, 2),
        at(1.6, 3),
        bad("a", q.BAD_TIMEOUT, T0 + 4 * SECOND),
        at(1.6, 5),
        at(1.6, 14.9),
        at(1.6, 15),
    ]
    kept = step.apply(samples)
    assert [(s.value, (s.receive_time - T0) // SECOND) for s in kept] == [(1.0, 0), (1.51, 2), (None, 4), (1.6, 5), (1.6, 15)]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60), st.floats(0.01, 10))
def test_what_deadband_leaves_out_is_never_further_away_than_the_band(numbers: list[float], band: float) -> None:
    step = pipeline({"type": "deadband", "absolute": band, "heartbeat": "1000s"})
    last = math.nan
    for i, number in enumerate(numbers):
        kept = step.apply([at(number, i)])
        last = numbers[i] if kept else last
        assert abs(number - last) <= band


def test_deadband_survives_a_clock_that_goes_back() -> None:
    step = pipeline({"type": "deadband", "absolute": 1, "heartbeat": "10s"})
    assert len(step.apply([at(1.0, 1000), at(1.0, 0), at(1.0, 1)])) == 2


def test_limits_mark_what_is_outside_or_too_fast_and_believe_the_next_plausible_value() -> None:
    step = pipeline({"type": "limits", "low": 0, "high": 100, "rate": 10})
    codes = [s.quality for s in step.apply([at(50, 0), at(55, 1), at(101, 2), at(90, 3), at(60, 4)])]
    assert codes == [q.GOOD, q.GOOD, q.UNCERTAIN_ENGINEERING_UNITS_EXCEEDED, q.UNCERTAIN_SENSOR_NOT_ACCURATE, q.GOOD]
    strict = pipeline({"type": "limits", "high": 100, "mark": "bad"})
    assert [(s.value, s.quality) for s in strict.apply([at(101, 0)])] == [(None, q.BAD_OUT_OF_RANGE)]


def test_watch_tells_silence_once_and_frozen_values_until_they_move() -> None:
    step = pipeline({"type": "watch", "stale_after": "5s", "stuck_after": "3s"})
    codes = [step.apply([at(1, s)])[0].quality for s in range(5)]
    assert codes == [q.GOOD] * 3 + [q.UNCERTAIN_SENSOR_NOT_ACCURATE] * 2
    assert step.apply([at(2, 5)])[0].quality == q.GOOD
    assert step.tick(T0 + 9 * SECOND) == []
    assert [s.quality for s in step.tick(T0 + 10 * SECOND)] == [q.BAD_NO_COMMUNICATION]
    assert step.tick(T0 + 20 * SECOND) == []
    step.apply([at(2, 21)])
    assert len(step.tick(T0 + 26 * SECOND)) == 1


def test_resample_gives_one_value_per_round_period_and_gives_back_the_rest_at_the_end() -> None:
    step = pipeline({"type": "resample", "every": "2s", "how": "mean"})
    out = list(step.apply([at(v, s) for s, v in [(0.5, 1), (1.5, 3), (2.0, 5), (2.5, 10), (3.9, 20)]]))
    assert [(s.value, s.source_time) for s in out] == [(3.0, T0 + 2 * SECOND)]
    assert step.tick(T0 + 4 * SECOND) == []
    assert values(step.tick(T0 + 7 * SECOND)) == [15.0]
    step.apply([at(7, 8.5)])
    assert values(step.finish(T0)) == [7.0]


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(-9, 9)), min_size=1, max_size=80).map(sorted))
def test_resampled_sums_and_counts_lose_nothing(points: list[tuple[float, int]]) -> None:
    for how, total in (("count", len(points)), ("sum", sum(v for _, v in points))):
        step = pipeline({"type": "resample", "every": "3s", "how": how})
        out = [*step.apply([at(v, s) for s, v in points]), *step.finish(T0)]
        assert sum(float(s.value or 0) for s in out) == pytest.approx(total)


def test_features_of_a_sine_are_those_of_the_book() -> None:
    rate, n = 1024.0, 4096
    t = np.arange(n) / rate
    found = features(5 + 2 * np.sin(2 * np.pi * 50 * t), rate, [(40, 60), (100, 200)])
    assert found["rms"] == pytest.approx(2 / math.sqrt(2), rel=1e-6)
    assert found["peak"] == pytest.approx(2, rel=1e-3)
    assert found["kurtosis"] == pytest.approx(1.5, rel=1e-6)
    assert found["band_40_60"] == pytest.approx(2.0, rel=1e-3)  # A^2 / 2
    assert found["band_100_200"] < 1e-9
    noise = features(np.random.default_rng(0).normal(0, 3, 200_000), rate, [(0, 256), (256, 512)])
    assert noise["kurtosis"] == pytest.approx(3, abs=0.1)
    assert noise["band_0_256"] + noise["band_256_512"] == pytest.approx(9, rel=0.05)


def test_vibration_replaces_a_window_by_its_features_and_begins_anew_after_a_gap() -> None:
    step = pipeline({"type": "vibration", "tags": ["v"], "rate": 100, "window": 16})
    assert step.apply([at(1.0, i, "v") for i in range(15)]) == []
    step.apply([bad("v", q.BAD_TIMEOUT, T0)])
    assert step.apply([at(1.0, i, "v") for i in range(15)]) == []
    names = [s.tag for s in step.apply([at(2.0, 16, "v")])]
    assert names == ["v.rms", "v.peak", "v.crest", "v.kurtosis"]


def test_steps_work_in_the_order_of_the_file_on_the_tags_they_name() -> None:
    chain = pipeline(
        {"type": "scale", "tags": ["a"], "scale": 10},
        {"type": "limits", "tags": ["a", "b"], "high": 50},
        {"type": "vibration", "tags": ["c"], "rate": 1, "window": 16},
        {"type": "scale", "tags": ["c.rms"], "offset": 1},
    )
    out = chain.apply([at(6, 0, "a"), at(6, 0, "b"), at(6, 0, "d")])
    assert [(s.value, q.is_good(s.quality)) for s in out] == [(60, False), (6, True), (6, True)]
    features_out = {s.tag: s.value for s in chain.apply([at(0.0, i, "c") for i in range(16)])}
    assert features_out["c.rms"] == 1.0


@pytest.mark.parametrize(
    ("unit", "to", "raw", "value"),
    [
        ("psi", "kPa", 14.5037738, 100.0),
        ("°F", "℃", 212, 100.0),
        ("K", "°C", 0, -273.15),
        ("kgf/cm²", "bar", 2, 1.96133),
        ("m³/h", "L/min", 6, 100.0),
        ("rpm", "Hz", 1500, 25.0),
        ("Hz", "rpm", 50, 3000.0),
        ("rpm", "rad/s", 60, 2 * math.pi),
        ("1/min", "rpm", 7, 7.0),
        ("㎜", "inch", 25.4, 1.0),
        ("°C/min", "°F/min", 10, 18.0),
        ("mV", "V", 2500, 2.5),
    ],
)
def test_units_are_converted_as_a_factory_means_them(unit: str, to: str, raw: float, value: float) -> None:
    step = pipeline({"type": "unit", "unit": unit, "to": to})
    assert values(step.apply([at(raw, 0), at(True, 0), at("text", 0)])) == [pytest.approx(value, rel=1e-7), True, "text"]
    assert step.describe([Tag("a", "plc", "int", unit)]) == [Tag("a", "plc", "float", to)]


@pytest.mark.parametrize(
    ("unit", "to", "text"),
    [
        ("psy", "bar", 'maybe "psi"'),
        ("bar", "°C", "same quantity"),
        ("dBm", "W", "curve"),
        ("ton", "kg", '"t" (1000 kg)'),
        ("5 bar", "Pa", "none"),
        ("((", "Pa", "none"),
    ],
)
def test_units_that_cannot_be_meant_are_refused_with_the_line(unit: str, to: str, text: str) -> None:
    file = f'[[step]]\ntype = "unit"\nunit = "{unit}"\nto = "{to}"\n'
    with pytest.raises(ConfigError) as caught:
        read_config(Document.parse(file.encode(), Path("x.toml")))
    assert text in str(caught.value) and "x.toml:1" in str(caught.value)


CYCLE = {"type": "vibration-cycle", "tags": ["v"], "trigger": "on", "rate": 1000, "bands": [[40, 60], [60, 500]], "late": 2, "longest": 3}


def wave(begin: float, end: float, amplitude: float, hertz: float = 50) -> list[Sample]:
    """A sine of 1000 samples per second."""
    moments = [n / 1000 for n in range(round(begin * 1000) + 1, round(end * 1000) + 1)]
    return [at(amplitude * math.sin(2 * math.pi * hertz * moment), moment, "v") for moment in moments]


def found(samples: Any, feature: str) -> list[Any]:
    return [sample.value for sample in samples if sample.tag == f"v.{feature}"]


@pytest.mark.parametrize("trigger_first", [True, False])
def test_each_cycle_has_its_features_whichever_of_signal_and_trigger_arrives_first(trigger_first: bool) -> None:
    step = pipeline({**CYCLE, "until": "off"})
    triggers = [at(value, moment, "on") for moment, value in ((0.2, False), (0.5, True), (1.0, False), (1.2, True), (1.6, False))]
    signal = [*wave(0, 0.5, 9), *wave(0.5, 1.0, 2), *wave(1.0, 1.2, 9), *wave(1.2, 1.6, 4), *wave(1.6, 2.0, 9)]
    made = step.apply([at(0.0, -0.1, "v")])  # the signal is known
    for block in (triggers, signal) if trigger_first else (signal, triggers):
        made = [*made, *step.apply(block)]
    assert found(made, "rms") == [pytest.approx(2 / 2**0.5, rel=1e-3), pytest.approx(4 / 2**0.5, rel=1e-3)]
    assert found(made, "kurtosis") == [pytest.approx(1.5, rel=1e-3)] * 2
    assert found(made, "band_40_60") == [pytest.approx(2, rel=1e-2), pytest.approx(8, rel=1e-2)]
    assert found(made, "band_60_500") == [pytest.approx(0, abs=1e-6)] * 2
    assert found(made, "duration") == [0.5, pytest.approx(0.4)]
    assert [sample.source_time for sample in made if sample.tag == "v.rms"] == [T0 + SECOND, T0 + 16 * SECOND // 10]
    assert sum(sample.tag == "on" for sample in made) == 5 and not any(sample.tag == "v" for sample in made)


def test_a_cycle_that_is_damaged_too_short_too_long_or_without_trigger_is_bad_and_not_left_out() -> None:
    step = pipeline({**CYCLE, "until": "next"})
    signal = wave(0, 9, 1)
    signal[1500] = bad("v", q.BAD_TIMEOUT, signal[1500].receive_time)
    edges = [(0.0, 0), (1.0, 1), (1.1, 0), (2.0, 1), (2.005, 0), (2.01, 1), (2.2, 0), (7.0, 1), (7.1, 0), (8.0, 1)]
    events = [at(value, moment, "on") for moment, value in edges] + [bad("on", q.BAD_TIMEOUT, T0 + 8500 * 10**6)]
    stream = sorted([*signal, *events], key=lambda sample: sample.receive_time)
    made = [*step.apply(stream), *step.finish(T0 + 10 * SECOND)]
    good_or_bad = [(sample.quality == q.GOOD, sample.source_time) for sample in made if sample.tag == "v.rms"]
    ends = [(False, 2.0), (False, 2.01), (False, 7.0), (True, 8.0), (False, 8.5)]
    assert good_or_bad == [(fine, at(0, end).receive_time) for fine, end in ends]
    assert [sample.quality for sample in made if sample.tag == "v"] == [q.BAD_TIMEOUT]  # what is not Good is told on


def test_a_signal_that_stops_gives_its_last_cycle_after_a_while_and_memory_stays_bounded() -> None:
    step = pipeline({**CYCLE, "until": "off", "keep_raw": True})
    step.apply([at(False, 0, "on"), *wave(0, 0.5, 1)])
    assert found(step.apply([at(True, 0.1, "on"), at(False, 0.5, "on")]), "rms") == []
    assert step.tick(T0 + SECOND) == []
    assert found(step.tick(T0 + 4 * SECOND), "rms") == [pytest.approx(1 / 2**0.5, rel=1e-2)]
    step.apply([at(True, 5, "on")])
    assert len(step.apply(wave(5, 25, 1))) == 20_000
    held = step._steps[0][0]._signals["v"].held  # type: ignore[attr-defined]
    assert len(held) <= 5000
