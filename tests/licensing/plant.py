"""A factory PC for the tests: what is installed on it, and one model that only a licence opens."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lnx import LnxError, Session
from lnx.container import FamilyRecipient, PublicInfo
from lnx.container.writer import Recipient
from lnx.pack import pack
from supplier_desk import Desk
from virtual_token.card import PivCard

PLAIN = {"colour": "RGB", "scale": 1 / 255, "mean": [0.0], "std": [1.0], "resize": "stretch", "lib": "opencv", "interp": "linear"}
BRIGHT = np.full((40, 50, 3), 230, np.uint8)
QUICK = {"boot_s": 2, "unplug_s": 3, "expired_h": 1}  # for claims about what is blocked
CALM = {**QUICK, "unplug_s": 600}  # for claims about the grace time
PATIENCE_S = 90


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def wait_for(condition: Callable[[], bool]) -> bool:
    """Whether it came true, sooner or later: a busy machine stops any program for seconds, so no test claims how soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Plant:
    """Trust folder, licence folder and state folder in one place, reached by the environment."""

    folder: Path
    desk: Desk
    model: Path  # ONNX, two logits from the mean of the image
    seen: list[dict[str, Any]] = field(default_factory=list)

    def install_trust(self) -> None:
        trust = self.folder / "trust"
        trust.mkdir(exist_ok=True)
        pem = self.desk.root.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (trust / "supplier.root-pub.pem").write_bytes(pem)
        (trust / "supplier.keylist.json").write_text(json.dumps(self.desk.key_list))

    def install(self, *cards: PivCard, name: str = "plant.lic", **fields: Any) -> Path:
        """Issues a licence that is valid now and puts it where licences lie."""
        terms = {"issued_at": now() - timedelta(days=1), "grace": QUICK, **fields}
        path = self.folder / "licenses" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.desk.licence(*cards, **terms))
        return path

    def pack(
        self,
        *,
        model_id: str = "weld-seam",
        epoch: int = 7,
        released: str = "",
        recipients: list[Recipient] | None = None,
        batch: list[int] | None = None,
    ) -> Path:
        """A classifier (bright = NG) that needs a licence."""
        output = self.folder / f"{model_id}-{epoch}.lnx"
        given = recipients or [FamilyRecipient(self.desk.family.kid, self.desk.family.key)]
        options = {**PLAIN, "activation": "softmax", "ng": ["bright"], "batch": batch or [1, 2]}
        images = [np.zeros((40, 50, 3), np.uint8)]
        public = PublicInfo(model_id, "1.0.0", epoch=epoch, released=released)
        pack(
            self.model,
            output,
            preset="classification",
            labels=["dark", "bright"],
            images=images,
            options=options,
            signing_key=self.desk.container_key,
            recipients=given,
            public=public,
        )
        return output

    def open(self, path: Path, **options: Any) -> Session:
        return Session(path, on_license=self.seen.append, **{"device": "cpu", "license_wait": 1.0, **options})

    def refused(self, path: Path, **options: Any) -> LnxError:
        """The error with which the model does not open."""
        with pytest.raises(LnxError) as caught:
            self.open(path, **options).close()
        return caught.value


def software_key(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    """An evaluation's key file, and its entry among the dongles."""
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pub = base64.b64encode(point).decode()
    secret = base64.b64encode(key.private_numbers().private_value.to_bytes(32, "big")).decode()
    return {"lnx_software_key": {"private": secret, "pub": pub}}, {"type": "software-p256", "pub": pub}


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
