"""A supplier's desk for tests: a root, the keys of its list, a family key, and licences for virtual tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import FamilyKey
from lnx.container.keys import key_id
from lnx.container.trust import Trust, role_key, sign_key_list
from lnx_licensing.licence import issue
from lnx_licensing.terms import Terms
from virtual_reader import public_base64
from virtual_token.card import PivCard

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)


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
        more = fields.pop("more_dongles", [])
        return Terms.model_validate({"license_id": "lic-1", "issued_at": NOW, "customer": "Plant 7", "dongles": dongles + more, **fields})

    def licence(self, *cards: PivCard, **fields: Any) -> bytes:
        """A signed licence for these tokens, carrying the family key."""
        return issue(self.terms(*cards, **fields), self.license_key, [self.family])


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def new_desk() -> Desk:
    root, license_key, container_key = new_key(), new_key(), new_key()
    keys = [role_key(license_key.public_key(), "license", "desk"), role_key(container_key.public_key(), "container", "release")]
    return Desk(root, license_key, container_key, sign_key_list(1, keys, root, NOW), FamilyKey("fam-2026A", bytes(range(32))))
