"""What a form for GPUs puts after the heads of RTMDet and EfficientDet: maps of several levels in, the best boxes out.

The levels become one list of rows in the decoders' order (level, row, column, shape). The best `K` scores are chosen first, so that only
their boxes are computed. Whether boxes are cut at the image before suppression stays with the CPU, which knows the image.

Invariants: as of ``form_nodes``; None where a side that counts is not fixed, or the levels do not fit the strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lnx.manifest import EfficientDetDecode, Manifest, RtmdetDecode, TensorSpec
from lnx.pack.form_nodes import Array, Nodes, candidate_outputs, finite, kept
from lnx.reference.decode.efficientdet import anchors_of

Tail = tuple[Nodes, list[TensorSpec]]


def _width(specs: Sequence[TensorSpec], shapes: int) -> int | None:
    """Numbers per row: the last side of rows, or the channels of maps by shape; None when the sides are not those of one head."""
    sides = {spec.shape[1 if len(spec.shape) == 4 else 2] for spec in specs}
    side = sides.pop() if len(sides) == 1 else None
    if not isinstance(side, int):
        return None
    shapes = shapes if len(specs[0].shape) == 4 else 1
    return side // shapes if side % shapes == 0 else None


def _anchors(specs: Sequence[TensorSpec], shapes: int) -> int | None:
    """Rows of all levels together."""
    total = 0
    for spec in specs:
        sides = spec.shape[2:] if len(spec.shape) == 4 else spec.shape[1:2]
        if not all(isinstance(side, int) for side in sides):
            return None
        total += int(np.prod([int(side) for side in sides])) * (shapes if len(spec.shape) == 4 else 1)
    return total


def _rows(n: Nodes, specs: Sequence[TensorSpec], width: int) -> str:
    """``[N, shapes * width, H, W]`` maps, or ``[N, A, width]`` rows, as ``[N, all anchors, width]``."""
    levels = []
    for spec in specs:
        if len(spec.shape) == 3:
            levels.append(spec.name)
        else:
            turned = n.add("Transpose", [spec.name], perm=[0, 2, 3, 1])
            levels.append(n.add("Reshape", [turned, n.whole([0, -1, width])]))
    return levels[0] if len(levels) == 1 else n.add("Concat", levels, axis=1)


def _best(n: Nodes, scores: str, anchors: int, classes: int, k: int, per_anchor: str) -> tuple[str, str, str]:
    """Scores, labels and anchors of the best, each ``[N, K]``, from ``[N, A, C]``."""
    flat = n.whole([0, k])
    if per_anchor == "best":
        best = n.add("ArgMax", [scores], axis=2, keepdims=1)
        values, anchor = n.top(n.add("GatherElements", [scores, best], axis=2), k, 1)
        labels = n.add("GatherElements", [best, anchor], axis=1)
        return n.add("Reshape", [values, flat]), n.add("Reshape", [labels, flat]), n.add("Reshape", [anchor, flat])
    values, index = n.top(n.add("Reshape", [scores, n.whole([0, anchors * classes])]), k, 1)
    anchor = n.add("Div", [index, n.whole([classes])])
    return values, n.add("Sub", [index, n.add("Mul", [anchor, n.whole([classes])])]), anchor


def _chosen(
    manifest: Manifest, groups: tuple[str, str], shapes: int, table: Array, options: RtmdetDecode | EfficientDetDecode, opset: int
) -> tuple[Nodes, str, str, list[TensorSpec]] | None:
    """The head up to its best: nodes, their codes ``[N, K, 4]``, their rows of ``table`` ``[A, ...]`` as ``[N, K, ...]``, the outputs."""
    graph = manifest.graphs[0]
    scores, codes = ([spec for spec in graph.outputs if spec.role == role] for role in groups)
    if len(scores) != len(codes) or not scores or len(scores) + len(codes) != len(graph.outputs):
        return None
    if len({len(spec.shape) for spec in graph.outputs}) != 1 or any(spec.dtype != "f32" for spec in graph.outputs):
        return None
    classes, anchors = _width(scores, shapes), _anchors(scores, shapes)
    if classes is None or _width(codes, shapes) != 4 or anchors != len(table) or _anchors(codes, shapes) != anchors:
        return None
    n = Nodes("lnx_out", opset)
    k = kept(manifest, anchors * (1 if options.per_anchor == "best" else classes))
    values, labels, anchor = _best(n, _rows(n, scores, classes), anchors, classes, k, options.per_anchor)
    n.add("Identity" if options.activation_in_graph else "Sigmoid", [values], "lnx_scores")
    n.cast(labels, "i32", "lnx_labels")
    index = n.add("Reshape", [anchor, n.whole([0, k, 1])])
    own = n.add("GatherElements", [_rows(n, codes, 4), n.add("Concat", [index] * 4, axis=2)], axis=1)
    finite(n, [(spec.name, len(spec.shape)) for spec in graph.outputs])
    return n, own, n.add("Gather", [n.const(table.astype(np.float32)), anchor], axis=0), candidate_outputs(scores[0].shape[0], k)


def rtmdet_tail(manifest: Manifest, options: RtmdetDecode, size: tuple[int, int], opset: int) -> Tail | None:
    """Scores ``C`` and distances ``4`` per point. ``size``: width and height of the input."""
    points = []
    for stride in options.strides:
        ys, xs = np.mgrid[0 : size[1] // stride, 0 : size[0] // stride] * stride
        points.append(np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, stride)], axis=1))
    made = _chosen(manifest, ("scores", "distances"), 1, np.concatenate(points), options, opset)
    if made is None:
        return None
    n, distances, point, outputs = made
    if options.distances == "strides":
        distances = n.add("Mul", [distances, n.part(point, 2, 3, 2)])
    centre = n.part(point, 0, 2, 2)
    corners = [n.add("Sub", [centre, n.part(distances, 0, 2, 2)]), n.add("Add", [centre, n.part(distances, 2, 4, 2)])]
    n.add("Concat", corners, "lnx_boxes", axis=2)
    return n, outputs


def efficientdet_tail(manifest: Manifest, options: EfficientDetDecode, size: tuple[int, int], opset: int) -> Tail | None:
    """Scores ``C`` and codes ``4`` per anchor. ``size``: width and height of the input."""
    shapes = len(options.scales) * len(options.ratios)
    made = _chosen(manifest, ("scores", "boxes"), shapes, anchors_of(options, size), options, opset)
    if made is None:
        return None
    n, codes, anchor, outputs = made
    if options.variances:
        codes = n.add("Mul", [codes, n.const(np.array(options.variances, np.float32).reshape(1, 1, 4))])
    if options.coding == "yxhw":
        codes = n.add("Gather", [codes, n.whole([1, 0, 3, 2])], axis=2)
    side = n.part(anchor, 2, 4, 2)
    centre = n.add("Add", [n.part(anchor, 0, 2, 2), n.add("Mul", [n.part(codes, 0, 2, 2), side])])
    extent = n.add("Mul", [n.add("Exp", [n.part(codes, 2, 4, 2)]), side])
    half = n.add("Mul", [extent, n.const(np.full((), 0.5, np.float32))])
    n.add("Concat", [n.add("Sub", [centre, half]), n.add("Add", [centre, half])], "lnx_boxes", axis=2)
    return n, outputs
