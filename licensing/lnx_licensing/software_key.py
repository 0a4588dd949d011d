"""The key file of an evaluation (``NAME.softkey.json``): stands in for a dongle, for at most 90 days.

Whoever has the file has the licence.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container import dsse
from lnx.container.keys import point_of
from lnx.errors import LnxError

from lnx_licensing import status
from lnx_licensing.files import write_whole

SUFFIX = ".softkey.json"


def new(folder: Path, name: str) -> Path:
    """Makes a key file; never overwrites one (LNX-227)."""
    key = ec.generate_private_key(ec.SECP256R1())
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    fields = {"private": base64.b64encode(scalar).decode(), "pub": base64.b64encode(point_of(key.public_key())).decode()}
    path = folder / f"{name}{SUFFIX}"
    if path.exists():
        raise LnxError(status.KEY_FILE, found="a file of that name", expected="a new name", where=str(path), fix="choose another name")
    write_whole(path, json.dumps({"lnx_software_key": fields}).encode() + b"\n", private=True)
    return path


def load(path: Path) -> ec.EllipticCurvePrivateKey:
    """Reads a key file. LNX-227 when it is malformed or its halves do not belong together."""
    expected = '{"lnx_software_key":{"private": base64 of 32 bytes, "pub": base64 of 65 bytes}}'

    def refuse(found: str) -> LnxError:
        return LnxError(
            status.KEY_FILE, found=found, expected=expected, where=str(path), fix="make one with `lnx license keygen evaluation`"
        )

    try:
        fields = json.loads(path.read_bytes()[:4096])["lnx_software_key"]
        scalar = dsse.decode_base64(fields["private"], 32)
        if scalar is None:
            raise refuse("a private half that is not base64 of 32 bytes")
        key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    except OSError as error:
        raise refuse(error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError):
        raise refuse("no readable software key") from None
    if dsse.decode_base64(fields.get("pub"), 65) != point_of(key.public_key()):
        raise refuse("two halves that do not belong together")
    return key


def beside(licence: Path, points: Collection[bytes]) -> Path | None:
    """The key file whose key is one of ``points`` (65 bytes each): that of ``LNX_SOFTWARE_KEY``, else one in the licence's folder. Damaged
    ones are passed over."""
    chosen = os.environ.get("LNX_SOFTWARE_KEY")
    for path in [Path(chosen)] if chosen else sorted(licence.parent.glob(f"*{SUFFIX}")):
        try:
            if point_of(load(path).public_key()) in points:
                return path
        except LnxError:
            continue
    return None
