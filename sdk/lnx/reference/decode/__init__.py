"""Output tensors -> classes, objects, regions, written as plainly as numpy and OpenCV allow. One module per model family."""

from __future__ import annotations

from typing import Any

from lnx.manifest import (
    AnomalyDecode,
    CandidatesDecode,
    ClassificationDecode,
    EfficientDetDecode,
    EnhancementDecode,
    InstanceDecode,
    Manifest,
    PpyoloeDecode,
    RtdetrDecode,
    RtmdetDecode,
    SegmentationDecode,
    YoloxDecode,
)
from lnx.reference.decode.anomaly import anomaly
from lnx.reference.decode.boxes import iou, suppress
from lnx.reference.decode.candidates import candidates
from lnx.reference.decode.classification import classification
from lnx.reference.decode.common import Array
from lnx.reference.decode.efficientdet import efficientdet
from lnx.reference.decode.enhancement import enhancement
from lnx.reference.decode.instance import instance
from lnx.reference.decode.ppyoloe import ppyoloe
from lnx.reference.decode.rtdetr import rtdetr
from lnx.reference.decode.rtmdet import rtmdet
from lnx.reference.decode.segmentation import segmentation
from lnx.reference.decode.yolox import yolox
from lnx.reference.preprocess import Geometry

__all__ = ["decode", "iou", "suppress"]


def _named(manifest: Manifest, outputs: list[Array]) -> dict[str, list[Array]]:
    """Outputs by the role that the manifest gives them, in the order of the graph."""
    named: dict[str, list[Array]] = {}
    for spec, output in zip(manifest.graphs[0].outputs, outputs, strict=True):
        named.setdefault(spec.role or "", []).append(output)
    return named


def decode(manifest: Manifest, outputs: list[Array], geometry: Geometry, tensor: Array) -> dict[str, Any]:
    """Decodes the outputs of batch 1 with the thresholds of the manifest; ``tensor`` is the input that gave them.

    Keys: ``classes`` (best first), ``objects`` (best first), ``regions`` (largest first), and by family ``label_map`` (uint8),
    ``score_map`` (float32) of the full image, ``masks`` (one per region), ``image`` (the enhanced picture), ``score_raw``, ``score_norm``.
    """
    found: dict[str, Any] = {"classes": [], "objects": [], "regions": []}
    named, options = _named(manifest, outputs), manifest.decode
    match options:
        case ClassificationDecode():
            found |= classification(manifest, options, outputs)
        case YoloxDecode():
            found |= yolox(manifest, options, outputs, geometry)
        case SegmentationDecode():
            found |= segmentation(manifest, options, outputs, geometry)
        case RtmdetDecode():
            found |= rtmdet(manifest, options, named, geometry)
        case RtdetrDecode():
            found |= rtdetr(manifest, options, named, geometry)
        case PpyoloeDecode():
            found |= ppyoloe(manifest, options, named, geometry)
        case EfficientDetDecode():
            found |= efficientdet(manifest, options, named, geometry)
        case CandidatesDecode():
            found |= candidates(manifest, options, named, geometry)
        case InstanceDecode():
            found |= instance(manifest, options, named, geometry)
        case AnomalyDecode():
            found |= anomaly(manifest, options, named, geometry)
        case EnhancementDecode():
            found |= enhancement(manifest, options, named, geometry, tensor)
    return found
