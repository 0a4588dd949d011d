"""No family of models takes memory in the steady state: graphs that always answer the same many candidates, counted call by call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CLASSES, DETECTORS, SIDE, Array, heads, manifest
from conftest import CALLS, count_allocations, save_model
from lnx.container import OpenRecipient, PublicInfo, load_signing_key, write_container
from lnx.manifest import Manifest
from onnx import TensorProto, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32}


def constant_graph(path: Path, outputs: list[tuple[str, Array]]) -> bytes:
    """A graph that answers these tensors, plus zero times the image."""
    weights = [numpy_helper.from_array(np.float32(0), "zero")]
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0), helper.make_node("Mul", ["m", "zero"], ["z"])]
    told = []
    for i, (_, array) in enumerate(outputs):
        kind = KINDS[str(array.dtype)]
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), f"c{i}"))
        nodes += [helper.make_node("Cast", ["z"], [f"z{i}"], to=kind), helper.make_node("Add", [f"c{i}", f"z{i}"], [f"o{i}"])]
        told.append(helper.make_tensor_value_info(f"o{i}", kind, list(array.shape)))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    return save_model(path, nodes, weights, [x], told).read_bytes()


def counted(made: Manifest, outputs: list[tuple[str, Array]], folder: Path, keys: tuple[Path, Path], want: int) -> dict[str, Any]:
    path = folder / "m.lnx"
    entries = {"manifest.json": made.to_json().encode(), "model.onnx": constant_graph(folder / "m.onnx", outputs)}
    signing = load_signing_key(keys[0])
    write_container(path, entries=entries, public=PublicInfo("m", "1"), signing_key=signing, recipients=[OpenRecipient()])
    image = np.random.default_rng(1).integers(0, 256, (80, 110, 3), np.uint8)
    told = count_allocations(path, keys[1], image, folder, "--want", want)
    assert {call: told["calls"][call]["core"] for call in CALLS} == dict.fromkeys(CALLS, 0), told["stacks"]
    return told


@pytest.mark.parametrize("kind", DETECTORS)
def test_detectors(kind: str, tmp_path: Path, keys: tuple[Path, Path]) -> None:
    part, outputs = heads(np.random.default_rng(7), kind)
    told = counted(manifest(part, outputs, nms={"iou": 0.5, "pre_top_k": 200, "max": 40}), outputs, tmp_path, keys, 0)
    assert told["found"]["objects"] > 3


def blobs(count: int) -> Array:
    y, x = np.mgrid[:SIDE, :SIDE]
    maps = [8 - np.abs(np.hypot(x - 20 - 9 * i, y - 30) - 9) * 4 for i in range(count)]
    return np.stack(maps).astype(np.float32)


def test_instance_masks(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(9)
    corners = np.concatenate([rng.uniform(0, 30, (1, 8, 2)), rng.uniform(33, SIDE, (1, 8, 2)), rng.uniform(0.4, 1, (1, 8, 1))], axis=2)
    masks = (1 / (1 + np.exp(-np.clip(blobs(8)[None], -30, 30)))).astype(np.float32)
    outputs = [("labels", rng.integers(0, CLASSES, (1, 8))), ("masks", masks), ("dets", corners.astype(np.float32))]
    told = counted(manifest({"kind": "instance", "masks": "input"}, outputs), outputs, tmp_path, keys, 4)
    assert told["found"]["objects"] > 3 and told["found"]["rles"] > 3


def test_anomaly(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    outputs = [("score", np.array([0.9], np.float32)), ("map", np.abs(blobs(1))[None])]
    part = {
        "kind": "anomaly",
        "space": "raw",
        "score": "top_mean",
        "top_k": 9,
        "steps": ["upsample", "blur"],
        "blur_sigma": 1.5,
        "mask_threshold": 0.5,
    }
    part |= {"image": {"thr": 0.6, "min": 0.1, "max": 3.0}, "pixel": {"thr": 1.1, "min": 0.0, "max": 4.0}}
    labels = [{"id": 0, "name": "normal"}, {"id": 1, "name": "anomalous"}]
    rule = {"rules": [{"kind": "score", "then": "NG"}], "otherwise": "OK"}
    told = counted(manifest(part, outputs, labels=labels, verdict=rule), outputs, tmp_path, keys, 7)
    assert told["found"]["regions"] > 0


def test_enhancement(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    outputs = [("image", np.random.default_rng(3).uniform(-1, 1, (1, 3, 2 * SIDE, 2 * SIDE)).astype(np.float32))]
    part = {"kind": "enhancement", "scale": 2, "layout": "NCHW", "bits": 8, "colour": "RGB", "range": [-1, 1]}
    counted(manifest(part, outputs, labels=[], verdict={}), outputs, tmp_path, keys, 0)
