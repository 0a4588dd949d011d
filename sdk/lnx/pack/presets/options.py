"""What can be told to a preset."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PresetOptions(BaseModel):
    """What can be told to a preset; None = the family's own default."""

    model_config = ConfigDict(extra="forbid")

    colour: Literal["RGB", "BGR", "GRAY"] | None = Field(None, description="channel order that the model was trained with")
    scale: float | None = Field(None, description="factor for 0..255 values, e.g. 0.00392156862745098 for 1/255")
    mean: list[float] | None = Field(None, description="mean after scaling")
    std: list[float] | None = Field(None, description="standard deviation after scaling")
    size: tuple[int, int] | None = Field(None, description="[width, height] of the input when the graph does not fix it")
    resize: Literal["stretch", "letterbox", "letterbox_top_left", "imagenet", "none"] | None = Field(
        None, description="how images reach the size"
    )
    interp: Literal["nearest", "linear", "cubic", "area"] | None = None
    lib: Literal["opencv", "pil"] | None = Field(None, description="whose resize the training used")
    rounding: Literal["round", "floor"] | None = Field(None, description="of the size that keeps the ratio, letterbox and imagenet")
    back: Literal["ratio", "size"] | None = Field(None, description="letterbox: results return by the ratio, or by the rounded size")
    pad: int | None = Field(None, description="grey level of letterbox margins")
    crop: Literal["half_even", "floor"] | None = Field(
        None, description="imagenet: where the middle is that is cut out: half_even (torchvision, timm), floor (transformers, PaddleClas)"
    )
    resize_short: int | None = Field(None, description="imagenet: short side before the crop; default size / 0.875")
    activation: Literal["none", "softmax", "sigmoid"] | None = Field(None, description="what the graph leaves to be applied")
    decoded: bool | None = Field(None, description="yolox: boxes are already in pixels of the input")
    classes_per_anchor: Literal["best", "all"] | None = Field(None, description="detectors: what an anchor may report")
    tile: tuple[int, int] | None = Field(None, description="[width, height] of the tiles that larger images go through in")
    tile_overlap: float = Field(0.2, ge=0, le=0.75, description="share of a tile that its neighbour repeats")
    pre_top_k: int | None = Field(None, description="detectors: candidates that suppression compares")
    max_objects: int | None = Field(None, description="detectors: most objects per image")
    clip_to: Literal["image", "input"] | None = Field(None, description="rtmdet, efficientdet: where boxes are cut before suppression")
    distances: Literal["pixels", "strides"] | None = Field(None, description="rtmdet: unit of the distances")
    strides: list[int] | None = Field(None, description="detectors: strides of the levels, when they cannot be read from the graph")
    coding: Literal["yxhw", "xywh"] | None = Field(None, description="efficientdet: order of the box codes")
    variances: list[float] | None = Field(None, description="efficientdet: factors of the box codes")
    anchor_scale: float | None = Field(None, description="efficientdet: anchor side / stride")
    masks: Literal["box", "input"] | None = Field(None, description="instance: what a mask covers")
    first_id: int = Field(0, ge=0, le=1, description="instance: number that the graph gives to the first label (1 where 0 is background)")
    multi_label: bool = Field(False, description="classification, segmentation: several classes at once, by sigmoid")
    roles: dict[str, str] | None = Field(None, description="meaning of inputs and outputs by name, where the preset cannot tell")
    score: Literal["output", "max", "top_mean"] | None = Field(None, description="anomaly: where the image score comes from")
    top_k: int | None = Field(None, description="anomaly: pixels that top_mean takes; rtdetr: queries kept")
    steps: list[Literal["upsample", "blur"]] | None = Field(None, description="anomaly: what happens to the map before the score is taken")
    blur_sigma: float | None = Field(None, description="anomaly: of the blur, in pixels of the map at that point")
    graph_space: Literal["raw", "norm"] | None = Field(None, description="anomaly: what the graph gives")
    space: Literal["raw", "norm"] | None = Field(None, description="anomaly: what thresholds are compared with")
    image_calibration: tuple[float, float, float] | None = Field(None, description="anomaly: thr, min, max of the image score")
    pixel_calibration: tuple[float, float, float] | None = Field(None, description="anomaly: thr, min, max of the map")
    upscale: int | None = Field(None, description="enhancement: output side / input side")
    residual: bool | None = Field(None, description="enhancement: the output is added to the input")
    range: tuple[float, float] | None = Field(None, description="enhancement: black and white in the output")
    depth: Literal[8, 16] | None = Field(None, description="16: a gray model of 16-bit values; scale and mean speak of 0..65535")
    bits: Literal[8, 16] | None = Field(None, description="enhancement: of the picture that comes out")
    threshold: float | None = Field(None, description="score from which a finding counts")
    guard: float = Field(0.0, description="half width of the REVIEW strip")
    iou: float | None = Field(None, description="detectors: overlap above which the weaker box goes")
    mask_threshold: float = Field(0.5, description="binary segmentation: probability from which a pixel is foreground")
    min_area_px: float = Field(0.0, description="smallest finding that counts")
    ok: list[str] | None = Field(None, description="classification: labels that mean OK")
    ng: list[str] | None = Field(None, description="labels that mean NG; default: every finding, or every label that is not OK")
    batch: list[int] | None = Field(None, description="batch sizes to warm up")
