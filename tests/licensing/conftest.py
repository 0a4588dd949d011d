"""Fixtures of everything with a dongle: a private reader service with virtual tokens, and a desk that signs licences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plant import Plant
from smartcard_service import why_not
from supplier_desk import Desk, new_desk
from virtual_reader import VirtualReader


@pytest.fixture
def virtual_reader(tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualReader]:
    """A running reader service with two empty slots; this process and its children reach it."""
    if why_not():
        pytest.skip(why_not())
    with VirtualReader(tmp_path, socket_folder) as reader:
        for name, value in reader.environment.items():
            monkeypatch.setenv(name, value)
        yield reader


@pytest.fixture
def plant(tmp_path: Path, desk: Desk, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """A factory PC that trusts the desk, and a model to pack for it."""
    installed = Plant(tmp_path / "plant", desk, classifier.with_suffix(".onnx"))
    for name in ("trust", "licenses", "state", "events"):
        (installed.folder / name).mkdir(parents=True)
        monkeypatch.setenv(
            {"licenses": "LNX_LICENSE_DIR", "events": "LNX_EVENT_DIR"}.get(name, f"LNX_{name.upper()}_DIR"), str(installed.folder / name)
        )
    installed.install_trust()
    return installed


@pytest.fixture
def desk() -> Desk:
    """A supplier that signs licences."""
    return new_desk()
