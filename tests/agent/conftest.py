"""Makes `agent_plant` importable for the tests beside it, shares certificates, and lets no test hang for ever."""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of the receiver for loopback."""
    from agent_plant import certificate

    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def not_for_ever(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs ends its process after twenty minutes, with a trace of every thread, instead of the whole run after hours."""
    if request.node.get_closest_marker("slow"):
        yield
        return
    faulthandler.dump_traceback_later(1200, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()
