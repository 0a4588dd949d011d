"""Manifest schema 1.0. Field names are the JSON names; descriptions become ``docs/reference/manifest.md``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lnx.manifest.families import (
    AnomalyDecode,
    CandidatesDecode,
    EfficientDetDecode,
    EnhancementDecode,
    InstanceDecode,
    PpyoloeDecode,
    RtdetrDecode,
    RtmdetDecode,
)
from lnx.manifest.part import Fraction, Part, Side
from lnx.manifest.preprocessing import PreOp
from lnx.manifest.stages import ClassifyStage, OcrDecode

DType = Literal["f32", "f16", "u8", "i32", "i64", "u16", "bool"]
PixelFormat = Literal["GRAY8", "GRAY16", "BGR8", "RGB8", "BGRA8", "RGBA8"]
CameraFormat = Literal[
    "GRAY10P",
    "GRAY12P",
    "BAYER_RG8",
    "BAYER_BG8",
    "BAYER_GR8",
    "BAYER_GB8",
    "BAYER_RG16",
    "BAYER_BG16",
    "BAYER_GR16",
    "BAYER_GB16",
    "NV12",
    "F32_PLANAR",
    "F32_GRAY",
]
VerdictName = Literal["OK", "NG", "REVIEW", "UNDEFINED"]


class ModelInfo(Part):
    """Which model this is."""

    name: str = Field(min_length=1, max_length=200, description="short name, e.g. cap-scratch / 모델 이름")
    version: str = Field(min_length=1, max_length=64, description="version of the model / 모델 버전")
    title: str = Field("", description="title for people / 표시 이름")
    trainer: str = Field("", description="what trained it / 학습 도구")
    created: str = Field("", description="time of packing, ISO 8601 / 생성 시각")
    uid: str = Field("", description="unique id of this packing / 고유 ID")
    attribution: str = Field("", description="the programme that supported the development; the packer writes it / 지원 사업 표시")


class TensorSpec(Part):
    """One input or output of the graph."""

    name: str
    dtype: DType
    shape: list[Annotated[int, Field(ge=1)] | str] = Field(max_length=8, description="a text names a dynamic axis / 가변 축은 이름")
    layout: Literal["NCHW", "NHWC"] | None = Field(None, description="inputs only / 입력 전용")
    role: str | None = Field(
        None,
        description="inputs: image, input_wh, input_hw, image_wh, image_hw, scale_hw, ones; outputs: as the decoder says / 텐서의 의미",
    )


class Graph(Part):
    """An ONNX graph inside the container."""

    id: str = "main"
    file: str = Field("model.onnx", description="entry of the container / 컨테이너 항목")
    weights: str | None = Field(None, description="entry of external weights / 외부 가중치 항목")
    weights_location: str | None = Field(None, description="file name by which the graph refers to them")
    inputs: list[TensorSpec] = Field(min_length=1)
    outputs: list[TensorSpec] = Field(min_length=1)
    batch: list[Annotated[int, Field(ge=1, le=64)]] = Field(default=[1], description="batch sizes to warm up / 예열할 배치 크기")
    pre: list[PreOp] | None = Field(None, description="of every graph but the first / 첫 그래프를 제외한 그래프의 전처리")


class Window(Part):
    """16-bit values lo..hi become 0..255."""

    lo: int = Field(0, ge=0, le=65534)
    hi: int = Field(65535, ge=1, le=65535)

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.hi <= self.lo:
            raise ValueError("hi must be more than lo")
        return self


class Input(Part):
    """What images the model takes."""

    accept: list[PixelFormat | CameraFormat] = Field(default=[], description="empty = all / 비어 있으면 모두 허용")
    window: Window | None = Field(None, description="for 16-bit images; absent = the valid bits / 16비트 이미지의 밝기 구간")
    depth: Literal[8, 16] | None = Field(
        None, description="16: gray values reach the cast as 0..65535 instead of 0..255 / 전처리 화소 비트 수"
    )


class ClassificationDecode(Part):
    """[N, C] logits or probabilities."""

    kind: Literal["classification"] = "classification"
    activation: Literal["none", "softmax", "sigmoid"] = Field("softmax", description="what is still to be applied / 적용할 활성화 함수")
    multi_label: bool = Field(False, description="classes do not exclude each other; verdict rules look at every class either way")
    top_k: int = Field(5, ge=1, le=65536)


class YoloxDecode(Part):
    """[N, anchors, 5 + C]: cx, cy, w, h, objectness, classes."""

    kind: Literal["yolox"] = "yolox"
    strides: list[int] = Field(default=[8, 16, 32])
    decoded_in_graph: bool = True
    activation_in_graph: bool = True
    score_floor: Fraction = 0.01


class SegmentationDecode(Part):
    """[N, C, H, W] or [N, H, W, C] maps."""

    kind: Literal["segmentation"] = "segmentation"
    mode: Literal["binary", "multi_class", "multi_label"]
    activation: Literal["none", "softmax", "sigmoid"]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mask_threshold: Fraction = 0.5
    background: int = Field(0, ge=-1)
    fill_holes: bool = False
    connectivity: Literal[4, 8] = 8


Decode = Annotated[
    ClassificationDecode
    | YoloxDecode
    | SegmentationDecode
    | RtmdetDecode
    | RtdetrDecode
    | PpyoloeDecode
    | EfficientDetDecode
    | CandidatesDecode
    | InstanceDecode
    | AnomalyDecode
    | EnhancementDecode
    | OcrDecode,
    Field(discriminator="kind"),
]
TASK_OF = {
    "classification": "classification",
    "yolox": "detection",
    "rtmdet": "detection",
    "rtdetr": "detection",
    "ppyoloe": "detection",
    "efficientdet": "detection",
    "candidates": "detection",
    "instance": "detection",
    "segmentation": "segmentation",
    "anomaly": "anomaly",
    "enhancement": "enhancement",
    "ocr": "ocr",
}


class Nms(Part):
    """Suppression of overlapping boxes."""

    kind: Literal["class_aware", "class_agnostic"] = "class_aware"
    iou: Fraction = 0.65
    pre_top_k: int = Field(1000, ge=1, le=100000)
    max: int = Field(300, ge=1, le=10000)
    clip: bool = Field(False, description="cut boxes before they are compared (rtmdet, efficientdet) / 비교 전 경계로 자름")
    clip_to: Literal["image", "input"] = Field("image", description="where: margins of a letterbox excluded, or included / 자르는 경계")


class Label(Part):
    """A class of the model."""

    id: int = Field(ge=0)
    name: str = Field(min_length=1)
    name_ko: str | None = None
    color: str = Field("#FF3030", pattern=r"^#[0-9A-Fa-f]{6}$")
    threshold: float | None = Field(None, description="absent = thresholds.score / 없으면 전체 임계값")
    min_area_px: float = Field(0, ge=0, description="smallest area that counts, full-image pixels / 최소 면적")


class Thresholds(Part):
    """Where NG begins, and the strip around it that gives REVIEW."""

    space: Literal["raw", "norm"] = "raw"
    score: float = 0.5
    guard: float = Field(0.0, ge=0, description="half width of the guard band / 재검 구간의 반폭")


class Rule(Part):
    """A rule of the verdict; the first that fires decides."""

    kind: Literal["score", "count", "area", "top_below"]
    labels: list[int] = Field(default=[], description="label ids; empty = all / 비어 있으면 모두")
    at_least: float = Field(1, ge=0)
    then: VerdictName


class VerdictRules(Part):
    """From what was found to OK, NG or REVIEW."""

    rules: list[Rule] = Field(default=[])
    otherwise: VerdictName = "UNDEFINED"


class Golden(Part):
    """An image with what it gave when the model was packed."""

    image: str = ""
    pixels: str
    width: Side
    height: Side
    format: PixelFormat
    tensor: str
    outputs: list[str]
    result: str


class FormGolden(Part):
    """What a golden image gives in the form for GPUs."""

    tensor: str
    outputs: list[str]


class GpuForm(Part):
    """The first graph as a GPU likes it: 8-bit input, the rest of the preprocessing and the summing up of outputs in the graph."""

    file: str = Field("gpu_form.onnx", description="entry: a GraphProto in place of the graph's inputs and outputs / 컨테이너 항목")
    inputs: list[TensorSpec] = Field(min_length=1)
    outputs: list[TensorSpec] = Field(min_length=1)
    pre: list[PreOp]
    decode: Decode | None = Field(None, description="absent = as of the graph / 없으면 원래 그래프와 동일")
    golden: list[FormGolden] = Field(default=[])


class Tolerance(Part):
    """Largest differences that the self-test accepts."""

    pre: float = Field(1e-5, ge=0)
    model: float = Field(1e-4, ge=0)
    post: float = Field(1e-3, ge=0)


class Limits(Part):
    """Sizes of image that the model takes."""

    min_width: Side = 1
    min_height: Side = 1
    max_width: Side = 30000
    max_height: Side = 30000


class Tiling(Part):
    """Larger images go through the model in tiles: objects are merged, maps and pictures blended. Not for classification and text."""

    size: tuple[Side, Side] = Field(description="[width, height] in pixels of the image / 타일 크기")
    overlap: float = Field(
        0.2,
        ge=0,
        le=0.75,
        description="share that neighbours repeat: as large as the largest object; maps: 4 x what a model sees around a pixel / 겹침 비율",
    )


class Manifest(Part):
    """The whole recipe."""

    schema_: str = Field("1.0", alias="schema", pattern=r"^1\.\d+$")
    model: ModelInfo
    min_core: str = "1.0.0"
    task: Literal["classification", "detection", "segmentation", "anomaly", "enhancement", "ocr"]
    graphs: list[Graph] = Field(min_length=1, max_length=8, description="the first is run first / 첫 그래프부터 실행")
    input: Input = Input()
    pre: list[PreOp]
    decode: Decode
    stages: list[ClassifyStage] = Field(default=[], max_length=8, description="after decode, in order / 후속 단계")
    nms: Nms = Nms()
    labels: list[Label]
    thresholds: Thresholds = Thresholds()
    verdict: VerdictRules = VerdictRules()
    golden: list[Golden] = Field(default=[])
    tolerance: Tolerance = Tolerance()
    limits: Limits = Limits()
    tiling: Tiling | None = None
    gpu_form: GpuForm | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        if TASK_OF[self.decode.kind] != self.task:
            raise ValueError(f"decode.kind is {self.decode.kind}, but the task is {self.task}")
        ids = [label.id for label in self.labels]
        if len(ids) != len(set(ids)):
            raise ValueError("two labels have the same id")
        for rule in self.verdict.rules:
            unknown = set(rule.labels) - set(ids)
            if unknown:
                raise ValueError(f"a rule names label ids that do not exist: {sorted(unknown)}")
        if self.tiling is not None and self.task in ("classification", "ocr"):
            raise ValueError(f"tiling is not for {self.task}")
        for stage in self.stages:
            unknown = {*stage.on, *stage.label_ids} - set(ids)
            if unknown:
                raise ValueError(f"a stage names label ids that do not exist: {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _every_graph_is_used(self) -> Manifest:
        names = [graph.id for graph in self.graphs]
        used = [stage.graph for stage in self.stages]
        if isinstance(self.decode, OcrDecode):
            used += [part.graph for part in (self.decode.angle, self.decode.reader) if part is not None]
        if len(set(names)) != len(names):
            raise ValueError("two graphs have the same id")
        if set(used) != set(names[1:]):
            raise ValueError(f"graphs after the first are {names[1:]}, but used are {used}")
        if self.stages and self.task != "detection":
            raise ValueError(f"stages follow the task detection, not {self.task}")
        if any((graph.pre is None) != (i == 0) for i, graph in enumerate(self.graphs)):
            raise ValueError("the first graph's pre is the manifest's own; every other graph carries one")
        return self

    def in_gpu_form(self) -> Manifest:
        """As it reads when the first graph runs in its form for GPUs, which it must have."""
        form = self.gpu_form
        assert form is not None
        first = self.graphs[0].model_copy(update={"inputs": form.inputs, "outputs": form.outputs})
        pairs = zip(self.golden, form.golden, strict=True)
        golden = [one.model_copy(update={"tensor": own.tensor, "outputs": own.outputs}) for one, own in pairs]
        changes = {"graphs": [first, *self.graphs[1:]], "pre": form.pre, "decode": form.decode or self.decode, "golden": golden}
        return self.model_copy(update={**changes, "gpu_form": None})

    def graph(self, name: str) -> Graph:
        """The graph with this id."""
        return next(graph for graph in self.graphs if graph.id == name)

    def to_json(self) -> str:
        """The text that goes into the container."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
