"""What a run returns. Every view is read from the native result when it is first asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lnx.coco import coco_annotations

_VERDICTS = ("UNDEFINED", "OK", "NG", "REVIEW")
_USED = {"uint8_heads": 8, "gpu_graph": 16, "gpu_preprocess": 32}
_LABEL_MAP, _SCORE_MAP, _IMAGE = 0, 1, 2


class Verdict(StrEnum):
    """The decision about one part. Compares equal to its name: ``result.verdict == "NG"``."""

    OK = "OK"
    NG = "NG"
    REVIEW = "REVIEW"
    UNDEFINED = "UNDEFINED"


@dataclass(frozen=True)
class ClassScore:
    """A class and its probability."""

    class_id: int
    name: str
    score: float


@dataclass(frozen=True)
class DetectedObject:
    """A detected box ``(x1, y1, x2, y2)`` in full-image pixels, half-open.

    ``first_class_id`` and ``first_score`` are what the detector gave, where a later stage of the model changed class or score.
    """

    class_id: int
    name: str
    score: float
    box: tuple[float, float, float, float]
    area_px: float
    first_class_id: int
    first_score: float


@dataclass(frozen=True)
class Polygon:
    """A closed outline along pixel corners: float32 ``[n, 2]`` in full-image pixels; ``hole`` when it cuts one out."""

    points: NDArray[np.float32]
    hole: bool


@dataclass(frozen=True)
class Region:
    """A connected area of a mask. ``rle``: COCO run lengths (uint32), only when ``want`` has ``"rle"``."""

    class_id: int
    name: str
    score_max: float
    score_mean: float
    area_px: float
    box: tuple[float, float, float, float]
    centroid: tuple[float, float]
    polygons: tuple[Polygon, ...]
    rle: NDArray[np.uint32] | None


@dataclass(frozen=True)
class Character:
    """One character of a line, with the upright box around it in full-image pixels."""

    text: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class TextLine:
    """One line of text.

    ``quad``: its corners from the top left of the text as it stands in the image, with the clock. ``box_score``: how sure the detector was.
    ``turned``: it stood upside down and was turned to be read.
    """

    text: str
    score: float
    box_score: float
    turned: bool
    quad: tuple[tuple[float, float], ...]
    characters: tuple[Character, ...]


class Result:
    """The result of one image. Immutable; may be read from any thread; outlives its session."""

    def __init__(self, native: Any, index: int = 0) -> None:
        self._native = native
        self._index = index
        self._summary: dict[str, Any] = native.summary(index)

    def __repr__(self) -> str:
        return f"<lnx.Result {self.verdict} score={self.score:.3f} ({self.reason})>"

    @property
    def verdict(self) -> Verdict:
        return Verdict(_VERDICTS[self._summary["verdict"]])

    @property
    def reason(self) -> str:
        """Which rule fired, and by how much."""
        return str(self._summary["reason"])

    @property
    def score(self) -> float:
        """The score that decided, as the model gave it (anomaly: raw, see ``score_norm``)."""
        return float(self._summary["score"])

    @property
    def score_norm(self) -> float:
        """Anomaly: the score on the scale of the training, where 0.5 is its threshold; else the same as ``score``."""
        return float(self._summary["score_norm"])

    @property
    def threshold(self) -> float:
        return float(self._summary["threshold"])

    @property
    def guard_band(self) -> float:
        return float(self._summary["guard_band"])

    @property
    def tag(self) -> int:
        """The tag given to ``run``."""
        return int(self._summary["user_tag"])

    @property
    def digest(self) -> str:
        """Fingerprint (SHA-256, hex) of everything that is answered, planes included: equal for equal answers, bit for bit."""
        return bytes(self._native.digest(self._index)).hex()

    @property
    def sequence(self) -> int:
        """Number of this run within its session, from 1."""
        return int(self._summary["sequence"])

    @property
    def timings(self) -> dict[str, int]:
        """Microseconds per stage: queue, pre, host_to_device, infer, device_to_host, post, total."""
        return dict(self._summary["timings"])

    @property
    def used(self) -> frozenset[str]:
        """Fast ways that this run took: ``"uint8_heads"``, ``"gpu_graph"``, ``"gpu_preprocess"``."""
        flags = int(self._summary["flags"])
        return frozenset(name for name, bit in _USED.items() if flags & bit)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in pixels."""
        return int(self._summary["width"]), int(self._summary["height"])

    @cached_property
    def classes(self) -> tuple[ClassScore, ...]:
        """Classification: best first."""
        return tuple(ClassScore(*item) for item in self._native.classes(self._index))

    @cached_property
    def objects(self) -> tuple[DetectedObject, ...]:
        """Detection: best first."""
        return tuple(DetectedObject(*item) for item in self._native.objects(self._index))

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Segmentation: largest first."""
        regions = []
        for class_id, name, high, mean, area, box, centroid, polygons, rle in self._native.regions(self._index):
            outlines = tuple(Polygon(*polygon) for polygon in polygons)
            regions.append(Region(class_id, name, high, mean, area, box, centroid, outlines, rle))
        return tuple(regions)

    @cached_property
    def texts(self) -> tuple[TextLine, ...]:
        """OCR: lines in reading order."""
        lines = []
        for text, score, box_score, turned, quad, characters in self._native.texts(self._index):
            lines.append(TextLine(text, score, box_score, turned, quad, tuple(Character(*item) for item in characters)))
        return tuple(lines)

    @cached_property
    def label_map(self) -> NDArray[np.uint8] | None:
        """Class id per pixel ``[H, W]``, when ``want`` has ``"label_map"``."""
        plane: NDArray[np.uint8] | None = self._native.plane(self._index, _LABEL_MAP)
        return plane

    @cached_property
    def score_map(self) -> NDArray[np.float32] | None:
        """Score per pixel ``[H, W]``, when ``want`` has ``"score_map"``."""
        plane: NDArray[np.float32] | None = self._native.plane(self._index, _SCORE_MAP)
        return plane

    @cached_property
    def image(self) -> NDArray[Any] | None:
        """Enhancement: the picture, uint8 ``[H, W, 3]`` (BGR) or ``[H, W]``, or uint16 ``[H, W]``."""
        plane: NDArray[Any] | None = self._native.plane(self._index, _IMAGE)
        return plane

    def to_json(self) -> str:
        """One line of JSON (schema: ``docs/reference/result.schema.json``)."""
        return str(self._native.json(self._index))

    def to_dict(self) -> dict[str, Any]:
        """The same as a dict."""
        document: dict[str, Any] = json.loads(self.to_json())
        return document

    def to_coco(self, image_id: int = 0, first_id: int = 1) -> list[dict[str, Any]]:
        """COCO annotations of objects and regions (``lnx.coco``). Ask for ``want=["rle"]`` to get exact masks."""
        return coco_annotations(self, image_id, first_id)

    def draw(
        self,
        image: NDArray[Any] | None = None,
        *,
        banner: bool = True,
        opacity: float = 0.35,
        language: Literal["en", "ko"] = "en",
        pixel_format: str = "",
        valid_bits: int = 0,
    ) -> NDArray[np.uint8]:
        """A picture of the result: uint8 ``[H, W, 3]`` (BGR), over ``image`` (as it was run, with its format) or black.

        ``language``: ``"ko"`` shows the Korean names of labels where the model has them, and Korean verdicts.
        """
        note = (pixel_format, valid_bits)
        canvas: NDArray[np.uint8] = self._native.draw(self._index, image, note, banner, opacity, language == "ko")
        return canvas
