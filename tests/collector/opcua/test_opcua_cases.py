"""Cases of OPC UA servers, played by node-opcua. `device` = commands of server.js, given before the source starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.contract import Seen
from source_cases import Case, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_a_server_says_becomes_these_samples(case: Case, opcua: Any, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    opcua.tell(**case.device)
    run_case(case, case.build(tmp_path, url=opcua.url), watch, seconds=15)
