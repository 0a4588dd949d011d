"""Classifiers."""

from __future__ import annotations

from lnx.manifest import ClassificationDecode, Manifest, Rule, VerdictRules
from lnx.pack.presets.draft import IMAGENET_MEAN, IMAGENET_STD, Draft


def classification(draft: Draft) -> Manifest:
    """Classifiers (ConvNeXt, ResNet, ...): [N, C] scores; ImageNet preprocessing unless told otherwise."""
    shape = draft.graph.outputs[0].shape
    if len(shape) != 2 and shape[2:] != [1, 1]:
        raise draft.refuse(f"an output of shape {shape}", "[N, C]")
    draft.require_labels(shape[1])
    o = draft.options
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="imagenet")
    activation = draft.assume("activation left to apply", o.activation, "sigmoid" if o.multi_label else "softmax")
    verdict = VerdictRules()
    if o.ok or o.ng:
        ng = o.ng or [label.name for label in draft.labels if label.name not in (o.ok or [])]
        verdict = VerdictRules(rules=[Rule(kind="score", labels=draft.ids(ng), then="NG")], otherwise="OK")
    else:
        draft.assumptions.append("verdict: UNDEFINED (give --ok or --ng labels for OK/NG)")
    return draft.manifest(
        "classification",
        pre,
        ClassificationDecode(activation=activation, multi_label=o.multi_label),
        verdict,
        o.threshold if o.threshold is not None else 0.5,
    )
