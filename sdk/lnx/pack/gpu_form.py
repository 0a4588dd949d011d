"""The form for GPUs of a graph: what it is, whether it gives the same results, and when it is left out.

A camera picture is bytes. A model takes float32, four times as much, and may answer with megabytes of which a few kilobytes count. The form
lets the graph do the casting and, for detectors with dense heads, the choosing, so that the bus carries bytes in and kilobytes out. The
container keeps the graph as it came; the form is a small entry beside it that the core splices in (`native/src/runtime/graph_form.cpp`).

Invariant: a form is packed only after its results were compared with the plain ones, on the sample images or on made-up ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from lnx.errors import LnxError
from lnx.manifest import (
    CandidatesDecode,
    Cast,
    Color,
    Crop,
    EfficientDetDecode,
    EnhancementDecode,
    FormGolden,
    GpuForm,
    Layout,
    Manifest,
    OcrDecode,
    PpyoloeDecode,
    Resize,
    RtmdetDecode,
    TensorSpec,
    YoloxDecode,
)
from lnx.pack.form_anchors import efficientdet_tail, rtmdet_tail
from lnx.pack.form_nodes import TYPES, Nodes, head, ppyoloe_tail, yolox_tail
from lnx.pack.graph import GraphFile
from lnx.reference import ReferenceModel

Array = NDArray[Any]
MIN_OPSET = 11  # TopK, Slice and GatherElements as they are used here


@dataclass(frozen=True)
class FormFile:
    """A form: what the manifest says of it, and its GraphProto."""

    form: GpuForm
    content: bytes


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(spec.name, TYPES[spec.dtype], spec.shape)


def _input_size(manifest: Manifest) -> tuple[int, int] | None:
    """Width and height of the input, from the graph or from what the preprocessing makes; None when neither fixes them."""
    image = next(spec for spec in manifest.graphs[0].inputs if spec.role in (None, "image"))
    height, width = image.shape[2:4] if image.layout == "NCHW" else image.shape[1:3]
    if isinstance(height, int) and isinstance(width, int):
        return width, height
    return next((op.size for op in reversed(manifest.pre) if isinstance(op, (Resize, Crop)) and op.size), None)


def _tail(manifest: Manifest, opset: int) -> tuple[Nodes, list[TensorSpec]] | None:
    """What sums up the outputs, where that pays."""
    graph, options, size = manifest.graphs[0], manifest.decode, _input_size(manifest)
    if isinstance(options, YoloxDecode) and len(graph.outputs) == 1 and len(graph.outputs[0].shape) == 3:
        return None if size is None else yolox_tail(manifest, graph.outputs[0], size, opset)
    if isinstance(options, RtmdetDecode):
        return None if size is None else rtmdet_tail(manifest, options, size, opset)
    if isinstance(options, EfficientDetDecode):
        return None if size is None else efficientdet_tail(manifest, options, size, opset)
    if isinstance(options, PpyoloeDecode) and not options.nms_in_graph:
        by_role = {spec.role: spec for spec in graph.outputs}
        boxes, scores = by_role.get("boxes"), by_role.get("scores")
        if boxes is not None and scores is not None and len(graph.outputs) == 2:
            return ppyoloe_tail(manifest, boxes, scores, opset)
    return None


def make_form(manifest: Manifest, graph: GraphFile) -> FormFile | str:
    """The form of the first graph, or why there is none."""
    described = manifest.graphs[0]
    if isinstance(manifest.decode, OcrDecode):
        return "text is read from pictures of changing size"
    if isinstance(manifest.decode, EnhancementDecode) and manifest.decode.residual:
        return "the result is added to the float input"
    if manifest.input.depth == 16:
        return "the values are of 16 bits"
    if graph.opset < MIN_OPSET:
        return f"opset {graph.opset}, which is below {MIN_OPSET}"
    model = onnx.load_model_from_string(graph.content)
    if model.ir_version < 4:
        return f"IR version {model.ir_version}, which is below 4"
    image = next(spec for spec in described.inputs if spec.role in (None, "image"))
    if image.dtype not in ("f32", "f16"):
        return f"the input is {image.dtype} already"
    pixel_ops = [op for op in manifest.pre if isinstance(op, (Color, Crop, Resize))]
    value_ops = [op for op in manifest.pre if not isinstance(op, (Color, Crop, Resize, Layout))]
    layout = [op for op in manifest.pre if isinstance(op, Layout)]
    before, name = head(manifest, image, value_ops, graph.opset)
    inputs = [spec.model_copy(update={"name": name, "dtype": "u8"}) if spec is image else spec.model_copy() for spec in described.inputs]
    tail = _tail(manifest, graph.opset)
    outputs = tail[1] if tail else [spec.model_copy() for spec in described.outputs]
    nodes, weights = list(before.nodes), list(before.weights)
    if tail:
        nodes += tail[0].nodes
        weights += tail[0].weights
    piece = helper.make_graph(nodes, "", [_value(spec) for spec in inputs], [_value(spec) for spec in outputs], weights)
    piece.ClearField("name")
    decode: Any = None
    if tail:
        own = manifest.decode
        assert isinstance(own, (YoloxDecode, PpyoloeDecode, RtmdetDecode, EfficientDetDecode))
        space = own.boxes_in if isinstance(own, PpyoloeDecode) else "input"
        cut = isinstance(own, (RtmdetDecode, EfficientDetDecode))
        decode = CandidatesDecode(boxes_in=space, score_floor=own.score_floor, cut=cut)
    form = GpuForm(inputs=inputs, outputs=outputs, pre=[*pixel_ops, Cast(to="u8"), *layout], decode=decode)
    return FormFile(form, piece.SerializeToString())


def splice(onnx_file: bytes, form: bytes) -> bytes:
    """The plain twin of the core's splice: the graph with the form's nodes, in place of its own inputs and outputs."""
    model = onnx.load_model_from_string(onnx_file)
    piece = onnx.GraphProto()
    piece.ParseFromString(form)
    first = [node for node in piece.node if node.name.startswith("lnx_in")]
    nodes = [*first, *model.graph.node, *(node for node in piece.node if not node.name.startswith("lnx_in"))]
    for field in ("node", "input", "output"):
        model.graph.ClearField(field)
    model.graph.node.extend(nodes)
    model.graph.input.extend(piece.input)
    model.graph.output.extend(piece.output)
    model.graph.initializer.extend(piece.initializer)
    return bytes(model.SerializeToString())


def _nearest(expected: dict[str, Any], others: list[dict[str, Any]], side: float) -> float:
    """Difference to the most similar object of the same class: score, or corners relative to the image."""
    best = float("inf")
    for other in others:
        if other["class_id"] == expected["class_id"]:
            corners = np.abs(np.subtract(expected["box"], other["box"])).max() / side
            best = min(best, max(abs(expected["score"] - other["score"]), float(corners)))
    return best


def difference(plain: Any, form: Any, side: float) -> float:
    """Largest difference of two reference results: of the outputs where both have the same, else of what was decoded."""
    if [output.shape for output in plain.outputs] == [output.shape for output in form.outputs]:
        pairs = zip(plain.outputs, form.outputs, strict=True)
        return max(float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0)) for a, b in pairs)
    objects, others = plain.found["objects"], form.found["objects"]
    if len(objects) != len(others):
        return float("inf")
    return max((_nearest(item, others, side) for item in objects), default=0.0)


def made_up_images(manifest: Manifest) -> list[Array]:
    """Noise, for a model that comes without sample images."""
    width, height = (max(low, min(320, high)) for low, high in _limits(manifest))
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2)]


def _limits(manifest: Manifest) -> tuple[tuple[int, int], tuple[int, int]]:
    limits = manifest.limits
    return (limits.min_width, limits.max_width), (limits.min_height, limits.max_height)


def _compare(plain: ReferenceModel, other: ReferenceModel, manifest: Manifest, changed: Manifest, image: Array) -> tuple[str, Any]:
    """Runs both on an image: "" when they agree within the manifest's tolerances, else what differs; and what the form gave."""
    one, own = plain.run(manifest, image), other.run(changed, image)
    limit = manifest.tolerance.model if changed.decode is manifest.decode else manifest.tolerance.post
    found = difference(one, own, max(image.shape[:2]))
    return ("" if found <= limit else f"its results differ by {found:.3g}, more than {limit:.3g}"), own


