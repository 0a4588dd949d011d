"""Small graphs that answer the same tensors for every image, as exporters name and shape them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}


def fixed(
    path: Path,
    outputs: dict[str, Array],
    *,
    size: tuple[int, int] = (64, 64),
    extra: dict[str, Any] | None = None,
    image: str = "x",
) -> Path:
    """Outputs plus zero times the image of ``size`` (height, width); every input is used.

    ``extra``: other inputs by name with their numpy type.
    """
    weights = [numpy_helper.from_array(np.float32(0), "zero")]
    inputs = [helper.make_tensor_value_info(image, TensorProto.FLOAT, [1, 3, *size])]
    nodes = [helper.make_node("ReduceMean", [image], ["mean"], keepdims=0), helper.make_node("Mul", ["mean", "zero"], ["z"])]
    last = "z"
    for name, kind in (extra or {}).items():
        inputs.append(helper.make_tensor_value_info(name, TYPES[np.dtype(kind).name], [1, 2]))
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", [f"{name}_f"], [f"{name}_m"], keepdims=0),
            helper.make_node("Mul", [f"{name}_m", "zero"], [f"{name}_z"]),
            helper.make_node("Add", [last, f"{name}_z"], [f"{name}_sum"]),
        ]
        last = f"{name}_sum"
    values = []
    for name, array in outputs.items():
        kind = TYPES[array.dtype.name]
        weights.append(numpy_helper.from_array(array.astype(np.float32), f"{name}_value"))
        nodes.append(helper.make_node("Add", [f"{name}_value", last], [f"{name}_float"]))
        nodes.append(helper.make_node("Cast", [f"{name}_float"], [name], to=kind))
        values.append(helper.make_tensor_value_info(name, kind, list(array.shape)))
    graph = helper.make_graph(nodes, "g", inputs, values, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
