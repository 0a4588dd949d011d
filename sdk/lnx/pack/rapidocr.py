"""Packs the models that the RapidOCR packages carry, with the settings that those packages use.

Understands the layout of ``rapidocr`` (3.x) and ``rapidocr-onnxruntime`` (1.x): a folder with ``config.yaml`` and ``models/*.onnx``. The
characters are read from the recognition model itself. Nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from lnx.errors import LnxError
from lnx.manifest import (
    Cast,
    Color,
    Graph,
    Label,
    Layout,
    Manifest,
    ModelInfo,
    Normalize,
    OcrAngle,
    OcrBounds,
    OcrDecode,
    OcrDetector,
    OcrPadding,
    OcrReader,
    Rule,
    Scale,
    Thresholds,
    VerdictRules,
)
from lnx.pack.graph import GraphFile, read_graph

PACKAGES = ("rapidocr", "rapidocr_onnxruntime")


@dataclass(frozen=True)
class TextRecipe:
    """Everything that ``pack`` needs: the detector's file, the other graphs, manifest, dictionary, and what was assumed."""

    detector: Path
    graphs: dict[str, Path]
    manifest: Manifest
    entries: dict[str, bytes]
    assumptions: list[str]


def find_package(name: str | None = None) -> Path:
    """The folder of an installed RapidOCR package, or the folder itself when ``name`` is one. LNX-201 when there is none."""
    if name and Path(name).is_dir():
        return Path(name)
    for package in (name,) if name else PACKAGES:
        found = importlib.util.find_spec(package)
        if found is not None and found.submodule_search_locations:
            return Path(next(iter(found.submodule_search_locations)))
    raise LnxError(
        201,
        found=f"no package {name or ' or '.join(PACKAGES)}",
        expected="an installed RapidOCR package, or its folder",
        where="--from-rapidocr",
        fix="pip install rapidocr, or give the folder that holds config.yaml and models",
    )


def _one(folder: Path, kind: str) -> Path:
    found = sorted(path for path in (folder / "models").glob("*.onnx") if f"_{kind}_" in f"_{path.stem}_")
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "no file"
        raise LnxError(201, found=f"{names} with _{kind}_ in its name", expected="one ONNX file", where=str(folder / "models"))
    return found[0]


def _settings(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise LnxError(201, found="no package PyYAML", expected="PyYAML, which RapidOCR needs too", where=str(folder)) from None
    try:
        document = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        return {name: dict(document[name]) for name in ("Global", "Det", "Cls", "Rec")}
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        found = f"{type(error).__name__}: {error}"
        raise LnxError(201, found=found, expected="RapidOCR's settings", where=str(folder / "config.yaml")) from None


def _characters(path: Path) -> list[str]:
    model = onnx.load(str(path), load_external_data=False)
    text: str | None = next((entry.value for entry in model.metadata_props if entry.key == "character"), None)
    if not text:
        raise LnxError(240, found="a model without its characters", expected='metadata "character"', where=str(path))
    return text.splitlines()


def _values(mean: list[float], std: list[float]) -> list[Any]:
    return [Color(to="BGR"), Cast(), Scale(mul=1 / 255), Normalize(mean=mean, std=std), Layout()]


def _graph(name: str, file: GraphFile, pre: list[Any] | None) -> Graph:
    inputs = [spec.model_copy(update={"layout": "NCHW"}) for spec in file.inputs]
    return Graph(id=name, file=f"{name}.onnx", inputs=inputs, outputs=file.outputs, pre=pre)


def read_rapidocr(
    source: str | None = None, *, name: str | None = None, version: str = "1.0.0", widths: list[int] | None = None
) -> TextRecipe:
    """The recipe of an installed RapidOCR package (or of its folder).

    ``widths``: buckets for the reader's input. None = as wide as the widest line of a batch, which gives the same text as RapidOCR;
    buckets keep the shapes few, which a GPU needs, and may change a character of a line that they pad further.
    """
    folder = find_package(source)
    settings = _settings(folder)
    whole, det, cls, rec = (settings[key] for key in ("Global", "Det", "Cls", "Rec"))
    files = {key: _one(folder, key) for key in ("det", "cls", "rec")}
    graphs = {key: read_graph(path) for key, path in files.items()}
    characters = _characters(files["rec"])
    modern = "ocr_version" in rec
    half = _values([0.5], [0.5])
    cls_shape, rec_shape = cls["cls_image_shape"], rec["rec_img_shape"]
    decode = OcrDecode(
        bounds=OcrBounds(min_side=whole["min_side_len"], max_side=whole["max_side_len"]),
        padding=OcrPadding(ratio=whole["width_height_ratio"], min_height=whole["min_height"]),
        detector=OcrDetector(
            limit=det["limit_type"],
            side=det["limit_side_len"],
            threshold=det["thresh"],
            box_threshold=det["box_thresh"],
            unclip=det["unclip_ratio"],
            max_candidates=det["max_candidates"],
            dilate=det["use_dilation"],
            line_rule="chain" if modern else "neighbour",
        ),
        angle=OcrAngle(graph="angle", size=(cls_shape[2], cls_shape[1]), threshold=cls["cls_thresh"], batch=cls["cls_batch_num"]),
        reader=OcrReader(graph="reader", size=(rec_shape[2], rec_shape[1]), batch=rec["rec_batch_num"], widths=widths or []),
    )
    manifest = Manifest(
        schema_="1.1",
        model=ModelInfo(name=name or f"{folder.name}-text", version=version, trainer="PP-OCR, as packaged by RapidOCR"),
        task="ocr",
        graphs=[_graph("detector", graphs["det"], None), _graph("angle", graphs["cls"], half), _graph("reader", graphs["rec"], half)],
        pre=_values(det["mean"], det["std"]),
        decode=decode,
        labels=[Label(id=0, name="text", name_ko="문자", color="#2E7DD7")],
        thresholds=Thresholds(score=whole["text_score"]),
        verdict=VerdictRules(rules=[Rule(kind="count", at_least=1, then="OK")], otherwise="NG"),
    )
    assumptions = [
        f"package: {folder.name}, {', '.join(path.name for path in files.values())}",
        f"characters: {len(characters)} and the space, {_scripts(characters)}",
        "verdict: OK when a text is found, else NG",
    ]
    if det.get("score_mode", "fast") != "fast":
        raise LnxError(223, found=f"score_mode {det['score_mode']}", expected="fast", where=str(folder / "config.yaml"))
    entries = {"dictionary.txt": ("\n".join(characters) + "\n").encode()}
    return TextRecipe(files["det"], {"angle": files["cls"], "reader": files["rec"]}, manifest, entries, assumptions)


def _scripts(characters: list[str]) -> str:
    hangul = sum(any("\uac00" <= c <= "\ud7a3" for c in text) for text in characters)
    return f"{hangul} of them Hangul" if hangul else "no Hangul: Korean text needs another recognition model"