def add_form(
    manifest: Manifest,
    graph: GraphFile,
    plain: ReferenceModel,
    others: Mapping[str, str | Path],
    images: Sequence[Array],
    entries: dict[str, bytes],
) -> str:
    """Adds the form to the manifest and to the entries. The reason when it is left out, else "".

    ``images``: those of the goldens, in their order; with none of them, noise is compared and nothing recorded.
    """
    made = make_form(manifest, graph)
    if isinstance(made, str):
        return made
    manifest.gpu_form = made.form
    made.form.golden = [FormGolden(tensor="", outputs=[]) for _ in manifest.golden]
    recorded: dict[str, bytes] = {made.form.file: made.content}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.onnx"
        path.write_bytes(splice(graph.content, made.content))
        if graph.weights is not None:
            (Path(folder) / str(graph.weights_location)).write_bytes(graph.weights)
        reason = ""
        try:
            other = ReferenceModel(path, others=others)
            changed = manifest.in_gpu_form()
            for i, image in enumerate(images or made_up_images(manifest)):
                reason, run = _compare(plain, other, manifest, changed, image)
                if reason:
                    break
                if i < len(manifest.golden):
                    base = f"golden/{i}.form"
                    names = [f"{base}.output{k}" for k in range(len(run.outputs))]
                    made.form.golden[i] = FormGolden(tensor=f"{base}.tensor", outputs=names)
                    recorded[f"{base}.tensor"] = run.tensor.tobytes()
                    recorded |= {name: output.astype(np.float32).tobytes() for name, output in zip(names, run.outputs, strict=True)}
        except LnxError as error:
            reason = f"it could not be tried: {error.found}"
        except Exception as error:  # onnxruntime raises its own kinds
            reason = f"it does not run: {str(error).splitlines()[0][:200]}"
    if reason:
        manifest.gpu_form = None
        return reason
    entries |= recorded
    return ""
