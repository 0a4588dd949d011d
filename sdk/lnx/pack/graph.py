"""Reads what an ONNX file says about itself: inputs, outputs, external weights, licence marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
from onnx import TensorProto

from lnx.errors import LnxError
from lnx.manifest import TensorSpec

_DTYPES: dict[int, Literal["f32", "f16", "u8", "i32", "i64", "u16", "bool"]] = {
    TensorProto.FLOAT: "f32",
    TensorProto.FLOAT16: "f16",
    TensorProto.UINT8: "u8",
    TensorProto.INT32: "i32",
    TensorProto.INT64: "i64",
    TensorProto.UINT16: "u16",
    TensorProto.BOOL: "bool",
}


@dataclass(frozen=True)
class GraphFile:
    """An ONNX file: its bytes, tensors, opset, and the external weights that belong to it."""

    path: Path
    content: bytes
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    opset: int
    weights: bytes | None
    weights_location: str | None
    agpl: str | None


def _tensor(value: onnx.ValueInfoProto, path: Path, kind: str) -> TensorSpec:
    tensor = value.type.tensor_type
    dtype = _DTYPES.get(tensor.elem_type)
    if dtype is None:
        found = f'{kind} "{value.name}" of ONNX element type {tensor.elem_type}'
        raise LnxError(223, found=found, expected=", ".join(_DTYPES.values()), where=str(path))
    shape: list[int | str] = []
    for index, side in enumerate(tensor.shape.dim):
        shape.append(side.dim_value if side.dim_value > 0 else side.dim_param or f"d{index}")
    return TensorSpec(name=value.name, dtype=dtype, shape=shape)


def read_graph(path: str | Path) -> GraphFile:
    """Reads an ONNX file. Raises LnxError LNX-201/226 when it cannot be read, LNX-223 for tensors that the core cannot take."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LnxError(201, found=error.strerror or str(error), expected="an ONNX file", where=str(path)) from None
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the parser and the checker raise many kinds
        raise LnxError(226, found=str(error).splitlines()[0][:300], expected="a valid ONNX model", where=str(path)) from None
    initializers = {tensor.name for tensor in model.graph.initializer}
    locations = {entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"}
    if len(locations) > 1:
        found = f"weights in {len(locations)} files"
        raise LnxError(226, found=found, expected="weights in one file", where=str(path), fix="save the model with all_tensors_to_one_file")
    location = next(iter(locations), None)
    weights: bytes | None = None
    if location:
        beside = path.parent / location
        if not beside.is_file():
            raise LnxError(226, found=f"no file {location}", expected="the external weights beside the model", where=str(path))
        weights = beside.read_bytes()
    try:
        onnx.checker.check_model(str(path))
    except Exception as error:  # the checker raises many kinds
        raise LnxError(226, found=str(error).splitlines()[0][:300], expected="a valid ONNX model", where=str(path)) from None
    marks = {entry.key.lower(): entry.value for entry in model.metadata_props}
    licence = next((value for key, value in marks.items() if "license" in key or "licence" in key), "")
    agpl = licence if "AGPL" in licence.upper() else None
    if agpl is None and "ultralytics" in " ".join([model.producer_name, *marks.values()]).lower():
        agpl = "exported by Ultralytics (AGPL-3.0)"
    return GraphFile(
        path=path,
        content=content,
        inputs=[_tensor(value, path, "input") for value in model.graph.input if value.name not in initializers],
        outputs=[_tensor(value, path, "output") for value in model.graph.output],
        opset=max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0),
        weights=weights,
        weights_location=location,
        agpl=agpl,
    )
