"""RT-DETR, D-FINE and their kin."""

from __future__ import annotations

from lnx.manifest import Manifest, PpyoloeDecode, RtdetrDecode, TensorSpec
from lnx.pack.presets.draft import Draft


def _is_labels(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 and spec.dtype in ("i64", "i32")


def rtdetr(draft: Draft) -> Manifest:
    """RT-DETR: labels, boxes, scores; or logits and boxes; or Paddle's rows. RGB, 1/255, stretched; no suppression."""
    o = draft.options
    outputs = draft.graph.outputs
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=[0.0], std=[1.0], resize="stretch")
    threshold = draft.assume("threshold", o.threshold, 0.5)
    decode: RtdetrDecode | PpyoloeDecode
    if any(len(spec.shape) == 2 and spec.shape[1] == 6 for spec in outputs):
        draft.one("rows", lambda s: len(s.shape) == 2 and s.shape[1] == 6 and s.dtype == "f32", "[n, 6]")
        draft.one("counts", lambda s: len(s.shape) <= 1 and s.dtype in ("i32", "i64"), "[N]")
        decode = PpyoloeDecode(nms_in_graph=True, boxes_in="image")
    elif any(_is_labels(spec) for spec in outputs):
        draft.one("labels", _is_labels, "i64 [N, K]", ("label",))
        draft.one("boxes", lambda s: len(s.shape) == 3 and s.shape[2] == 4, "[N, K, 4]", ("box",))
        draft.one("scores", lambda s: len(s.shape) == 2 and s.dtype == "f32", "[N, K]", ("score",))
        told = {spec.role for spec in draft.graph.inputs}
        space = "image" if told & {"image_wh", "image_hw"} else "input"
        decode = RtdetrDecode(form="decoded", activation_in_graph=True, boxes_in=space)
        draft.say("boxes in pixels of the", space)
    else:
        draft.one("boxes", lambda s: len(s.shape) == 3 and s.shape[2] == 4, "[N, Q, 4]", ("box",))
        spec = draft.one("scores", lambda s: len(s.shape) == 3 and s.dtype == "f32", "[N, Q, C]", ("logit", "score", "cls"))
        draft.require_labels(spec.shape[2])
        decode = RtdetrDecode(
            form="raw",
            top_k=draft.assume("queries kept", o.top_k, 300),
            activation_in_graph=draft.assume("activation left to apply", o.activation, "sigmoid") == "none",
            per_anchor=draft.assume("classes per query", o.classes_per_anchor, "all"),
        )
    for spec in outputs:
        if spec.role is None:
            draft.say(f'output "{spec.name}"', "not used")
    return draft.manifest("detection", pre, decode, draft.found_is_ng(), threshold)
