"""Operations that clean an image, as an ordered list in the configuration. Each is deterministic and keeps depth and number of channels.

ops = [{op = "denoise", method = "median", size = 3}, {op = "deblur", sigma = 1.5}, {op = "rotate", degrees = 90}]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import cv2
import numpy as np
from lnx_common.config import Settings, rule_broken
from pydantic import Field, field_validator

from lnx_collector.images.files import Image


class Denoise(Settings):
    """Takes noise away."""

    op: Literal["denoise"]
    method: Literal["median", "gaussian", "bilateral", "non-local-means"] = "median"
    """median against single pixels, gaussian against fine noise, bilateral keeps edges, non-local-means (8 bit) is best and slowest."""
    size: int = Field(3, ge=3, le=31)
    """Width of the neighbourhood, odd."""
    strength: float = Field(10.0, gt=0)
    """Of bilateral and non-local-means, in grey levels of 8 bit."""

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise rule_broken("an odd number", "홀수")
        return size


class Deblur(Settings):
    """Takes a known blur away: Wiener filter for a Gaussian blur of `sigma` pixels."""

    op: Literal["deblur"]
    sigma: float = Field(gt=0.2, le=20)
    """Width of the blur in pixels."""
    noise: float = Field(0.01, gt=0, le=1)
    """Noise to signal power; more = softer."""


class Rotate(Settings):
    """Turns clockwise; multiples of 90 lose nothing, others keep the size and fill corners with the border."""

    op: Literal["rotate"]
    degrees: float = Field(gt=-360, lt=360)


Op = Annotated[Denoise | Deblur | Rotate, Field(discriminator="op")]


def clean(image: Image, ops: Sequence[Denoise | Deblur | Rotate]) -> Image:
    """The image after all operations."""
    for op in ops:
        image = denoise(image, op) if isinstance(op, Denoise) else deblur(image, op) if isinstance(op, Deblur) else rotate(image, op)
    return image


def denoise(image: Image, op: Denoise) -> Image:
    if op.method == "median":
        return cv2.medianBlur(image, op.size if image.dtype == np.uint8 else min(op.size, 5))
    if op.method == "gaussian":
        return cv2.GaussianBlur(image, (op.size, op.size), 0)
    if op.method == "bilateral":
        depth = 1.0 if image.dtype == np.uint8 else 257.0
        smooth = cv2.bilateralFilter(image.astype(np.float32), op.size, op.strength * depth, op.size)
        return np.clip(np.rint(smooth), 0, np.iinfo(image.dtype).max).astype(image.dtype)
    if image.dtype != np.uint8:
        return denoise(image, op.model_copy(update={"method": "bilateral"}))
    if image.ndim == 3:
        return cv2.fastNlMeansDenoisingColored(image, None, op.strength, op.strength, op.size, 21)
    return cv2.fastNlMeansDenoising(image, None, op.strength, op.size, 21)


def deblur(image: Image, op: Deblur) -> Image:
    """Wiener deconvolution in the frequency domain, each channel by itself, on a reflected border."""
    border = max(8, int(4 * op.sigma))
    planes = image[..., None] if image.ndim == 2 else image
    height, width = image.shape[0] + 2 * border, image.shape[1] + 2 * border
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    blur = np.exp(-2 * (np.pi * op.sigma) ** 2 * (rows**2 + columns**2))
    wiener = blur / (blur**2 + op.noise)
    wiener /= wiener[0, 0]  # brightness stays
    sharp = np.empty(planes.shape, np.float64)
    for channel in range(planes.shape[2]):
        padded = np.pad(planes[..., channel].astype(np.float64), border, mode="reflect" if min(image.shape[:2]) > border else "edge")
        restored = np.fft.irfft2(np.fft.rfft2(padded) * wiener, s=(height, width))
        sharp[..., channel] = restored[border : height - border, border : width - border]
    result = np.clip(np.rint(sharp), 0, np.iinfo(image.dtype).max).astype(image.dtype)
    return result[..., 0] if image.ndim == 2 else result


def rotate(image: Image, op: Rotate) -> Image:
    quarters, rest = divmod(op.degrees % 360, 90)
    if rest == 0:
        return np.ascontiguousarray(np.rot90(image, -int(quarters)))
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -op.degrees, 1.0)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
