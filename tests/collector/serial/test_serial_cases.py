"""Cases of serial lines and GPS receivers, over socat. `device.sends` are pieces of text (\\xNN = one byte), sent one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lnx_collector.contract import Seen
from peers import opened
from source_cases import Case, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_comes_down_the_line_becomes_these_samples(case: Case, pty_pair: Any, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    ours, theirs, _ = pty_pair
    pieces = [str(piece).encode("latin-1") for piece in case.device["sends"]]
    with Path(theirs).open("wb", buffering=0) as line:

        def send() -> None:
            opened(theirs)  # what came before would be thrown away by the source
            for piece in pieces:
                line.write(piece)
                time.sleep(0.02)

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        run_case(case, case.build(tmp_path, port=ours), watch)
        sending.join(60)
