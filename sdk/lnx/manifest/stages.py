"""Recipes that need several graphs: reading text, and looking again at each object."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lnx.manifest.part import Fraction, Part, Side

Batch = Annotated[int, Field(ge=1, le=64)]


class ClassifyStage(Part):
    """A second graph that looks at each object of the first one. The object takes the label of its best class."""

    kind: Literal["classify"] = "classify"
    graph: str = Field(description="id of its graph; that graph carries its own pre / 사용할 그래프")
    on: list[int] = Field(default=[], description="label ids of the objects that it looks at; empty = all / 대상 라벨")
    margin: float = Field(0.0, ge=0, le=4, description="share of the box's sides added on every side / 여백 비율")
    activation: Literal["none", "softmax", "sigmoid"] = "softmax"
    label_ids: list[int] = Field(min_length=1, description="the label that each class of the graph stands for / 클래스별 라벨")
    score: Literal["replace", "product"] = Field("replace", description="product: times the score of the detector / 점수 결합")


class OcrBounds(Part):
    """Images are brought inside these sides first, to multiples of 32."""

    min_side: int = Field(30, ge=1, le=4096)
    max_side: int = Field(2000, ge=64, le=30000)


class OcrPadding(Part):
    """Very wide or low images get black bands above and below."""

    ratio: float = Field(8, ge=-1, le=1000, description="width / height above which it is done; -1 = never for the ratio")
    min_height: int = Field(30, ge=0, le=4096)


class OcrDetector(Part):
    """Finds lines in a map of probabilities (differentiable binarisation)."""

    limit: Literal["min", "max"] = Field("min", description="min: the short side grows to side; max: the long side shrinks to it")
    side: int = Field(736, ge=32, le=8192)
    threshold: Fraction = Field(0.3, description="of a pixel / 화소 임계값")
    box_threshold: Fraction = Field(0.5, description="of the mean over a line / 줄 임계값")
    unclip: float = Field(1.6, ge=0, le=10, description="how far the outline grows: area * unclip / perimeter / 확장 비율")
    max_candidates: int = Field(1000, ge=1, le=100000)
    dilate: bool = Field(True, description="close gaps of one pixel first / 팽창")
    line_gap: int = Field(10, ge=0, le=1000, description="tops nearer than this are one line / 같은 줄 간격")
    line_rule: Literal["neighbour", "chain"] = "neighbour"


class OcrAngle(Part):
    """Tells whether a line is upside down: class 1 = turned by 180 degrees."""

    graph: str
    size: tuple[Side, Side] = (192, 48)
    threshold: Fraction = 0.9
    batch: Batch = 6


class OcrReader(Part):
    """Reads a line: CTC, class 0 is the blank."""

    graph: str
    size: tuple[Side, Side] = Field((320, 48), description="[least width, height]")
    batch: Batch = 6
    widths: list[Annotated[int, Field(ge=8, le=8192)]] = Field(
        default=[], description="buckets, ascending; empty = as wide as the widest line of a batch / 너비 구간"
    )
    dictionary: str = Field("dictionary.txt", description="entry: one character per line, UTF-8 / 사전")
    space: bool = Field(True, description="the class after the last character is a space / 마지막 클래스는 공백")

    @model_validator(mode="after")
    def _growing(self) -> OcrReader:
        if any(b <= a for a, b in zip(self.widths, self.widths[1:], strict=False)):
            raise ValueError("widths must grow")
        return self


class OcrDecode(Part):
    """Finds lines, turns them upright, reads them. The detector is the first graph; no graph has a resize in its pre."""

    kind: Literal["ocr"] = "ocr"
    bounds: OcrBounds = OcrBounds()
    padding: OcrPadding = OcrPadding()
    detector: OcrDetector = OcrDetector()
    angle: OcrAngle | None = None
    reader: OcrReader
