"""Runs the preprocessing list of a manifest with OpenCV, Pillow and numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lnx.errors import LnxError
from lnx.manifest import Cast, Color, Crop, Layout, Manifest, Normalize, Resize, Scale, Window

Array = NDArray[Any]
_CV = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
_PIL = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}


@dataclass
class Geometry:
    """Where the model's input lies in the image: ``image = factor * x + shift``, and the content rectangle without margins."""

    factor_x: float = 1.0
    factor_y: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    part: tuple[int, int, int, int] = (0, 0, 0, 0)  # x, y, width, height of the image that the content shows
    image: tuple[int, int] = (0, 0)  # width, height
    input: tuple[int, int] = (0, 0)

    def crop(self, x: int, y: int, width: int, height: int) -> None:
        self.shift_x += self.factor_x * x
        self.shift_y += self.factor_y * y
        self.left, self.right = (min(max(v - x, 0.0), float(width)) for v in (self.left, self.right))
        self.top, self.bottom = (min(max(v - y, 0.0), float(height)) for v in (self.top, self.bottom))
        x1 = max(self.part[0], round(self.shift_x + self.factor_x * self.left))
        y1 = max(self.part[1], round(self.shift_y + self.factor_y * self.top))
        x2 = min(self.part[0] + self.part[2], round(self.shift_x + self.factor_x * self.right))
        y2 = min(self.part[1] + self.part[3], round(self.shift_y + self.factor_y * self.bottom))
        self.part = (x1, y1, x2 - x1, y2 - y1)

    def resize(self, factor: tuple[float, float], size: tuple[int, int], margin: tuple[int, int]) -> None:
        self.shift_x -= self.factor_x * factor[0] * margin[0]
        self.shift_y -= self.factor_y * factor[1] * margin[1]
        self.factor_x *= factor[0]
        self.factor_y *= factor[1]
        self.left, self.top = float(margin[0]), float(margin[1])
        self.right, self.bottom = float(margin[0] + size[0]), float(margin[1] + size[1])


def to_eight_bits(image: Array, lo: int, hi: int) -> Array:
    """16-bit -> 8-bit: clamp((v - lo) * 255 / (hi - lo)), rounded half up."""
    span = hi - lo
    value = np.clip(image.astype(np.int64) - lo, 0, span)
    return ((2 * value * 255 + span) // (2 * span)).astype(np.uint8)


def to_sixteen_bits(image: Array, window: Window | None) -> Array:
    """Gray of 8 or 16 bits -> 0..65535: the window stretched and rounded half up; 8-bit levels spread evenly."""
    if image.ndim != 2:
        raise LnxError(106, found="a colour picture", expected="gray, for a model of 16-bit values", where="input.depth")
    if image.dtype != np.uint16:
        return image.astype(np.uint16) * np.uint16(257)
    lo, hi = (window.lo, window.hi) if window else (0, 65535)
    value = np.clip(image.astype(np.int64) - lo, 0, hi - lo)
    return ((2 * value * 65535 + hi - lo) // (2 * (hi - lo))).astype(np.uint16)


def _convert(image: Array, current: str, to: str) -> Array:
    if current == to:
        return image
    if to == "GRAY":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY if current == "BGR" else cv2.COLOR_RGB2GRAY))
    if current == "GRAY":
        return np.repeat(image.reshape(image.shape[0], image.shape[1], 1), 3, axis=2)
    return image[:, :, ::-1]


def _half_up(value: float) -> int:
    return max(1, math.floor(value + 0.5))


def _floor(value: float) -> int:
    return max(1, math.floor(value))


