"""Anomaly detection: anomalib's exports, and score maps of other projects."""

from __future__ import annotations

from typing import Any, Literal

from lnx.manifest import AnomalyDecode, Calibration, Label, Manifest, Rule, TensorSpec, VerdictRules
from lnx.pack.presets.draft import IMAGENET_MEAN, IMAGENET_STD, Draft

Space = Literal["raw", "norm"]


def _is_map(spec: TensorSpec) -> bool:
    return spec.dtype == "f32" and (len(spec.shape) == 3 or (len(spec.shape) == 4 and spec.shape[1] == 1))


def _calibration(given: tuple[float, float, float] | None) -> Calibration | None:
    return None if given is None else Calibration(thr=given[0], min=given[1], max=given[2])


def anomaly(draft: Draft) -> Manifest:
    """Anomaly: anomalib's four outputs (normalised in the graph, RGB 0..1, stretched), or a score map alone (ImageNet, raw scores)."""
    o = draft.options
    names = {spec.name: spec for spec in draft.graph.outputs}
    exported = {"pred_score", "anomaly_map"} <= set(names)
    if exported:
        draft.say("outputs", "as anomalib exports them")
        draft.set_role(names["pred_score"], "score")
        draft.set_role(names["anomaly_map"], "map")
        for spec in draft.graph.outputs:
            if spec.role is None:
                draft.say(f'output "{spec.name}"', "not used; labels and masks follow the thresholds of the manifest")
    else:
        draft.one("map", _is_map, "[N, 1, H, W] or [N, H, W]", ("map", "anomaly"))
        if len(draft.graph.outputs) > 1:
            draft.one("score", lambda s: len(s.shape) <= 2 and s.dtype == "f32", "[N]", ("score",))
    scored = any(spec.role == "score" for spec in draft.graph.outputs)
    source = draft.assume("image score", o.score, "output" if scored else "max")
    if source == "output" and not scored:
        raise draft.refuse("no output with an image score", "score=max or score=top_mean")
    graph_space: Space = draft.assume("space of the graph's scores", o.graph_space, "norm" if exported else "raw")
    space: Space = draft.assume("space of the thresholds", o.space, graph_space)
    image, pixel = _calibration(o.image_calibration), _calibration(o.pixel_calibration)
    if space != graph_space and (image is None or pixel is None):
        fix = "image_calibration and pixel_calibration (thr, min, max)"
        raise draft.refuse(f"scores in {graph_space}, thresholds in {space}", fix)
    default = 0.5 if space == "norm" else image.thr if image is not None else None
    threshold = o.threshold if o.threshold is not None else default
    if threshold is None:
        raise draft.refuse("raw scores and no threshold", "--set threshold=..., or image_calibration with the threshold of the training")
    if o.threshold is None:
        draft.say("threshold", str(threshold))
    chosen = "mask_threshold" in o.model_fields_set
    mask = o.mask_threshold if chosen else 0.5 if space == "norm" else pixel.thr if pixel is not None else threshold
    if not chosen:
        draft.say("mask threshold", str(mask))
    mean, std = ([0.0], [1.0]) if exported else (IMAGENET_MEAN, IMAGENET_STD)
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=mean, std=std, resize="stretch")
    steps: list[Any] = [] if exported else draft.assume("steps of the map", o.steps, [])
    decode = AnomalyDecode(
        score=source,
        top_k=o.top_k or 1,
        steps=steps if o.steps is None else o.steps,
        blur_sigma=o.blur_sigma or 4.0,
        space=graph_space,
        image=image,
        pixel=pixel,
        mask_threshold=mask,
    )
    if not draft.labels:
        draft.labels = [Label(id=0, name="normal", color="#3CB44B"), Label(id=1, name="anomalous", color="#E6194B")]
        draft.say("labels", "normal, anomalous")
    if len(draft.labels) != 2:
        raise draft.refuse(f"{len(draft.labels)} labels", "two: what is normal, what is anomalous")
    verdict = VerdictRules(rules=[Rule(kind="score", labels=[1], then="NG")], otherwise="OK")
    return draft.manifest("anomaly", pre, decode, verdict, threshold, space=space)
