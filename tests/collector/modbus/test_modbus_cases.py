"""Cases of Modbus devices, played by libmodbus. `device.commands` are those of libmodbus_server.c; a poll is made once a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.contract import Seen
from source_cases import Case, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_a_modbus_device_says_becomes_these_samples(case: Case, server: Any, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    server.tell(*case.device["commands"])
    run_case(case, case.build(tmp_path, host="127.0.0.1", port=server.port), watch)
