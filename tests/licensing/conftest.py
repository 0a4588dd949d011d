"""Fixtures of everything with a dongle: a private reader service with virtual tokens, and a desk that signs licences."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import FamilyKey
from lnx.container.keys import key_id
from lnx.container.trust import Trust, role_key, sign_key_list
from lnx_licensing.licence import issue
from lnx_licensing.terms import Terms
from smartcard_service import why_not
from virtual_reader import VirtualReader, public_base64
from virtual_token.card import PivCard

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def socket_folder() -> Iterator[Path]:
    """One per process: libpcsclite remembers the socket that it was first told."""
    folder = Path(tempfile.mkdtemp(prefix="lnx-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def virtual_reader(tmp_path: Path, socket_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualReader]:
    """A running reader service with two empty slots; this process and its children reach it."""
    if why_not():
        pytest.skip(why_not())
    with VirtualReader(tmp_path, socket_folder) as reader:
        for name, value in reader.environment.items():
            monkeypatch.setenv(name, value)
        yield reader


@dataclass
class Desk:
    """A supplier: root, license key, container key, their key list, and one family key."""

    root: ec.EllipticCurvePrivateKey
    license_key: ec.EllipticCurvePrivateKey
    container_key: ec.EllipticCurvePrivateKey
    key_list: dict[str, Any]
    family: FamilyKey

    def trust(self) -> Trust:
        """What a plant has installed: the root and the key list."""
        trust = Trust(roots={key_id(self.root.public_key()): self.root.public_key()})
        trust.add_list(self.key_list, "key list")
        return trust

    def terms(self, *cards: PivCard, **fields: Any) -> Terms:
        """Terms for these tokens, the first one being the main one."""
        dongles = [
            {"type": "piv-p256-9e", "serial": str(card.state.serial), "pub": public_base64(card), "role": "spare" if index else "main"}
            for index, card in enumerate(cards)
        ]
        return Terms.model_validate({"license_id": "lic-1", "issued_at": NOW, "customer": "Plant 7", "dongles": dongles, **fields})

    def licence(self, *cards: PivCard, **fields: Any) -> bytes:
        """A signed licence for these tokens, carrying the family key."""
        return issue(self.terms(*cards, **fields), self.license_key, [self.family])


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def desk() -> Desk:
    root, license_key, container_key = new_key(), new_key(), new_key()
    keys = [role_key(license_key.public_key(), "license", "desk"), role_key(container_key.public_key(), "container", "release")]
    return Desk(root, license_key, container_key, sign_key_list(1, keys, root, NOW), FamilyKey("fam-2026A", bytes(range(32))))
