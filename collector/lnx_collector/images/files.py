"""Image files: read whole or not at all, under any path (Korean too), and written so that they are there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lnx_common.files import write_durably
from numpy.typing import NDArray

Image = NDArray[Any]
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


class ImageError(ValueError):
    """A file that is no whole image; the text says why."""


def is_whole(raw: bytes) -> bool:
    """False for a JPEG or PNG that is still being written or was cut off: their last bytes are fixed."""
    if raw.startswith(b"\xff\xd8"):
        return raw.rstrip(b"\0").endswith(b"\xff\xd9")
    if raw.startswith(b"\x89PNG"):
        return raw.endswith(b"IEND\xaeB`\x82")
    if raw.startswith(b"BM") and len(raw) >= 6:
        return len(raw) >= int.from_bytes(raw[2:6], "little")
    return len(raw) > 0


def decode(raw: bytes) -> Image:
    """HxW or HxWx3 (BGR), 8 or 16 bit, as it is in the file. Raises ImageError."""
    if not is_whole(raw):
        raise ImageError(f"{len(raw)} bytes that end too early")
    image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ImageError("no JPEG, PNG, BMP or TIFF")
    return image


def read(path: Path) -> Image:
    """Raises OSError or ImageError."""
    return decode(path.read_bytes())


def write(path: Path, image: Image) -> None:
    """In the format of the suffix."""
    fine, raw = cv2.imencode(path.suffix, image)
    if not fine:
        raise ImageError(f"cannot write {path.suffix}")
    write_durably(path, raw.tobytes())
