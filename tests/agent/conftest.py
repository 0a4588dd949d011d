"""Makes `agent_plant` importable for the tests beside it, and shares certificates."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of the receiver for loopback."""
    from agent_plant import certificate

    return certificate(tmp_path_factory.mktemp("tls"))
