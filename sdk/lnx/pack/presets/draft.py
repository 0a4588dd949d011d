"""A manifest being filled from a graph and a few options, with everything that was assumed on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from lnx.errors import LnxError
from lnx.manifest import (
    Cast,
    Color,
    Crop,
    Graph,
    Input,
    Label,
    Layout,
    Manifest,
    ModelInfo,
    Nms,
    Normalize,
    Resize,
    Rule,
    Scale,
    TensorSpec,
    Thresholds,
    Tiling,
    Tolerance,
    VerdictRules,
)
from lnx.pack.graph import GraphFile
from lnx.pack.presets.options import PresetOptions

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
COLORS = ("#808080", "#E6194B", "#F58231", "#FFE119", "#3CB44B", "#42D4F4", "#4363D8", "#911EB4", "#F032E6", "#9A6324")
# Inputs beside the image, by the names that the exporters give them. Sizes are those of the input, so that boxes come back in its pixels.
SIZE_INPUTS = {"orig_target_sizes": "input_wh", "im_shape": "input_hw", "scale_factor": "scale_hw"}


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

    def say(self, what: str, value: str) -> str:
        """A value that was concluded, which is told as an assumption."""
        self.assumptions.append(f"{what}: {value}")
        return value

    def set_role(self, spec: TensorSpec, role: str) -> TensorSpec:
        """Gives an output its meaning."""
        spec.role = self.say(f'output "{spec.name}"', role)
        return spec

    def one(self, role: str, fits: Callable[[TensorSpec], bool], expected: str, names: tuple[str, ...] = ()) -> TensorSpec:
        """The one output with a role: as told, else by name, else the only one that fits."""
        told = {name for name, said in (self.options.roles or {}).items() if said == role}
        free = [spec for spec in self.graph.outputs if spec.role is None]
        found = [spec for spec in free if spec.name in told] if told else [spec for spec in free if fits(spec)]
        if len(found) > 1:
            found = [spec for spec in found if any(name in spec.name.lower() for name in names)] or found
        if len(found) != 1:
            shapes = ", ".join(f"{spec.name} {spec.dtype} {spec.shape}" for spec in self.graph.outputs)
            raise self.refuse(f'{len(found)} outputs that may be "{role}" among {shapes}', f"{expected} (or --set roles={{...}})")
        return self.set_role(found[0], role)

    def nms(self, iou: float, pre_top_k: int = 1000, most: int = 300, clip: Literal["image", "input"] | None = None) -> Nms:
        o = self.options
        where: Any = None if clip is None else self.assume("boxes are cut at the", o.clip_to, clip)
        return Nms(
            iou=self.assume("NMS overlap", o.iou, iou),
            pre_top_k=self.assume("NMS candidates", o.pre_top_k, pre_top_k),
            max=self.assume("most objects", o.max_objects, most),
            clip=where is not None,
            clip_to=where or "image",
        )

    def found_is_ng(self) -> VerdictRules:
        """One object of the NG labels (default: of any) is NG."""
        return VerdictRules(rules=[Rule(kind="count", labels=self.ids(self.options.ng or []), at_least=1, then="NG")], otherwise="OK")

    def side(self, spec: TensorSpec, axis: int) -> int | None:
        """A fixed side of a tensor; None when it is open."""
        side = spec.shape[axis]
        return side if isinstance(side, int) else None

    def input(self) -> TensorSpec:
        """The input that takes the image. The others get their meaning from their names, or from the option ``roles``."""
        told = self.options.roles or {}
        known = {spec.name: told.get(spec.name) or SIZE_INPUTS.get(spec.name, "image") for spec in self.graph.inputs}
        images = [spec for spec in self.graph.inputs if known[spec.name] == "image"]
        if len(images) != 1:
            names = ", ".join(spec.name for spec in self.graph.inputs)
            raise self.refuse(f"inputs {names}", "one image input (say the others with --set roles={...})")
        for spec in self.graph.inputs:
            if spec is not images[0] and spec.role is None:
                spec.role = self.say(f'input "{spec.name}"', known[spec.name])
        spec = images[0]
        spec.role = None if len(self.graph.inputs) == 1 else "image"
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

    def pre(
        self,
        *,
        colour: str,
        scale: float,
        mean: list[float],
        std: list[float],
        resize: str,
        lib: str = "opencv",
        pad: int | list[int] = 114,
        rounding: str = "round",
        back: str = "ratio",
        divide: bool = True,
    ) -> list[Any]:
        """The list of ops for the usual course: colour, resize, cast, scale, normalise, layout.

        ``divide``: the family's project divides by 1 / scale, which rounds otherwise than multiplying by it.
        """
        o = self.options
        size = self.size()
        order = "GRAY" if self.channels() == 1 else self.assume("channel order", o.colour, colour)
        kind = self.assume("resize", o.resize, resize)
        ops: list[Any] = [Color(to=order)]
        if kind == "imagenet":
            lib, interp = self.assume("resize library", o.lib, "pil"), self.assume("interpolation", o.interp, "linear")
            short = self.assume("short side before the crop", o.resize_short, round(max(size) / 0.875))
            if short < max(size):  # a square picture would be smaller than what is cut out of it
                raise self.refuse(f"resize_short {short}", f"at least {max(size)}, the longer side of the crop {size[0]} x {size[1]}")
            ops += [
                Resize(mode="short_side", size=(short, short), interp=interp, lib=lib, rounding=o.rounding or "floor"),
                Crop(mode="center", size=size, rounding=o.crop or "half_even"),
            ]
        elif kind != "none":
            lib, interp = self.assume("resize library", o.lib, lib), self.assume("interpolation", o.interp, "linear")
            mode: Any = "stretch" if kind == "stretch" else "letterbox"
            shade = [o.pad] if o.pad is not None else pad if isinstance(pad, list) else [pad]
            if mode == "letterbox" and o.pad is None and not isinstance(pad, list):
                self.say("letterbox grey", str(pad))
            anchor: Any = "top_left" if kind == "letterbox_top_left" else "center"
            whole: Any = self.assume("rounding of the size", o.rounding, rounding) if mode == "letterbox" else "round"
            way: Any = self.assume("results return by the", o.back, back) if mode == "letterbox" else "ratio"
            ops.append(Resize(mode=mode, size=size, interp=interp, lib=lib, anchor=anchor, back=way, pad=shade, rounding=whole))
        spec = self.input()
        ops.append(Cast(to=spec.dtype))
        if spec.dtype != "u8":
            factor = self.assume("scale", o.scale, scale * 255 / 65535 if o.depth == 16 else scale)
            if factor != 1.0:
                ops.append(Scale(div=1 / factor) if divide and o.scale is None else Scale(mul=factor))
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

    def manifest(
        self,
        task: Any,
        pre: list[Any],
        decode: Any,
        verdict: VerdictRules,
        threshold: float,
        nms: Nms | None = None,
        space: Literal["raw", "norm"] = "raw",
    ) -> Manifest:
        self.input()
        batch = self.options.batch or [1]
        for label in self.labels:
            label.min_area_px = self.options.min_area_px
        graph = Graph(
            file="model.onnx",
            weights="weights.bin" if self.graph.weights is not None else None,
            weights_location=self.graph.weights_location,
            inputs=self.graph.inputs,
            outputs=self.graph.outputs,
            batch=batch,
        )
        return Manifest(
            model=self.info,
            task=task,
            graphs=[graph],
            input=Input(depth=16 if self.options.depth == 16 else None),
            pre=pre,
            decode=decode,
            nms=nms or Nms(),
            labels=self.labels,
            thresholds=Thresholds(space=space, score=threshold, guard=self.options.guard),
            verdict=verdict,
            tolerance=self._tolerance(pre),
            tiling=Tiling(size=self.options.tile, overlap=self.options.tile_overlap) if self.options.tile else None,
        )

    def _tolerance(self, pre: list[Any]) -> Tolerance:
        """The core's cubic and area resizing is within one grey level of OpenCV's, not bit for bit."""
        loose = any(isinstance(op, Resize) and op.lib == "opencv" and op.interp in ("cubic", "area") for op in pre)
        if not loose:
            return Tolerance()
        factor = next((abs(float(op.apply(np.ones(1, np.float32))[0])) for op in pre if isinstance(op, Scale)), 1.0)
        factor /= min((min(op.std) for op in pre if isinstance(op, Normalize)), default=1.0)
        self.say("tolerance of the self-test, preprocessing", f"one grey level ({factor:.3g}), for cubic and area")
        return Tolerance(pre=1.01 * factor)
