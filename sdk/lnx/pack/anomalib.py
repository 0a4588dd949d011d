"""Reads what anomalib exports.

anomalib 2.x writes ``weights/onnx/model.onnx`` (with ``model.onnx.data`` where the weights are large), whose graph resizes, normalises and
scales its scores by itself: nothing is left to be told. anomalib 0.x and 1.x write raw scores and ``metadata.json`` beside the graph, with
the thresholds and spans of the training and, in 0.x, the transform as albumentations describes it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lnx.errors import LnxError
from lnx.pack.exports import Export, find_graph
from lnx.pack.graph import read_graph

PLACES = (".", "weights/onnx", "onnx", "weights")
DEFAULT_SIDE = 256  # anomalib's own, where the export leaves the size open
_INTERP = {0: "nearest", 1: "linear", 2: "cubic", 3: "area"}


def _number(document: dict[str, Any], names: tuple[str, ...], path: Path) -> float:
    for name in names:
        if isinstance(document.get(name), (int, float)):
            return float(document[name])
    raise LnxError(201, found="no number " + " or ".join(names), expected="the metadata of an anomalib export", where=str(path))


def _calibrations(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Thresholds and spans: 1.x names them per output, 0.x once for both."""
    image = _number(document, ("image_threshold",), path)
    pixel = _number(document, ("pixel_threshold", "image_threshold"), path)
    scores = [_number(document, (f"pred_scores.{end}", end), path) for end in ("min", "max")]
    maps = [_number(document, (f"anomaly_maps.{end}", end), path) for end in ("min", "max")]
    return {"image_calibration": (image, *scores), "pixel_calibration": (pixel, *maps)}


def _transform(document: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[str]]:
    """Resize and normalisation of a 0.x export. A centre crop is refused: it would leave parts of the image uninspected."""
    options: dict[str, Any] = {}
    told = []
    transform = document.get("transform")
    steps = transform.get("transform", transform).get("transforms", []) if isinstance(transform, dict) else []
    for step in steps:
        kind = str(step.get("__class_fullname__", "")).rsplit(".", 1)[-1]
        if kind == "Resize":
            options["size"] = (int(step["width"]), int(step["height"]))
            options["interp"] = _INTERP.get(step.get("interpolation", 1), "linear")
        elif kind == "Normalize":
            options["mean"], options["std"] = list(step["mean"]), list(step["std"])
            options["scale"] = 1 / float(step.get("max_pixel_value", 255.0))
        elif kind == "CenterCrop":
            found, expected = "a centre crop in the transform", "an export that shows the model the whole image"
            raise LnxError(223, found=found, expected=expected, where=str(path), fix="train and export without center_crop")
        elif kind != "ToTensorV2":
            raise LnxError(220, found=f'transform "{kind}"', expected="Resize, Normalize, ToTensorV2", where=str(path))
        told.append(kind)
    return options, [f"transform of the export: {', '.join(told)}"] if told else []


def read_anomalib(source: str | Path) -> Export:
    """An export folder of anomalib, or the ONNX file in it.

    Raises:
        LnxError: LNX-201 when there is no graph or its metadata cannot be read, LNX-220/223 for a transform that cannot be kept.
    """
    model = find_graph(Path(source), PLACES, "--from-anomalib", "engine.export(model, export_type=ExportType.ONNX)")
    graph = read_graph(model)
    options: dict[str, Any] = {}
    names = {spec.name for spec in graph.outputs}
    metadata = model.parent / "metadata.json"
    assumptions = [f"graph: {model}"]
    if {"pred_score", "anomaly_map"} <= names and not metadata.exists():
        assumptions.append("export of anomalib 2.x: preprocessing and normalisation of the scores are in the graph")
    elif metadata.exists():
        try:
            document = json.loads(metadata.read_text(encoding="utf-8"))
        except ValueError as error:
            raise LnxError(201, found=str(error), expected="the metadata of an anomalib export", where=str(metadata)) from None
        options, told = _transform(document, metadata)
        options |= _calibrations(document, metadata)
        options |= {"graph_space": "raw", "space": "norm", "threshold": 0.5, "mask_threshold": 0.5}
        assumptions += [f"thresholds and spans: {metadata.name} (anomalib 0.x or 1.x)", *told]
        if "scale" not in options:  # 1.x keeps the transform in the graph
            options |= {"scale": 1 / 255, "mean": [0.0], "std": [1.0], "colour": "RGB", "resize": "stretch"}
    else:
        found = f"outputs {', '.join(sorted(names))} and no metadata.json"
        raise LnxError(223, found=found, expected="pred_score and anomaly_map, or metadata.json beside the graph", where=str(model))
    image = graph.inputs[0]
    if "size" not in options and any(not isinstance(side, int) for side in image.shape[2:]):
        options["size"] = (DEFAULT_SIDE, DEFAULT_SIDE)
        assumptions.append(f"size of the input: {DEFAULT_SIDE} x {DEFAULT_SIDE}, since the export leaves it open (--size says otherwise)")
    return Export(model, "anomaly", options, assumptions=assumptions)
