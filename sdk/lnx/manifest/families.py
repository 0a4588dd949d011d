"""How the outputs of each detector, anomaly and enhancement family are to be read.

The tensors are found by the roles that the manifest gives to the outputs, never by position.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lnx.manifest.part import Fraction, Part

Strides = Annotated[list[Annotated[int, Field(ge=1, le=1024)]], Field(min_length=1, max_length=16)]
BoxSpace = Literal["input", "image"]
PerAnchor = Literal["best", "all"]


class RtmdetDecode(Part):
    """Roles ``scores`` and ``distances``: one pair per stride (``[N, C, H, W]``, ``[N, 4, H, W]``) or one for all (``[N, A, C]``)."""

    kind: Literal["rtmdet"] = "rtmdet"
    strides: Strides = Field(default=[8, 16, 32])
    distances: Literal["pixels", "strides"] = Field("pixels", description="pixels: mmdetection; strides: mmyolo / 거리의 단위")
    activation_in_graph: bool = False
    per_anchor: PerAnchor = "all"
    score_floor: Fraction = 0.01


class RtdetrDecode(Part):
    """Queries without suppression. raw: roles ``scores`` (logits), ``boxes`` (centre, size); decoded: ``labels``, ``scores``, ``boxes``."""

    kind: Literal["rtdetr"] = "rtdetr"
    form: Literal["raw", "decoded"]
    top_k: int = Field(300, ge=1, le=10000)
    boxes_in: BoxSpace = Field("input", description="decoded: pixels of the input, or of the image given to the graph / 상자 좌표계")
    activation_in_graph: bool = False
    per_anchor: PerAnchor = "all"
    score_floor: Fraction = 0.01

    @model_validator(mode="after")
    def _finished(self) -> RtdetrDecode:
        if self.form == "decoded" and not self.activation_in_graph:
            raise ValueError("form decoded has finished scores: activation_in_graph must be true")
        return self


class PpyoloeDecode(Part):
    """As Paddle exports: roles ``rows`` ``[n, 6]`` and ``counts``, or (unsuppressed) ``boxes`` ``[N, A, 4]``, ``scores`` ``[N, C, A]``."""

    kind: Literal["ppyoloe"] = "ppyoloe"
    nms_in_graph: bool = True
    boxes_in: BoxSpace = "image"
    activation_in_graph: bool = True
    per_anchor: PerAnchor = "all"
    score_floor: Fraction = 0.01


class EfficientDetDecode(Part):
    """Roles ``scores`` and ``boxes`` over anchors ordered by level, row, column, scale, ratio; per level (maps) or flat."""

    kind: Literal["efficientdet"] = "efficientdet"
    coding: Literal["yxhw", "xywh"] = Field(description="order of the four codes: dy, dx, dh, dw or dx, dy, dw, dh / 상자 코드의 순서")
    variances: list[float] = Field(default=[], description="factors of the codes; empty = 1 / 코드 배율", max_length=4)
    strides: Strides = Field(default=[8, 16, 32, 64, 128])
    anchor_scale: float = Field(4.0, gt=0)
    scales: list[Annotated[float, Field(gt=0)]] = Field(default=[1.0, 2 ** (1 / 3), 2 ** (2 / 3)], min_length=1, max_length=16)
    ratios: list[tuple[float, float]] = Field(
        default=[(1.0, 1.0), (1.4, 0.7), (0.7, 1.4)], min_length=1, max_length=16, description="[width, height] factors"
    )
    activation_in_graph: bool = False
    per_anchor: PerAnchor = "all"
    score_floor: Fraction = 0.01


class CandidatesDecode(Part):
    """What a form for GPUs leaves to the CPU: roles ``boxes`` ``[N, K, 4]`` (corners), ``scores`` ``[N, K]`` (best first), ``labels``
    ``[N, K]``, ``finite`` ``[N]`` (0 unless the graph met a NaN or infinity). Suppression follows."""

    kind: Literal["candidates"] = "candidates"
    boxes_in: BoxSpace = "input"
    cut: bool = Field(False, description="nms.clip holds for this family / nms.clip 적용 여부")
    score_floor: Fraction = 0.01


class InstanceDecode(Part):
    """Roles ``boxes`` and ``scores`` (or ``dets`` ``[N, K, 5]``), ``labels``, ``masks`` ``[N, K, h, w]``."""

    kind: Literal["instance"] = "instance"
    masks: Literal["box", "input"] = Field(description="a mask covers its box, or the whole input / 마스크가 덮는 범위")
    mask_threshold: float = 0.5
    boxes_in: BoxSpace = "input"
    activation_in_graph: bool = Field(True, description="of scores and masks / 점수와 마스크의 활성화 완료 여부")
    per_anchor: PerAnchor = "best"
    score_floor: Fraction = 0.01


class Calibration(Part):
    """norm = (raw - thr) / (max - min) + 0.5."""

    thr: float
    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> Calibration:
        if self.max <= self.min:
            raise ValueError("max must be more than min")
        return self


class AnomalyDecode(Part):
    """Roles ``map`` and ``score``. Raw and normalised scores are kept; ``thresholds.space`` says which of them is compared."""

    kind: Literal["anomaly"] = "anomaly"
    score: Literal["output", "max", "top_mean"] = Field(description="of the graph, or from the map / 점수의 출처")
    top_k: int = Field(1, ge=1, description="top_mean: how many pixels / 상위 픽셀 수")
    steps: list[Literal["upsample", "blur"]] = Field(
        default=[], max_length=8, description="of the map, in order, before the score is taken / 점수 계산 전 처리"
    )
    blur_sigma: float = Field(4.0, ge=0.1, le=64)
    space: Literal["norm", "raw"] = Field(description="what the graph gives / 그래프 출력의 공간")
    image: Calibration | None = None
    pixel: Calibration | None = None
    clamp: bool = Field(True, description="normalised values are cut to 0..1 / 0..1로 제한")
    mask_threshold: float = Field(0.5, description="of the map, in thresholds.space / 영역이 되는 지도 값")
    fill_holes: bool = False
    connectivity: Literal[4, 8] = 8


class EnhancementDecode(Part):
    """Role ``image``: a picture at the input's size times ``scale``."""

    kind: Literal["enhancement"] = "enhancement"
    scale: int = Field(1, ge=1, le=16)
    residual: bool = Field(False, description="the output is added to the input / 출력을 입력에 더함")
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    range: tuple[float, float] = Field((0.0, 1.0), description="black and white in the output / 출력의 검정과 흰색")
    bits: Literal[8, 16] = 8
    colour: Literal["RGB", "BGR", "GRAY"] = "RGB"

    @model_validator(mode="after")
    def _possible(self) -> EnhancementDecode:
        if self.residual and self.scale != 1:
            raise ValueError("residual needs scale 1")
        if self.range[1] <= self.range[0]:
            raise ValueError("range is [black, white], white above black")
        return self


FamilyDecode = (
    RtmdetDecode | RtdetrDecode | PpyoloeDecode | EfficientDetDecode | CandidatesDecode | InstanceDecode | AnomalyDecode | EnhancementDecode
)
