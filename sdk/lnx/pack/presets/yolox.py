"""YOLOX."""

from __future__ import annotations

from lnx.manifest import Manifest, YoloxDecode
from lnx.pack.presets.draft import Draft


def yolox(draft: Draft) -> Manifest:
    """YOLOX detectors: [N, anchors, 5 + C]; BGR, 0..255, letterbox at the top left with grey 114 unless told otherwise."""
    shape = draft.graph.outputs[0].shape
    if len(shape) != 3 or not isinstance(shape[2], int) or shape[2] < 6:
        raise draft.refuse(f"an output of shape {shape}", "[N, anchors, 5 + classes]")
    draft.require_labels(shape[2] - 5)
    o = draft.options
    pre = draft.pre(colour="BGR", scale=1.0, mean=[0.0], std=[1.0], resize="letterbox_top_left", rounding="floor")
    decoded = draft.assume("boxes decoded in the graph", o.decoded, True)
    activated = draft.assume("activation left to apply", o.activation, "none") == "none"
    verdict, nms = draft.found_is_ng(), draft.nms(0.65)
    threshold = draft.assume("threshold", o.threshold, 0.5)
    decode = YoloxDecode(decoded_in_graph=decoded, activation_in_graph=activated)
    return draft.manifest("detection", pre, decode, verdict, threshold, nms)
