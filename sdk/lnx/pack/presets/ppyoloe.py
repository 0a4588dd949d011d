"""PP-YOLOE and PP-YOLOE+."""

from __future__ import annotations

from lnx.manifest import Manifest, PpyoloeDecode
from lnx.pack.presets.draft import Draft


def ppyoloe(draft: Draft) -> Manifest:
    """PP-YOLOE: Paddle's rows with suppression in the graph, or boxes and scores without. RGB, 1/255, stretched by cubic interpolation."""
    o = draft.options
    if o.interp is None:
        draft.say("interpolation", "cubic")
        o = draft.options = o.model_copy(update={"interp": "cubic"})
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=[0.0], std=[1.0], resize="stretch", divide=False)
    told = {spec.role for spec in draft.graph.inputs}
    space = "image" if told & {"scale_hw", "image_hw", "image_wh"} else "input"
    if any(len(spec.shape) == 2 and spec.shape[1] == 6 for spec in draft.graph.outputs):
        draft.one("rows", lambda s: len(s.shape) == 2 and s.shape[1] == 6 and s.dtype == "f32", "[n, 6]")
        draft.one("counts", lambda s: len(s.shape) <= 1 and s.dtype in ("i32", "i64"), "[N]")
        decode = PpyoloeDecode(nms_in_graph=True, boxes_in=space)
    else:
        draft.one("boxes", lambda s: len(s.shape) == 3 and s.shape[2] == 4, "[N, A, 4]", ("box", "concat"))
        spec = draft.one("scores", lambda s: len(s.shape) == 3 and s.dtype == "f32", "[N, C, A]", ("score", "cls"))
        draft.require_labels(spec.shape[1])
        decode = PpyoloeDecode(
            nms_in_graph=False,
            boxes_in=space,
            activation_in_graph=draft.assume("activation left to apply", o.activation, "none") == "none",
            per_anchor=draft.assume("classes per anchor", o.classes_per_anchor, "all"),
        )
    draft.say("boxes in pixels of the", space)
    threshold = draft.assume("threshold", o.threshold, 0.5)
    return draft.manifest("detection", pre, decode, draft.found_is_ng(), threshold, draft.nms(0.7, 1000, 300))
