"""Instance segmentation."""

from __future__ import annotations

from typing import Any

from lnx.manifest import InstanceDecode, Label, Manifest, TensorSpec
from lnx.pack.presets.draft import Draft


def _whole(spec: TensorSpec) -> bool:
    return len(spec.shape) == 2 and spec.dtype in ("i64", "i32")


def instance(draft: Draft) -> Manifest:
    """Instance masks: boxes and scores (or rows of 5), labels, masks over the box or the input. BGR, mean and std as mmdetection."""
    o = draft.options
    outputs = draft.graph.outputs
    draft.one("labels", _whole, "i64 [N, K]", ("label", "class"))
    masks = draft.one("masks", lambda s: len(s.shape) in (4, 5) and s.dtype == "f32", "[N, K, h, w]", ("mask",))
    if any(len(spec.shape) == 3 and spec.shape[2] == 5 for spec in outputs):
        draft.one("dets", lambda s: len(s.shape) == 3 and s.shape[2] == 5, "[N, K, 5]", ("det",))
    else:
        draft.one("boxes", lambda s: len(s.shape) == 3 and s.shape[2] == 4, "[N, K, 4]", ("box",))
        draft.one("scores", lambda s: len(s.shape) == 2 and s.dtype == "f32", "[N, K]", ("score",))
    width = draft.size()[0]
    side = draft.side(masks, -1)
    covers: Any = "box" if side is not None and side < width // 4 else "input"
    if o.first_id:
        draft.labels = [Label(id=label.id + o.first_id, name=label.name, color=label.color) for label in draft.labels]
        draft.say("first label", f"class {o.first_id} of the graph")
    mean, std = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]
    pre = draft.pre(colour="BGR", scale=1.0, mean=mean, std=std, resize="letterbox_top_left", back="size")
    decode = InstanceDecode(
        masks=draft.assume("masks cover the", o.masks, covers),
        mask_threshold=o.mask_threshold,
        activation_in_graph=draft.assume("activation left to apply", o.activation, "none") == "none",
    )
    threshold = draft.assume("threshold", o.threshold, 0.5)
    return draft.manifest("detection", pre, decode, draft.found_is_ng(), threshold, draft.nms(0.5, 1000, 100))
