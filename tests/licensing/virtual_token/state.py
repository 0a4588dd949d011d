"""What a token keeps over power loss: keys, objects, PIN, PUK, management key. In memory, or in a JSON file when a path is given."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

FACTORY_MANAGEMENT_KEY = bytes.fromhex("010203040506070801020304050607080102030405060708")
FACTORY_PIN, FACTORY_PUK = b"123456\xff\xff", b"12345678"
TRIPLE_DES, AES192 = 0x03, 0x0A
P256, P384 = 0x11, 0x14
CURVES: dict[int, ec.EllipticCurve] = {P256: ec.SECP256R1(), P384: ec.SECP384R1()}
NEVER, ONCE, ALWAYS = 1, 2, 3
ATTESTATION_SLOT = 0xF9
ATTESTATION_OBJECT = 0x5FFF01


@dataclass
class SlotKey:
    key: ec.EllipticCurvePrivateKey
    algorithm: int
    pin_policy: int
    touch_policy: int
    generated: bool


@dataclass
class Secret:
    """A PIN or PUK with its retry counter."""

    value: bytes
    tries: int = 3
    left: int = 3


@dataclass
class State:
    serial: int
    path: Path | None = None
    pin: Secret = field(default_factory=lambda: Secret(FACTORY_PIN))
    puk: Secret = field(default_factory=lambda: Secret(FACTORY_PUK))
    management_key: bytes = FACTORY_MANAGEMENT_KEY
    management_algorithm: int = TRIPLE_DES
    keys: dict[int, SlotKey] = field(default_factory=dict)
    objects: dict[int, bytes] = field(default_factory=dict)

    def erase(self, management_algorithm: int) -> None:
        """Back to the factory; the maker's attestation key stays."""
        self.pin, self.puk = Secret(FACTORY_PIN), Secret(FACTORY_PUK)
        self.management_key, self.management_algorithm = FACTORY_MANAGEMENT_KEY, management_algorithm
        self.keys = {slot: key for slot, key in self.keys.items() if slot == ATTESTATION_SLOT}
        self.objects = {name: value for name, value in self.objects.items() if name == ATTESTATION_OBJECT}
        self.save()

    def save(self) -> None:
        if self.path is None:
            return
        document = {
            "serial": self.serial,
            "pin": [self.pin.value.hex(), self.pin.tries, self.pin.left],
            "puk": [self.puk.value.hex(), self.puk.tries, self.puk.left],
            "management": [self.management_key.hex(), self.management_algorithm],
            "objects": {f"{name:x}": value.hex() for name, value in self.objects.items()},
            "keys": {
                f"{slot:x}": [f"{_scalar(key.key):x}", key.algorithm, key.pin_policy, key.touch_policy, key.generated]
                for slot, key in self.keys.items()
            },
        }
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.write_text(json.dumps(document, indent=1))
        temporary.replace(self.path)

    def load(self) -> bool:
        """Reads the file; False when there is none yet."""
        if self.path is None or not self.path.exists():
            return False
        document = json.loads(self.path.read_text())
        self.serial = document["serial"]
        self.pin = Secret(bytes.fromhex(document["pin"][0]), *document["pin"][1:])
        self.puk = Secret(bytes.fromhex(document["puk"][0]), *document["puk"][1:])
        self.management_key, self.management_algorithm = bytes.fromhex(document["management"][0]), document["management"][1]
        self.objects = {int(name, 16): bytes.fromhex(value) for name, value in document["objects"].items()}
        self.keys = {}
        for slot, (scalar, algorithm, *rest) in document["keys"].items():
            key = ec.derive_private_key(int(scalar, 16), CURVES[algorithm])
            self.keys[int(slot, 16)] = SlotKey(key, algorithm, *rest)
        return True


def _scalar(key: ec.EllipticCurvePrivateKey) -> int:
    return key.private_numbers().private_value


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
