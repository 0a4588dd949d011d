"""Runs the reference pipeline: reference preprocessing, ONNX Runtime's own Python package, reference decoding.

Runs in a process that does not use the core: two copies of ONNX Runtime in one process are asking for trouble.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnx.manifest import Manifest
from lnx.reference.decode import decode
from lnx.reference.preprocess import Geometry, preprocess
from lnx.reference.stages import run_stages

Array = NDArray[Any]


@dataclass(frozen=True)
class ReferenceResult:
    """Every stage of one image: input tensor, raw outputs, decoded result."""

    tensor: Array
    outputs: list[Array]
    geometry: Geometry
    found: dict[str, Any]


class ReferenceModel:
    """An ONNX file run by the ``onnxruntime`` package on the CPU; ``others`` are the graphs of later stages by their ids."""

    def __init__(self, onnx: str | Path, threads: int = 0, others: Mapping[str, str | Path] | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
        self.input_name: str = self._session.get_inputs()[0].name
        self.others = {name: ReferenceModel(path, threads) for name, path in (others or {}).items()}

    def outputs(self, tensor: Array) -> list[Array]:
        """Raw outputs for an input tensor."""
        return [np.asarray(output) for output in self._session.run(None, {self.input_name: tensor})]

    def run(self, manifest: Manifest, image: Array) -> ReferenceResult:
        """The whole way of one image."""
        tensor, geometry = preprocess(manifest, image)
        outputs = self.one(tensor)
        found = decode(manifest, outputs, geometry)
        run_stages(manifest, image, found, {name: model.one for name, model in self.others.items()})
        return ReferenceResult(tensor, outputs, geometry, found)

    def one(self, tensor: Array) -> list[Array]:
        """Outputs for batch 1, also of a graph whose batch is fixed."""
        batch = self._session.get_inputs()[0].shape[0]
        fed = np.repeat(tensor, batch, axis=0) if isinstance(batch, int) and batch > 1 else tensor
        return [output[:1] for output in self.outputs(fed)]
