"""A short soak in CI; a day of it by `dev.py soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
from peers import MOSQUITTO, has_libmodbus
from soak import Soak


@pytest.mark.skipif(
    MOSQUITTO is None or not has_libmodbus(), reason="needs mosquitto and libmodbus: apt-get install mosquitto libmodbus-dev"
)
def test_at_twice_the_design_load_with_faults_all_the_time_nothing_is_lost(tmp_path: Path) -> None:
    outcome = Soak(tmp_path, fault_every=3.0).run(28)
    assert outcome.faults >= 3 and outcome.kills == 1 and outcome.obligations > 300
    assert (outcome.lost, outcome.holes) == (0, 0), outcome.line()
    assert outcome.descriptors_last <= outcome.descriptors_first + 8, outcome.line()
