"""Matches low-quality with high-quality images of the same part, for training enhancement models.

First by name: what is left of the two names when the words that tell them apart ("low", "high", "lr", "hr", …) are taken away. What
remains unmatched is matched by content: a 64-bit difference hash, nearest first, at most `MOST_BITS` bits apart, and only when the
second best is clearly worse. Nothing is guessed: what matches nothing or too much is listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lnx_collector.images.files import SUFFIXES, Image, ImageError, read

WORDS = re.compile(r"(?i)(?:^|[_\-. ])(low|high|lq|hq|lr|hr|noisy|clean|blur|blurred|sharp|input|target|gt)(?=$|[_\-. ])|저품질|고품질")
MOST_BITS = 10
CLEARLY = 4


@dataclass
class Pairs:
    """``by_name`` and ``by_content`` hold (low, high); the lists are what has no partner, and why files could not be read."""

    by_name: list[tuple[Path, Path]] = field(default_factory=list)
    by_content: list[tuple[Path, Path]] = field(default_factory=list)
    low_alone: list[Path] = field(default_factory=list)
    high_alone: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)


def key_of(path: Path) -> str:
    """The name without what tells low from high."""
    return re.sub(r"[_\-. ]+", "_", WORDS.sub("", path.stem)).strip("_").lower()


def difference_hash(image: Image) -> int:
    """64 bits: whether each of 8 x 8 cells is brighter than its right neighbour. Hardly changed by blur, noise or size."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.float64)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).ravel()), 2)


def match(low: Path, high: Path) -> Pairs:
    """Matches the images of two folders. Raises OSError when a folder cannot be read."""
    found = Pairs()
    lows, highs = _images(low), _images(high)
    by_key: dict[str, list[Path]] = {}
    for path in highs:
        by_key.setdefault(key_of(path), []).append(path)
    low_keys = [key_of(path) for path in lows]
    for path, key in zip(lows, low_keys, strict=True):
        if len(by_key.get(key, ())) == 1 and low_keys.count(key) == 1 and key:
            found.by_name.append((path, by_key[key][0]))
    named = {path for pair in found.by_name for path in pair}
    _match_content([p for p in lows if p not in named], [p for p in highs if p not in named], found)
    return found


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def _hashes(paths: list[Path], found: Pairs) -> dict[Path, int]:
    hashes = {}
    for path in paths:
        try:
            hashes[path] = difference_hash(read(path))
        except (OSError, ImageError) as error:
            found.unreadable[path] = str(error)
    return hashes


def _match_content(lows: list[Path], highs: list[Path], found: Pairs) -> None:
    low_hashes, high_hashes = _hashes(lows, found), _hashes(highs, found)
    wishes = []
    for low, mine in low_hashes.items():
        ranked = sorted(((mine ^ other).bit_count(), high) for high, other in high_hashes.items())
        if ranked and ranked[0][0] <= MOST_BITS and (len(ranked) == 1 or ranked[1][0] - ranked[0][0] >= CLEARLY):
            wishes.append((ranked[0][0], low, ranked[0][1]))
    taken: set[Path] = set()
    for _, low, high in sorted(wishes):
        if high not in taken:
            taken |= {low, high}
            found.by_content.append((low, high))
    found.by_content.sort()
    found.low_alone = [path for path in low_hashes if path not in taken]
    found.high_alone = [path for path in high_hashes if path not in taken]
