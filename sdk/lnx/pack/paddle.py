"""Reads what Paddle's projects export, once ``paddle2onnx`` has made the graph.

- PaddleDetection: ``infer_cfg.yml`` (arch, Preprocess, label_list, draw_threshold): PP-YOLOE, PicoDet-like heads, RT-DETR.
- PaddleClas: ``inference.yml`` (PreProcess.transform_ops, PostProcess.Topk).
- PaddleSeg: ``deploy.yaml`` (Deploy.transforms, Deploy.output_op).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lnx.errors import LnxError
from lnx.pack.exports import Export, find_graph, read_yaml
from lnx.pack.graph import read_graph

_INTERP = {0: "nearest", 1: "linear", 2: "cubic", 3: "area"}
_DETECTORS = {"YOLO": "ppyoloe", "PPYOLOE": "ppyoloe", "DETR": "rtdetr", "RTDETR": "rtdetr"}
_CONVERT = (
    "paddle2onnx --model_dir FOLDER --model_filename inference.pdmodel --params_filename inference.pdiparams --save_file FOLDER/model.onnx"
)


def _refuse(found: str, expected: str, path: Path) -> LnxError:
    return LnxError(223, found=found, expected=expected, where=str(path), fix="pack it with --preset and --set, which say every step")


def _numbers(mean: Any, std: Any) -> dict[str, Any]:
    return {"mean": [float(v) for v in mean], "std": [float(v) for v in std]}


def _detection(document: dict[str, Any], path: Path) -> tuple[str, dict[str, Any], list[str]]:
    arch = str(document.get("arch", ""))
    preset = _DETECTORS.get(arch.upper())
    if preset is None:
        raise _refuse(f'arch "{arch}"', ", ".join(_DETECTORS), path)
    options: dict[str, Any] = {"colour": "RGB", "threshold": float(document.get("draw_threshold", 0.5))}
    for step in document.get("Preprocess", []):
        kind = step.get("type")
        if kind == "Resize":
            height, width = step["target_size"]
            options |= {"size": (int(width), int(height)), "interp": _INTERP.get(int(step.get("interp", 2)), "cubic")}
            if step.get("keep_ratio"):
                raise _refuse("Resize with keep_ratio", "Resize to the size of the input", path)
            options["resize"] = "stretch"
        elif kind == "NormalizeImage":
            plain = step.get("norm_type", "mean_std") == "none"
            options |= {"mean": [0.0], "std": [1.0]} if plain else _numbers(step["mean"], step["std"])
            options["scale"] = 1 / 255 if step.get("is_scale", True) else 1.0
        elif kind not in ("Permute", "DecodeImage"):
            raise _refuse(f'step "{kind}"', "Resize, NormalizeImage, Permute", path)
    return preset, options, [str(name) for name in document.get("label_list", [])]


def _classification(document: dict[str, Any], path: Path) -> tuple[str, dict[str, Any], list[str]]:
    options: dict[str, Any] = {"colour": "RGB", "lib": "opencv", "interp": "linear", "activation": "none"}
    for step in document["PreProcess"]["transform_ops"]:
        ((kind, settings),) = step.items()
        settings = settings or {}
        if kind == "ResizeImage":
            options["interp"] = {"nearest": "nearest", "bicubic": "cubic", "area": "area"}.get(settings.get("interpolation", ""), "linear")
            options["lib"] = "pil" if settings.get("backend") == "pil" else "opencv"
            if "resize_short" in settings:
                options |= {"resize": "imagenet", "resize_short": int(settings["resize_short"]), "rounding": "round", "crop": "floor"}
            else:
                side = settings["size"]
                options |= {"resize": "stretch", "size": (int(side), int(side)) if isinstance(side, int) else (int(side[0]), int(side[1]))}
        elif kind == "CropImage":
            side = settings["size"]
            options["size"] = (int(side), int(side)) if isinstance(side, int) else (int(side[0]), int(side[1]))
        elif kind == "NormalizeImage":
            scale = settings.get("scale", 1 / 255)
            number = 1 / 255 if isinstance(scale, str) and scale.replace(" ", "") in ("1.0/255.0", "1/255", "1./255.") else float(scale)
            options |= {"scale": number, **_numbers(settings["mean"], settings["std"])}
        elif kind not in ("ToCHWImage", "DecodeImage"):
            raise _refuse(f'step "{kind}"', "ResizeImage, CropImage, NormalizeImage, ToCHWImage", path)
    top = (document.get("PostProcess") or {}).get("Topk") or {}
    labels = [str(name) for name in top.get("label_list", [])]
    listed = top.get("class_id_map_file")
    if not labels and listed:
        file = path.parent / Path(listed).name
        if not file.is_file():
            raise LnxError(201, found=f"no file {file.name}", expected="the class names beside the export, or --labels", where=str(path))
        labels = [line.split(" ", 1)[-1].strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return "classification", options, labels


def _segmentation(document: dict[str, Any], path: Path) -> tuple[str, dict[str, Any], list[str]]:
    deploy = document["Deploy"]
    operator = deploy.get("output_op", "none")
    if operator == "argmax":
        fix = "export with --output_op none (or softmax), so that scores and thresholds remain"
        raise LnxError(223, found="class numbers as output (argmax)", expected="scores per class", where=str(path), fix=fix)
    options: dict[str, Any] = {"colour": "RGB", "resize": "stretch", "activation": "none" if operator == "softmax" else "softmax"}
    options |= {"scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    for step in deploy.get("transforms", []):
        kind = step.get("type")
        if kind == "Normalize":
            options |= _numbers(step.get("mean", [0.5] * 3), step.get("std", [0.5] * 3))
        elif kind == "Resize":
            width, height = step["target_size"]
            options["size"] = (int(width), int(height))
            if step.get("keep_ratio"):
                raise _refuse("Resize with keep_ratio", "Resize to the size of the input", path)
        else:
            raise _refuse(f'step "{kind}"', "Resize, Normalize", path)
    return "segmentation", options, []


def read_paddle(source: str | Path) -> Export:
    """An export folder of PaddleDetection, PaddleClas or PaddleSeg that holds the converted ``*.onnx``.

    Raises:
        LnxError: LNX-201 when graph or settings are missing, LNX-223 for a step or architecture that cannot be kept.
    """
    folder = Path(source)
    model = find_graph(folder, (".",), "--from-paddle", _CONVERT)
    readers = {"infer_cfg.yml": _detection, "inference.yml": _classification, "deploy.yaml": _segmentation}
    for name, reader in readers.items():
        path = model.parent / name
        if not path.exists():
            continue
        document = read_yaml(path)
        try:
            preset, options, labels = reader(document, path)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found = f"{type(error).__name__}: {error}"
            raise LnxError(201, found=found, expected="the settings of a Paddle export", where=str(path)) from None
        assumptions = [f"graph: {model}", f"preprocessing, labels: {name}"]
        if "size" in options:
            _check_size(model, options["size"], path)
        return Export(model, preset, options, labels, assumptions)
    raise LnxError(201, found="no settings beside the graph", expected=" or ".join(readers), where=f"--from-paddle {folder}")


def _check_size(model: Path, size: tuple[int, int], path: Path) -> None:
    """The graph and the settings must speak of the same input."""
    for spec in read_graph(model).inputs:
        sides = spec.shape[2:]
        if len(spec.shape) == 4 and all(isinstance(side, int) for side in sides) and sides != [size[1], size[0]]:
            raise _refuse(f"an input of {sides[1]} x {sides[0]}", f"{size[0]} x {size[1]}, as the settings say", path)
