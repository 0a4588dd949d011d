"""Runs the reference pipeline: reference preprocessing, ONNX Runtime's own Python package, reference decoding.

Runs in a process that does not use the core: two copies of ONNX Runtime in one process are asking for trouble.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnx.manifest import Manifest, OcrDecode
from lnx.reference.decode import decode
from lnx.reference.ocr import read_text
from lnx.reference.preprocess import Geometry, preprocess
from lnx.reference.stages import run_stages

Array = NDArray[Any]
_NUMPY: dict[str, Any] = {"f32": np.float32, "i32": np.int32, "i64": np.int64}


def size_input(role: str, g: Geometry) -> tuple[float, float]:
    """What an input beside the image is told."""
    scale = (round(g.bottom - g.top) / g.part[3], round(g.right - g.left) / g.part[2])
    known = {
        "input_wh": g.input,
        "input_hw": (g.input[1], g.input[0]),
        "image_wh": (g.part[2], g.part[3]),
        "image_hw": (g.part[3], g.part[2]),
        "scale_hw": scale,
        "ones": (1.0, 1.0),
    }
    return known[role]


@dataclass(frozen=True)
class ReferenceResult:
    """Every stage of one image: input tensor, raw outputs, decoded result."""

    tensor: Array
    outputs: list[Array]
    geometry: Geometry
    found: dict[str, Any]


class ReferenceModel:
    """An ONNX file run by the ``onnxruntime`` package on the CPU; ``others`` are the further graphs by their ids."""

    def __init__(self, onnx: str | Path, threads: int = 0, others: Mapping[str, str | Path] | None = None, dictionary: str = "") -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # its official Linux builds from 1.29 on report home unless told not to before they load
        import onnxruntime

        self.version: str = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
        self.dictionary = dictionary
        self.others = {name: ReferenceModel(path, threads) for name, path in (others or {}).items()}

    def outputs(self, feeds: dict[str, Array]) -> list[Array]:
        """Raw outputs for input tensors by name."""
        return [np.asarray(output) for output in self._session.run(None, feeds)]

    def _feeds(self, manifest: Manifest, tensor: Array, geometry: Geometry) -> dict[str, Array]:
        """The image, as often as a fixed batch wants it, and what the other inputs tell about its size."""
        specs = manifest.graphs[0].inputs
        image = next(spec for spec in specs if spec.role in (None, "image"))
        batch = image.shape[0] if isinstance(image.shape[0], int) else 1
        feeds = {image.name: np.repeat(tensor, batch, axis=0) if batch > 1 else tensor}
        for spec in specs:
            if spec is not image:
                pair = np.array([size_input(spec.role or "", geometry)], _NUMPY[spec.dtype])
                feeds[spec.name] = np.repeat(pair, spec.shape[0] if isinstance(spec.shape[0], int) else batch, axis=0)
        return feeds

    def run(self, manifest: Manifest, image: Array) -> ReferenceResult:
        """The whole way of one image."""
        if isinstance(manifest.decode, OcrDecode):
            return self._read_text(manifest, image)
        tensor, geometry = preprocess(manifest, image)
        feeds = self._feeds(manifest, tensor, geometry)
        batch = max(value.shape[0] for value in feeds.values())
        outputs = [output[:1] if batch > 1 else output for output in self.outputs(feeds)]
        found = decode(manifest, outputs, geometry, tensor)
        run_stages(manifest, image, found, {name: model.one for name, model in self.others.items()})
        return ReferenceResult(tensor, outputs, geometry, found)

    def _read_text(self, manifest: Manifest, image: Array) -> ReferenceResult:
        graphs = {manifest.graphs[0].id: self, **self.others}
        run = {name: (lambda tensor, model=model: model.batch(tensor)[0]) for name, model in graphs.items()}
        found = read_text(manifest, image, run, self.dictionary)
        return ReferenceResult(found["tensor"], [found["map"][None, None]], Geometry(), found)

    def batch(self, tensor: Array) -> list[Array]:
        """Outputs of a graph with one input, for any batch."""
        return self.outputs({self._session.get_inputs()[0].name: tensor})

    def one(self, tensor: Array) -> list[Array]:
        """Outputs for batch 1 of a graph with one input, also of one whose batch is fixed."""
        only = self._session.get_inputs()[0]
        batch = only.shape[0]
        fed = np.repeat(tensor, batch, axis=0) if isinstance(batch, int) and batch > 1 else tensor
        return [output[:1] for output in self.outputs({only.name: fed})]
