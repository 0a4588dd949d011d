"""EfficientDet."""

from __future__ import annotations

from lnx.manifest import EfficientDetDecode, Manifest
from lnx.pack.presets.draft import IMAGENET_MEAN, IMAGENET_STD, Draft


def efficientdet(draft: Draft) -> Manifest:
    """EfficientDet: scores and box codes over anchors, per level or flat. RGB, ImageNet, letterbox top left in the mean colour."""
    o = draft.options
    classes = len(draft.labels)
    width, height = draft.size()
    shapes = 9
    maps = [spec for spec in draft.graph.outputs if len(spec.shape) == 4]
    if maps:
        scores = [spec for spec in maps if spec.shape[1] == shapes * classes and not (classes == 4 and "box" in spec.name)]
        boxes = [spec for spec in maps if spec.shape[1] == shapes * 4 and spec not in scores]
        if classes == 4 and not boxes:
            scores, boxes = maps[: len(maps) // 2], maps[len(maps) // 2 :]
            draft.say("order of the outputs", "scores first, then boxes")
        if not scores or len(scores) != len(boxes):
            told = ", ".join(f"{spec.name} {spec.shape}" for spec in maps)
            raise draft.refuse(f"outputs {told}", f"per level one of 9 x {classes} scores (as many as labels) and one of 9 x 4 codes")
        strides = o.strides or [8 * 2**i for i in range(len(scores))]
        for spec, stride in zip(scores, strides, strict=True):
            columns = draft.side(spec, 3)
            if columns is not None and columns != -(-width // stride):
                raise draft.refuse(f'output "{spec.name}" {spec.shape}', f"{-(-width // stride)} columns for stride {stride}")
        for spec in scores:
            draft.set_role(spec, "scores")
        for spec in boxes:
            draft.set_role(spec, "boxes")
    else:
        strides = draft.assume("strides", o.strides, [8, 16, 32, 64, 128])
        draft.one("boxes", lambda s: len(s.shape) == 3 and s.shape[2] == 4, "[N, A, 4]", ("box", "reg"))
        spec = draft.one("scores", lambda s: len(s.shape) == 3 and s.dtype == "f32", "[N, A, C]", ("score", "cls", "class"))
        draft.require_labels(spec.shape[2])
        expected = sum(-(-width // s) * -(-height // s) * shapes for s in strides)
        if isinstance(spec.shape[1], int) and spec.shape[1] != expected:
            raise draft.refuse(f"{spec.shape[1]} anchors", f"{expected} for the strides {strides} and 9 anchors per cell")
    draft.say("strides", str(strides))
    # The margin is filled with zeros after normalisation, which is the mean colour before it.
    if o.pad is None and o.resize is None:
        pad = [round(255 * m) for m in (o.mean or IMAGENET_MEAN)]
        draft.say("letterbox colour", f"the mean, {pad}")
    else:
        pad = [o.pad if o.pad is not None else 114]
    pre = draft.pre(
        colour="RGB", scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="letterbox_top_left", lib="pil", pad=pad, rounding="floor"
    )
    coding = draft.assume("box coding", o.coding, "yxhw")
    decode = EfficientDetDecode(
        coding=coding,
        variances=o.variances or [],
        strides=strides,
        anchor_scale=draft.assume("anchor scale", o.anchor_scale, 4.0),
        activation_in_graph=draft.assume("activation left to apply", o.activation, "sigmoid") == "none",
        per_anchor=draft.assume("classes per anchor", o.classes_per_anchor, "all"),
    )
    threshold = draft.assume("threshold", o.threshold, 0.5)
    return draft.manifest("detection", pre, decode, draft.found_is_ng(), threshold, draft.nms(0.5, 5000, 100, clip="image"))
