"""Cases of Sparkplug nodes, played by sparkplug-client from npm. `device.does` = commands of peer.js, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.contract import Seen
from source_cases import Case, beginning, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_a_node_says_becomes_these_samples(
    case: Case, broker: Any, start_peer: Callable[..., Any], tmp_path: Path, watch: Callable[..., Seen]
) -> None:
    peer = start_peer()
    source = case.build(tmp_path, host="127.0.0.1", port=broker.port)
    begun = beginning(source)

    def act() -> None:
        assert begun.wait(30)
        for command in case.device["does"]:
            peer.tell(**command)

    acting = threading.Thread(target=act, daemon=True)
    acting.start()
    run_case(case, source, watch)
    acting.join(60)
