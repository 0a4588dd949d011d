"""Semantic segmentation."""

from __future__ import annotations

from typing import Any

from lnx.manifest import Manifest, Rule, SegmentationDecode, VerdictRules
from lnx.pack.presets.draft import IMAGENET_MEAN, IMAGENET_STD, Draft


def segmentation(draft: Draft) -> Manifest:
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
        draft.require_labels(channels, "" if o.multi_label else " (the background is one of them)")
        activation = draft.assume("activation left to apply", o.activation, "sigmoid" if o.multi_label else "softmax")
        mode = "multi_label" if o.multi_label else "multi_class"
        if not o.multi_label:
            draft.say("background", f'"{draft.labels[0].name}"')
    decode = SegmentationDecode(mode=mode, activation=activation, layout="NHWC" if last else "NCHW", mask_threshold=o.mask_threshold)
    wanted = draft.ids(o.ng or []) or [label.id for label in draft.labels[0 if mode == "multi_label" else 1 :]]
    verdict = VerdictRules(rules=[Rule(kind="count", labels=wanted, at_least=1, then="NG")], otherwise="OK")
    return draft.manifest("segmentation", pre, decode, verdict, o.threshold if o.threshold is not None else 0.5)
