"""A short stretch of the soak (`benchmarks/agent_soak.py`): twice the load that the agent is made for, every fault, nothing lost.

The figures of a day, a fault every hour, come from the script itself; here it must come to its end with everything there, and without
many open files and threads.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from agent_plant import bounded

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/agent_soak.py"


def soak(hours: float, period: float, warm: float) -> dict[str, Any]:
    words = [sys.executable, str(SCRIPT), "--hours", str(hours), "--period", str(period), "--warm", str(warm), "--json"]
    done = bounded(words, hours * 3600 + 540)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return {**told["rows"][0], "claims": {claim["name"]: claim["value"] for claim in told["claims"]}}


def most(text: str) -> float:
    """The most of a column."""
    return max(float(number) for number in re.findall(r"[\d.]+", text))


def spread(text: str) -> float:
    """How far the least and the most of a column are apart."""
    least, most = (float(number) for number in re.findall(r"[\d.]+", text))
    return most - least


@pytest.mark.timeout(900)
def test_every_fault_once_at_twice_the_load_and_nothing_is_lost() -> None:
    row = soak(hours=12 / 3600, period=2.4, warm=1)
    assert row["lost"] == 0
    assert row["faults"] >= 4
    assert row["events"] > 10_000
    assert most(row["open_files"]) <= 25
    assert most(row["threads"]) <= 12


@pytest.mark.slow
def test_half_an_hour_at_twice_the_load_takes_no_more_memory() -> None:
    row = soak(hours=0.5, period=120, warm=60)
    assert row["lost"] == 0
    assert row["lives"] >= 3
    assert spread(row["memory_mb"]) < 15  # over one life; SQLite's pages come and go
    assert spread(row["open_files"]) <= 8
    assert spread(row["threads"]) <= 3
