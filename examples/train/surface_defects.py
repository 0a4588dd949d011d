"""Parts with painted defects: real texture photographs, and scratches, dents and stains with exact masks.

The photographs are brick, grass and gravel of scikit-image (its documentation calls brick and gravel CC0, from CC0Textures). Each
photograph is cut into bands, so that the pixels of the test parts were never seen in training. Everything follows from a seed.

Labels: 0 background, 1 scratch, 2 dent, 3 stain.
"""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LABELS = ["background", "scratch", "dent", "stain"]
SIZE = 256
BANDS = {"train": (0.0, 0.62), "validation": (0.62, 0.8), "test": (0.8, 1.0)}
Image = NDArray[Any]


@functools.cache
def textures() -> list[Image]:
    """Grey photographs, uint8."""
    from skimage import data

    return [np.asarray(data.brick()), np.asarray(data.grass()), np.asarray(data.gravel())]


def crop(photo: Image, split: str, rng: np.random.Generator) -> Image:
    """A part's surface: a piece of the band of this split, mirrored and scaled to SIZE x SIZE, tinted, as BGR."""
    low, high = (int(photo.shape[0] * edge) for edge in BANDS[split])
    height = high - low
    side = int(rng.integers(min(90, height - 1), min(height, 260) + 1))
    y = low + int(rng.integers(0, height - side + 1))
    x = int(rng.integers(0, photo.shape[1] - side + 1))
    piece = photo[y : y + side, x : x + side]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    if rng.random() < 0.5:
        piece = piece[::-1]
    piece = cv2.resize(np.ascontiguousarray(piece), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    tint = rng.uniform(0.85, 1.1, 3).astype(np.float32)
    gradient = 1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, SIZE, dtype=np.float32)[None, :, None]
    surface = piece[:, :, None] * tint * gradient * rng.uniform(0.75, 1.15) + rng.uniform(-10, 10)
    return np.asarray(np.clip(surface, 0, 255))


def _scratch(surface: Image, mask: Image, rng: np.random.Generator) -> None:
    """A bright or dark line with a shadow beside it."""
    points = [rng.uniform(20, SIZE - 20, 2)]
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(3, 7))):
        heading += rng.normal(0, 0.35)
        points.append(points[-1] + rng.uniform(14, 34) * np.array([np.cos(heading), np.sin(heading)]))
    line = np.array(points, np.int32).reshape(-1, 1, 2)
    width = int(rng.integers(2, 5))
    own = np.zeros((SIZE, SIZE), np.uint8)
    cv2.polylines(own, [line], False, 1, width, cv2.LINE_8)
    soft = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 0.7)[:, :, None]
    shadow = cv2.GaussianBlur(np.roll(own, (2, 2), (0, 1)).astype(np.float32), (0, 0), 1.2)[:, :, None]
    strength = rng.uniform(70, 130) * (1 if rng.random() < 0.6 else -1)
    surface += soft * strength - shadow * 35
    mask[own > 0] = 1


def _ellipse(rng: np.random.Generator, low: int, high: int) -> Image:
    own = np.zeros((SIZE, SIZE), np.uint8)
    centre = tuple(int(v) for v in rng.integers(30, SIZE - 30, 2))
    axes = tuple(int(v) for v in rng.integers(low, high, 2))
    cv2.ellipse(own, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return own


def _dent(surface: Image, mask: Image, rng: np.random.Generator) -> None:
    """A hollow: dark towards the light, bright away from it."""
    own = _ellipse(rng, 9, 24)
    depth = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 5.0)
    slope_x, slope_y = cv2.Sobel(depth, cv2.CV_32F, 1, 0), cv2.Sobel(depth, cv2.CV_32F, 0, 1)
    angle = rng.uniform(0, 2 * np.pi)
    light = slope_x * np.cos(angle) + slope_y * np.sin(angle)
    surface += (light * rng.uniform(150, 240) - depth * rng.uniform(25, 50))[:, :, None]
    mask[own > 0] = 2


def _stain(surface: Image, mask: Image, rng: np.random.Generator) -> None:
    """A coloured film with ragged edges; the texture shines through."""
    own = _ellipse(rng, 12, 30)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), 4)
    field = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 4) + noise * 0.9
    shape = ((field > 0.5) & (cv2.dilate(own, np.ones((9, 9), np.uint8)) > 0)).astype(np.uint8)
    if shape.sum() < 120:
        shape = own
    film = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 1.0)[:, :, None]
    colour = np.array([rng.uniform(10, 70), rng.uniform(40, 110), rng.uniform(80, 160)], np.float32)
    surface += film * (colour - surface) * rng.uniform(0.45, 0.7)
    mask[shape > 0] = 3


def part(split: str, rng: np.random.Generator, defects: int | None = None) -> tuple[Image, Image]:
    """One part: uint8 BGR [256, 256, 3] and its mask of labels. ``defects`` None = none to three."""
    photos = textures()
    surface = crop(photos[int(rng.integers(len(photos)))], split, rng).astype(np.float32)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    count = int(rng.integers(0, 4)) if defects is None else defects
    for _ in range(count):
        (_scratch, _dent, _stain)[int(rng.integers(3))](surface, mask, rng)
    surface += rng.normal(0, 3, surface.shape)
    return np.clip(surface, 0, 255).astype(np.uint8), mask
