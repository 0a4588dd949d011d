"""Presets: the recipe of a model family, filled from the graph and a few options. What is assumed is said.

A preset refuses a graph that it cannot explain, with what it found and what it expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lnx.errors import LnxError
from lnx.manifest import (
    Cast,
    ClassificationDecode,
    Color,
    Crop,
    Graph,
    Label,
    Layout,
    Manifest,
    ModelInfo,
    Nms,
    Normalize,
    Resize,
    Rule,
    Scale,
    SegmentationDecode,
    TensorSpec,
    Thresholds,
    VerdictRules,
    YoloxDecode,
)
from lnx.pack.graph import GraphFile

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
COLORS = ("#808080", "#E6194B", "#F58231", "#FFE119", "#3CB44B", "#42D4F4", "#4363D8", "#911EB4", "#F032E6", "#9A6324")


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
    pad: int | None = Field(None, description="grey level of letterbox margins")
    resize_short: int | None = Field(None, description="imagenet: short side before the crop; default size / 0.875")
    activation: Literal["none", "softmax", "sigmoid"] | None = Field(None, description="what the graph leaves to be applied")
    decoded: bool | None = Field(None, description="yolox: boxes are already in pixels of the input")
    threshold: float | None = Field(None, description="score from which a finding counts")
    guard: float = Field(0.0, description="half width of the REVIEW strip")
    iou: float | None = Field(None, description="yolox: overlap above which the weaker box goes")
    mask_threshold: float = Field(0.5, description="binary segmentation: probability from which a pixel is foreground")
    min_area_px: float = Field(0.0, description="smallest finding that counts")
    ok: list[str] | None = Field(None, description="classification: labels that mean OK")
    ng: list[str] | None = Field(None, description="labels that mean NG; default: every finding, or every label that is not OK")
    batch: list[int] | None = Field(None, description="batch sizes to warm up")


class Draft:
    """A manifest being filled, with everything that was assumed on the way."""

    def __init__(self, graph: GraphFile, labels: list[str], options: PresetOptions, info: ModelInfo) -> None:
        self.graph = graph
        self.options = options
        self.info = info
        self.assumptions: list[str] = []
        self.labels = [Label(id=i, name=name, color=COLORS[i % len(COLORS)]) for i, name in enumerate(labels)]

    def refuse(self, found: str, expected: str) -> LnxError:
        return LnxError(223, found=found, expected=expected, where=str(self.graph.path), fix="use the preset of the model's family")

    def assume(self, what: str, given: Any, default: Any) -> Any:
        """The option, or the default, which is then an assumption to be told."""
        if given is not None:
            return given
        self.assumptions.append(f"{what}: {default}")
        return default

    def input(self) -> TensorSpec:
        if len(self.graph.inputs) != 1:
            raise self.refuse(f"{len(self.graph.inputs)} inputs", "one image input")
        spec = self.graph.inputs[0]
        if len(spec.shape) != 4 or spec.dtype not in ("f32", "f16", "u8"):
            raise self.refuse(f'input "{spec.name}" {spec.dtype} {spec.shape}', "f32, f16 or u8 of rank 4")
        nchw = spec.shape[1] in (1, 3) or spec.shape[3] not in (1, 3)
        spec.layout = "NCHW" if nchw else "NHWC"
        return spec

    def channels(self) -> int:
        spec = self.input()
        side = spec.shape[1 if spec.layout == "NCHW" else 3]
        return side if isinstance(side, int) else 3

    def size(self) -> tuple[int, int]:
        """Width and height of the input."""
        spec = self.input()
        height, width = (spec.shape[2], spec.shape[3]) if spec.layout == "NCHW" else (spec.shape[1], spec.shape[2])
        if self.options.size:
            wanted = self.options.size
            for have, want in ((width, wanted[0]), (height, wanted[1])):
                if isinstance(have, int) and have != want:
                    raise self.refuse(f"an input of {width} x {height}", f"--size {wanted[0]}x{wanted[1]}")
            return wanted
        if not isinstance(width, int) or not isinstance(height, int):
            raise self.refuse(f"an input whose size is open ({width} x {height})", "a fixed size, or --size WIDTHxHEIGHT")
        return width, height

    def pre(self, *, colour: str, scale: float, mean: list[float], std: list[float], resize: str, pad: int = 114) -> list[Any]:
        """The list of ops for the usual course: colour, resize, cast, scale, normalise, layout."""
        o = self.options
        size = self.size()
        order = "GRAY" if self.channels() == 1 else self.assume("channel order", o.colour, colour)
        kind = self.assume("resize", o.resize, resize)
        ops: list[Any] = [Color(to=order)]
        if kind == "imagenet":
            lib, interp = self.assume("resize library", o.lib, "pil"), self.assume("interpolation", o.interp, "linear")
            short = self.assume("short side before the crop", o.resize_short, round(min(size) / 0.875))
            ops += [
                Resize(mode="short_side", size=(short, short), interp=interp, lib=lib, rounding="floor"),
                Crop(mode="center", size=size, rounding="half_even"),
            ]
        elif kind != "none":
            lib, interp = self.assume("resize library", o.lib, "opencv"), self.assume("interpolation", o.interp, "linear")
            mode: Any = "stretch" if kind == "stretch" else "letterbox"
            grey = self.assume("letterbox grey", o.pad, pad) if mode == "letterbox" else pad
            anchor: Any = "top_left" if kind == "letterbox_top_left" else "center"
            ops.append(Resize(mode=mode, size=size, interp=interp, lib=lib, anchor=anchor, pad=[grey]))
        spec = self.input()
        ops.append(Cast(to=spec.dtype))
        if spec.dtype != "u8":
            factor = self.assume("scale", o.scale, scale)
            if factor != 1.0:
                ops.append(Scale(mul=factor))
            means, deviations = self.assume("mean", o.mean, mean), self.assume("std", o.std, std)
            if any(v != 0 for v in means) or any(v != 1 for v in deviations):
                ops.append(Normalize(mean=means, std=deviations))
        ops.append(Layout(to=spec.layout or "NCHW"))
        return ops

    def require_labels(self, classes: int | str, extra: str = "") -> None:
        if isinstance(classes, int) and classes != len(self.labels):
            raise self.refuse(f"{classes} classes in the output", f"{len(self.labels)} labels were given{extra}")

    def ids(self, names: list[str]) -> list[int]:
        known = {label.name: label.id for label in self.labels}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise LnxError(103, found=", ".join(unknown), expected=", ".join(known), where="label names for the verdict")
        return [known[name] for name in names]

    def manifest(self, task: Any, pre: list[Any], decode: Any, verdict: VerdictRules, threshold: float, nms: Nms | None = None) -> Manifest:
        spec = self.input()
        batch = self.options.batch or [1]
        for label in self.labels:
            label.min_area_px = self.options.min_area_px
        graph = Graph(
            file="model.onnx",
            weights="weights.bin" if self.graph.weights is not None else None,
            weights_location=self.graph.weights_location,
            inputs=[spec],
            outputs=self.graph.outputs,
            batch=batch,
        )
        return Manifest(
            model=self.info,
            task=task,
            graphs=[graph],
            pre=pre,
            decode=decode,
            nms=nms or Nms(),
            labels=self.labels,
            thresholds=Thresholds(score=threshold, guard=self.options.guard),
            verdict=verdict,
        )


def _classification(draft: Draft) -> Manifest:
    """Classifiers (ConvNeXt, ResNet, ...): [N, C] scores; ImageNet preprocessing unless told otherwise."""
    shape = draft.graph.outputs[0].shape
    if len(shape) != 2 and shape[2:] != [1, 1]:
        raise draft.refuse(f"an output of shape {shape}", "[N, C]")
    draft.require_labels(shape[1])
    o = draft.options
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="imagenet")
    activation = draft.assume("activation left to apply", o.activation, "softmax")
    verdict = VerdictRules()
    if o.ok or o.ng:
        ng = o.ng or [label.name for label in draft.labels if label.name not in (o.ok or [])]
        verdict = VerdictRules(rules=[Rule(kind="score", labels=draft.ids(ng), then="NG")], otherwise="OK")
    else:
        draft.assumptions.append("verdict: UNDEFINED (give --ok or --ng labels for OK/NG)")
    return draft.manifest(
        "classification",
        pre,
        ClassificationDecode(activation=activation),
        verdict,
        o.threshold if o.threshold is not None else 0.5,
    )


def _yolox(draft: Draft) -> Manifest:
    """YOLOX detectors: [N, anchors, 5 + C]; BGR, 0..255, letterbox at the top left with grey 114 unless told otherwise."""
    shape = draft.graph.outputs[0].shape
    if len(shape) != 3 or not isinstance(shape[2], int) or shape[2] < 6:
        raise draft.refuse(f"an output of shape {shape}", "[N, anchors, 5 + classes]")
    draft.require_labels(shape[2] - 5)
    o = draft.options
    pre = draft.pre(colour="BGR", scale=1.0, mean=[0.0], std=[1.0], resize="letterbox_top_left")
    decoded = draft.assume("boxes decoded in the graph", o.decoded, True)
    activated = draft.assume("activation left to apply", o.activation, "none") == "none"
    verdict = VerdictRules(rules=[Rule(kind="count", labels=draft.ids(o.ng or []), at_least=1, then="NG")], otherwise="OK")
    nms = Nms(iou=draft.assume("NMS overlap", o.iou, 0.65))
    threshold = draft.assume("threshold", o.threshold, 0.5)
    decode = YoloxDecode(decoded_in_graph=decoded, activation_in_graph=activated)
    return draft.manifest("detection", pre, decode, verdict, threshold, nms)


def _segmentation(draft: Draft) -> Manifest:
    """Semantic segmentation: [N, C, H, W] (or NHWC) maps; one channel = binary with labels background, defect."""
    shape = draft.graph.outputs[0].shape
    if len(shape) != 4:
        raise draft.refuse(f"an output of shape {shape}", "[N, C, H, W]")
    o = draft.options
    last = isinstance(shape[3], int) and not (isinstance(shape[1], int) and shape[1] <= shape[3]) and shape[3] == len(draft.labels)
    channels = shape[3] if last else shape[1]
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="stretch")
    if channels == 1:
        if len(draft.labels) != 2:
            raise draft.refuse("one output channel", f"two labels (background, defect); {len(draft.labels)} were given")
        activation = draft.assume("activation left to apply", o.activation, "none")
        mode: Any = "binary"
    else:
        draft.require_labels(channels, " (the background is one of them)")
        activation = draft.assume("activation left to apply", o.activation, "softmax")
        mode = "multi_class"
        draft.assumptions.append(f'background: "{draft.labels[0].name}"')
    decode = SegmentationDecode(mode=mode, activation=activation, layout="NHWC" if last else "NCHW", mask_threshold=o.mask_threshold)
    wanted = draft.ids(o.ng or []) or [label.id for label in draft.labels[1:]]
    verdict = VerdictRules(rules=[Rule(kind="count", labels=wanted, at_least=1, then="NG")], otherwise="OK")
    return draft.manifest("segmentation", pre, decode, verdict, o.threshold if o.threshold is not None else 0.5)


PRESETS: dict[str, Callable[[Draft], Manifest]] = {
    "classification": _classification,
    "yolox": _yolox,
    "segmentation": _segmentation,
}


def describe_presets() -> dict[str, str]:
    """Name of each preset, and what it is for."""
    return {name: (preset.__doc__ or "").strip() for name, preset in PRESETS.items()}
