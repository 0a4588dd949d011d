"""Packing: an ONNX file and a recipe become one signed container."""

from lnx.pack.anomalib import read_anomalib
from lnx.pack.exports import Export
from lnx.pack.graph import GraphFile, read_graph
from lnx.pack.packer import PackReport, pack
from lnx.pack.paddle import read_paddle
from lnx.pack.presets import PRESETS, PresetOptions, describe_presets
from lnx.pack.rapidocr import TextRecipe, read_rapidocr
from lnx.pack.stages import Classifier

__all__ = [
    "PRESETS",
    "Classifier",
    "Export",
    "GraphFile",
    "PackReport",
    "PresetOptions",
    "TextRecipe",
    "describe_presets",
    "pack",
    "read_anomalib",
    "read_graph",
    "read_paddle",
    "read_rapidocr",
]
