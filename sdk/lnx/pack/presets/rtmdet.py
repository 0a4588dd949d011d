"""RTMDet."""

from __future__ import annotations

from lnx.manifest import Manifest, RtmdetDecode
from lnx.pack.presets.draft import Draft

MEAN, STD = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]


def rtmdet(draft: Draft) -> Manifest:
    """RTMDet: scores and distances per stride (mmdetection) or flat; BGR, its mean and std, letterbox top left with grey 114."""
    o = draft.options
    classes = len(draft.labels)
    width, height = draft.size()
    maps = [spec for spec in draft.graph.outputs if len(spec.shape) == 4]
    if maps:
        scores = [spec for spec in maps if spec.shape[1] == classes and not (classes == 4 and "bbox" in spec.name)]
        distances = [spec for spec in maps if spec.shape[1] == 4 and spec not in scores]
        if classes == 4 and not distances:
            half = len(maps) // 2
            scores, distances = maps[:half], maps[half:]
            draft.say("order of the outputs", "scores first, then distances")
        if not scores or len(scores) != len(distances):
            shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in maps)
            raise draft.refuse(f"outputs {shapes}", f"per stride one of {classes} classes (as many as labels) and one of 4 distances")
        strides: list[int] = []
        for spec in scores:
            columns = draft.side(spec, 3)
            if columns is None and o.strides is None:
                raise draft.refuse(f'output "{spec.name}" {spec.shape}', "fixed sides, or --set strides=[8,16,32]")
            strides.append(o.strides[len(strides)] if columns is None and o.strides else round(width / (columns or 1)))
        draft.say("strides", str(strides))
        for spec in scores:
            draft.set_role(spec, "scores")
        for spec in distances:
            draft.set_role(spec, "distances")
    else:
        strides = draft.assume("strides", o.strides, [8, 16, 32])
        draft.one("distances", lambda s: len(s.shape) == 3 and s.shape[2] == 4 and s.dtype == "f32", "[N, A, 4]", ("dist", "box", "reg"))
        spec = draft.one("scores", lambda s: len(s.shape) == 3 and s.dtype == "f32", "[N, A, C]", ("score", "cls"))
        draft.require_labels(spec.shape[2])
        expected = sum((width // s) * (height // s) for s in strides)
        if isinstance(spec.shape[1], int) and spec.shape[1] != expected:
            raise draft.refuse(f"{spec.shape[1]} anchors", f"{expected} for the strides {strides}")
    pre = draft.pre(colour="BGR", scale=1.0, mean=MEAN, std=STD, resize="letterbox_top_left", back="size")
    decode = RtmdetDecode(
        strides=strides,
        distances=draft.assume("unit of the distances", o.distances, "pixels"),
        activation_in_graph=draft.assume("activation left to apply", o.activation, "sigmoid") == "none",
        per_anchor=draft.assume("classes per anchor", o.classes_per_anchor, "all"),
    )
    threshold = draft.assume("threshold", o.threshold, 0.5)
    return draft.manifest("detection", pre, decode, draft.found_is_ng(), threshold, draft.nms(0.65, 30000, clip="input"))
