"""Pictures from and to files: JPEG, PNG, BMP, TIFF; 8 and 16 bit; any path, Korean names included.

OpenCV's own ``imread`` takes narrow paths and fails on Windows for names outside the code page, so files are read as bytes and decoded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lnx.errors import LnxError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
Image = NDArray[Any]


def read_image(path: str | os.PathLike[str]) -> Image:
    """Reads a picture: uint8 ``[H, W, 3]`` (BGR) or ``[H, W]``, or uint16 ``[H, W]``.

    Alpha is dropped; 16-bit colour becomes 8-bit. Raises LnxError LNX-201/202 when the file cannot be read, LNX-106 when it is no picture.
    """
    where = os.fspath(path)
    try:
        content = np.fromfile(where, dtype=np.uint8)
    except FileNotFoundError:
        raise LnxError(201, found="no such file", expected="a picture", where=where) from None
    except OSError as error:
        raise LnxError(202, found=error.strerror or str(error), expected="a readable picture", where=where) from None
    image: Any = None
    if content.size:
        try:
            image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        except cv2.error:
            image = None
    if image is None:
        found = "an empty file" if not content.size else "bytes that cannot be decoded"
        raise LnxError(106, found=found, expected="JPEG, PNG, BMP or TIFF", where=where, fix="check the file in an image viewer")
    if image.ndim == 3 and image.shape[2] == 4:
        image = image[:, :, :3]
    if image.ndim == 3 and image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype not in (np.uint8, np.uint16):
        raise LnxError(106, found=f"pixels of {image.dtype}", expected="8- or 16-bit integers", where=where)
    return np.ascontiguousarray(image)


def write_image(path: str | os.PathLike[str], image: Image) -> None:
    """Writes a picture in the format of its suffix; the folder is made. Raises LnxError LNX-202 when it cannot be written."""
    target = Path(path)
    good, content = cv2.imencode(target.suffix or ".png", image)
    if not good:
        raise LnxError(106, found=f'suffix "{target.suffix}"', expected=", ".join(SUFFIXES), where=str(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.tobytes())
    except OSError as error:
        raise LnxError(202, found=error.strerror or str(error), expected="a writable folder", where=str(target)) from None


def find_images(place: str | os.PathLike[str], recursive: bool = False) -> list[Path]:
    """A file itself, or the pictures of a folder in the order of their names."""
    root = Path(place)
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise LnxError(201, found="no such file or folder", expected="a picture or a folder of pictures", where=str(root))
    pattern = "**/*" if recursive else "*"
    return sorted(path for path in root.glob(pattern) if path.is_file() and path.suffix.lower() in SUFFIXES)
