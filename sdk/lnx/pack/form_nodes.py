"""The nodes that a form for GPUs puts before and after a graph.

Before it: the value ops of the recipe (cast, scale, normalize) in the recipe's own order, so that the numbers that reach the graph are
those of the CPU's preprocessing bit for bit. After a detector: the numbers that suppression needs, for the best `K` anchors.

Invariants: every shape is fixed but for the batch; no op without a CUDA kernel (int64 only in TopK, ArgMax, Gather...); names begin with
``lnx_``, so that they meet no name of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lnx.manifest import Manifest, Normalize, PpyoloeDecode, Scale, TensorSpec, YoloxDecode
from lnx.manifest.preprocessing import PreOp

Array = NDArray[Any]
TYPES = {
    "f32": TensorProto.FLOAT,
    "f16": TensorProto.FLOAT16,
    "u8": TensorProto.UINT8,
    "u16": TensorProto.UINT16,
    "i32": TensorProto.INT32,
    "i64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}


MOST = 3000  # boxes that leave a graph at most; mmdetection's 30000 would be a megabyte again


def kept(manifest: Manifest, available: int) -> int:
    """How many boxes leave the graph."""
    return min(available, manifest.nms.pre_top_k, MOST)


class Nodes:
    """A list of nodes being written; every method adds one and gives the name of its output."""

    def __init__(self, prefix: str, opset: int) -> None:
        self.prefix, self.opset = prefix, opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def const(self, array: Array) -> str:
        name = f"{self.prefix}_c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        name = output or f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"{self.prefix}_n{len(self.nodes)}", **attributes))
        return name

    def whole(self, values: Sequence[int]) -> str:
        return self.const(np.array(values, np.int64))

    def part(self, x: str, begin: int, end: int, axis: int) -> str:
        return self.add("Slice", [x, self.whole([begin]), self.whole([end]), self.whole([axis])])

    def top(self, x: str, k: int, axis: int) -> tuple[str, str]:
        """Values and indices, best first, equal ones by index."""
        at = len(self.nodes)
        values, indices = f"{self.prefix}_{at}_values", f"{self.prefix}_{at}_indices"
        node = helper.make_node(
            "TopK", [x, self.whole([k])], [values, indices], name=f"{self.prefix}_n{at}", axis=axis, largest=1, sorted=1
        )
        self.nodes.append(node)
        return values, indices

    def cast(self, x: str, to: str, output: str = "") -> str:
        return self.add("Cast", [x], output, to=TYPES[to])

    def sum_of_rest(self, x: str, rank: int, output: str = "") -> str:
        """[N, ...] -> [N]."""
        axes = list(range(1, rank))
        if self.opset >= 13:
            return self.add("ReduceSum", [x, self.whole(axes)], output, keepdims=0)
        return self.add("ReduceSum", [x], output, axes=axes, keepdims=0)


def head(manifest: Manifest, spec: TensorSpec, ops: Sequence[PreOp], opset: int) -> tuple[Nodes, str]:
    """Cast, scale and normalize of the recipe from an 8-bit input to ``spec``; gives the name of that input."""
    n = Nodes("lnx_in", opset)
    name = f"{spec.name}_u8"
    channels = spec.shape[1 if spec.layout == "NCHW" else 3]
    shape = (1, -1, 1, 1) if spec.layout == "NCHW" else (1, 1, 1, -1)
    x = n.cast(name, "f32")
    for op in ops:
        if isinstance(op, Scale):
            factor = n.const(np.array(op.mul if op.div is None else op.div, np.float32))
            x = n.add("Mul" if op.div is None else "Div", [x, factor])
        elif isinstance(op, Normalize):
            mean, std = (np.array(v, np.float32) for v in (op.mean, op.std))
            if not mean.any() and (std == 1).all():
                continue
            fit = channels if isinstance(channels, int) else max(len(mean), len(std))
            x = n.add("Sub", [x, n.const(np.broadcast_to(mean, fit).reshape(shape))])
            x = n.add("Div", [x, n.const(np.broadcast_to(std, fit).reshape(shape))])
    n.cast(x, "f16", spec.name) if spec.dtype == "f16" else n.add("Identity", [x], spec.name)
    return n, name


def finite(n: Nodes, values: Sequence[tuple[str, int]]) -> None:
    """[N]: 0, or NaN when any of the tensors (name, rank) holds a NaN or infinity."""
    zero = n.const(np.zeros((), np.float32))
    sums = [n.sum_of_rest(n.add("Mul", [name, zero]), rank) for name, rank in values]
    total = sums[0]
    for other in sums[1:]:
        total = n.add("Add", [total, other])
    n.add("Identity", [total], "lnx_finite")


def candidate_outputs(batch: int | str, k: int) -> list[TensorSpec]:
    """What ``CandidatesDecode`` reads."""
    return [
        TensorSpec(name="lnx_boxes", dtype="f32", shape=[batch, k, 4], role="boxes"),
        TensorSpec(name="lnx_scores", dtype="f32", shape=[batch, k], role="scores"),
        TensorSpec(name="lnx_labels", dtype="i32", shape=[batch, k], role="labels"),
        TensorSpec(name="lnx_finite", dtype="f32", shape=[batch], role="finite"),
    ]


def _emit(n: Nodes, boxes: str, scores: str, labels: str, anchors: str, k: int) -> None:
    """``boxes`` [N, A, 4]; the others [N, K, 1] or reshapable to it; ``anchors``: which boxes."""
    rows = n.whole([0, k, 1])
    index = n.add("Reshape", [anchors, rows])
    n.add("GatherElements", [boxes, n.add("Concat", [index] * 4, axis=2)], "lnx_boxes", axis=1)
    flat = n.whole([0, k])
    n.add("Reshape", [scores, flat], "lnx_scores")
    n.cast(n.add("Reshape", [labels, flat]), "i32", "lnx_labels")


def yolox_tail(manifest: Manifest, spec: TensorSpec, size: tuple[int, int], opset: int) -> tuple[Nodes, list[TensorSpec]] | None:
    """[N, A, 5 + C] -> the best anchors, decoded. ``size``: width and height of the input."""
    options = manifest.decode
    batch, anchors, values = spec.shape
    if not isinstance(options, YoloxDecode) or not isinstance(anchors, int) or not isinstance(values, int):
        return None
    k = kept(manifest, anchors)
    n = Nodes("lnx_out", opset)
    objectness, classes = n.part(spec.name, 4, 5, 2), n.part(spec.name, 5, values, 2)
    best = n.add("ArgMax", [classes], axis=2, keepdims=1)
    top = n.add("GatherElements", [classes, best], axis=2)
    if not options.activation_in_graph:
        objectness, top = n.add("Sigmoid", [objectness]), n.add("Sigmoid", [top])
    scores, index = n.top(n.add("Mul", [objectness, top]), k, 1)
    centre, extent = n.part(spec.name, 0, 2, 2), n.part(spec.name, 2, 4, 2)
    if not options.decoded_in_graph:
        cells = []
        for stride in options.strides:
            ys, xs = np.mgrid[0 : size[1] // stride, 0 : size[0] // stride]
            cells.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
        grid = np.concatenate(cells).astype(np.float32)[None]
        if grid.shape[1] != anchors:
            return None
        stride_of = n.const(grid[:, :, 2:3])
        centre = n.add("Mul", [n.add("Add", [centre, n.const(grid[:, :, 0:2])]), stride_of])
        extent = n.add("Mul", [n.add("Exp", [extent]), stride_of])
    half = n.add("Mul", [extent, n.const(np.full((), 0.5, np.float32))])
    boxes = n.add("Concat", [n.add("Sub", [centre, half]), n.add("Add", [centre, half])], axis=2)
    _emit(n, boxes, scores, n.add("GatherElements", [best, index], axis=1), index, k)
    finite(n, [(spec.name, 3)])
    return n, candidate_outputs(batch, k)


def ppyoloe_tail(manifest: Manifest, boxes: TensorSpec, scores: TensorSpec, opset: int) -> tuple[Nodes, list[TensorSpec]] | None:
    """Corners [N, A, 4] and scores [N, C, A] without suppression -> the best of them."""
    options = manifest.decode
    batch, classes, anchors = scores.shape
    if not isinstance(options, PpyoloeDecode) or not isinstance(anchors, int) or not isinstance(classes, int):
        return None
    n = Nodes("lnx_out", opset)
    if options.per_anchor == "best":
        k = kept(manifest, anchors)
        best = n.add("ArgMax", [scores.name], axis=1, keepdims=1)
        values, index = n.top(n.add("GatherElements", [scores.name, best], axis=1), k, 2)
        labels, anchor = n.add("GatherElements", [best, index], axis=2), index
    else:
        k = kept(manifest, anchors * classes)
        turned = n.add("Transpose", [scores.name], perm=[0, 2, 1])  # equal scores stand by anchor, then class
        values, index = n.top(n.add("Reshape", [turned, n.whole([0, anchors * classes])]), k, 1)
        anchor = n.add("Div", [index, n.whole([classes])])
        labels = n.add("Sub", [index, n.add("Mul", [anchor, n.whole([classes])])])
    if not options.activation_in_graph:
        values = n.add("Sigmoid", [values])
    _emit(n, boxes.name, values, labels, anchor, k)
    finite(n, [(boxes.name, 3), (scores.name, 3)])
    return n, candidate_outputs(batch, k)