def _resize(image: Array, op: Resize, geometry: Geometry) -> Array:
    height, width = image.shape[:2]
    if op.mode == "stretch":
        size, factor = op.size, (width / op.size[0], height / op.size[1])
    else:
        scale = op.size[0] / min(width, height) if op.mode == "short_side" else min(op.size[1] / height, op.size[0] / width)
        if not op.scale_up:
            scale = min(scale, 1.0)
        whole = _half_up if op.rounding == "round" else _floor
        size, factor = (whole(width * scale), whole(height * scale)), (1 / scale, 1 / scale)
        if op.mode == "short_side" and (op.scale_up or scale < 1):
            # The short side is exact, and the long one is size * long / short in this order, as torchvision computes it.
            longer = whole(op.size[0] * max(width, height) / min(width, height))
            size = (op.size[0], longer) if width <= height else (longer, op.size[0])
        if op.mode == "letterbox":
            size = (min(size[0], op.size[0]), min(size[1], op.size[1]))
    if op.back == "size":
        factor = (width / size[0], height / size[1])
    if op.lib == "pil":
        scaled = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, _PIL[op.interp]))
    else:
        scaled = np.asarray(cv2.resize(np.ascontiguousarray(image), size, interpolation=_CV[op.interp]))
    margin = (0, 0)
    if op.mode == "letterbox":
        channels = 1 if scaled.ndim == 2 else scaled.shape[2]
        pad = np.array((op.pad * 3)[:channels] if len(op.pad) == 1 else op.pad[:channels], np.uint8)
        canvas = np.empty((op.size[1], op.size[0], channels), np.uint8)
        canvas[:] = pad
        if op.anchor == "center":
            margin = ((op.size[0] - size[0]) // 2, (op.size[1] - size[1]) // 2)
        canvas[margin[1] : margin[1] + size[1], margin[0] : margin[0] + size[0]] = scaled.reshape(size[1], size[0], channels)
        scaled = canvas if channels > 1 else canvas[:, :, 0]
    geometry.resize(factor, size, margin)
    return scaled


def _crop(image: Array, op: Crop, geometry: Geometry) -> Array:
    if op.rect is not None:
        x, y, width, height = op.rect
    else:
        assert op.size is not None
        width, height = op.size
        rest_x, rest_y = image.shape[1] - width, image.shape[0] - height
        x, y = (round(rest_x / 2), round(rest_y / 2)) if op.rounding == "half_even" else (rest_x // 2, rest_y // 2)
    if x < 0 or y < 0 or x + width > image.shape[1] or y + height > image.shape[0]:
        found = f"{image.shape[1]} x {image.shape[0]}"
        raise LnxError(105, found=found, expected=f"at least {width} x {height}", where="crop op of the manifest")
    geometry.crop(x, y, width, height)
    return image[y : y + height, x : x + width]


def preprocess(manifest: Manifest, image: Array, roi: tuple[int, int, int, int] | None = None) -> tuple[Array, Geometry]:
    """One image -> the input tensor of batch 1, and its geometry.

    ``image`` is uint8 ``[H, W]``, ``[H, W, 3]`` (BGR) or ``[H, W, 4]`` (BGRA), or uint16 ``[H, W]``.
    """
    full = (image.shape[1], image.shape[0])
    x, y, width, height = roi or (0, 0, *full)
    image = image[y : y + height, x : x + width]
    if manifest.input.depth == 16:
        image = to_sixteen_bits(image, manifest.input.window)
    elif image.dtype == np.uint16:
        window = manifest.input.window
        image = to_eight_bits(image, window.lo if window else 0, window.hi if window else 65535)
    if image.ndim == 3:
        image = image[:, :, :3]
    current = "GRAY" if image.ndim == 2 else "BGR"
    geometry = Geometry(shift_x=x, shift_y=y, right=width, bottom=height, part=(x, y, width, height), image=full)
    tensor: Array = image
    dtype: Any = np.uint8
    nchw = False
    for op in manifest.pre:
        if isinstance(op, Color):
            tensor, current = _convert(tensor, current, op.to), op.to
        elif isinstance(op, Crop):
            tensor = _crop(tensor, op, geometry)
        elif isinstance(op, Resize):
            tensor = _resize(tensor, op, geometry)
        elif isinstance(op, Cast):
            dtype = {"f32": np.float32, "f16": np.float16, "u8": np.uint8}[op.to]
            tensor = tensor.astype(np.float32 if op.to != "u8" else np.uint8)
        elif isinstance(op, Scale):
            tensor = op.apply(tensor)
        elif isinstance(op, Normalize):
            tensor = (tensor - np.array(op.mean, np.float32)) / np.array(op.std, np.float32)
        elif isinstance(op, Layout):
            nchw = op.to == "NCHW"
    geometry.input = (tensor.shape[1], tensor.shape[0])
    if tensor.ndim == 2:
        tensor = tensor[:, :, None]
    if nchw:
        tensor = tensor.transpose(2, 0, 1)
    return np.ascontiguousarray(tensor[None].astype(dtype)), geometry
