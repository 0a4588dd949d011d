"""What all tests share: small models built on the spot, keys, packed containers, and the module that opens the core."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from lnx import runtime_path
from lnx.container import load_signing_key, new_container_key
from lnx.pack import PackReport, pack
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
TEXTURE_LABELS = ["dark", "bright"]
SLOW_SECONDS = 3600
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that import onnxruntime themselves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests get the time that they take."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def socket_folder() -> Iterator[Path]:
    """Where a test's own smart-card service listens, one folder per process.

    libpcsclite remembers the socket of its first call, also where no reader is; so it is told before any test of any area asks.
    """
    folder = Path(tempfile.mkdtemp(prefix="lnx-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCSCLITE_CSOCK_NAME", str(folder / "pcscd.comm"))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def testing() -> ModuleType:
    """lnx_testing, built by the presets with tests."""
    folders = [os.environ.get("LNX_TESTING_DIR", ""), str(ROOT / "build/release/native/python")]
    for folder in filter(None, folders):
        if any(Path(folder).glob("lnx_testing*")):
            sys.path.insert(0, folder)
            return importlib.import_module("lnx_testing")
    pytest.skip("lnx_testing is not built: cmake --preset release && cmake --build build/release")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A container key: private and public file."""
    return new_container_key(tmp_path_factory.mktemp("keys"), "test")


def save_model(path: Path, nodes: list[Any], weights: list[Any], inputs: list[Any], outputs: list[Any]) -> Path:
    """Writes an ONNX file, checked."""
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def brightness_classifier(path: Path, batch: int | str = "N") -> Path:
    """Two logits from the mean of the input: bright images answer class 1."""
    weights = [
        numpy_helper.from_array(np.array([[-8.0, 8.0]], np.float32), "w"),
        numpy_helper.from_array(np.array([4.0, -4.0], np.float32), "b"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["m", "axis"], ["u"]),
        helper.make_node("MatMul", ["u", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 2])
    return save_model(path, nodes, weights, [x], [y])


def threshold_segmenter(path: Path, side: int = 64) -> Path:
    """One channel in 0..1: the grey value itself, so that bright pixels are defects."""
    weights = [numpy_helper.from_array(np.full((1, 3, 1, 1), 1 / 3, np.float32), "w")]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, side, side])
    return save_model(path, nodes, weights, [x], [y])


def segmenter(path: Path, side: int = 64) -> Path:
    """Three logits per pixel: something in between, dark, bright."""
    weights = [
        numpy_helper.from_array(np.array([0, -9, 9], np.float32).reshape(3, 1, 1, 1).repeat(3, 1), "w"),
        numpy_helper.from_array(np.array([0, 6, -18], np.float32), "b"),
    ]
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, side, side])
    return save_model(path, nodes, weights, [x], [y])


def rows_by_brightness(path: Path) -> Path:
    """PP-YOLOE's rows, one for a black picture and five for a white one: the shape of the output depends on the image."""
    rows = np.array([[k % 2, 0.9, 10 * k, 10, 10 * k + 8, 18] for k in range(5)], np.float32)
    limits = np.array([-1, 0.3, 0.5, 0.7, 0.9], np.float32)
    weights = [numpy_helper.from_array(rows, "rows_of_all"), numpy_helper.from_array(limits, "limits")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "limits"], ["on"]),
        helper.make_node("Compress", ["rows_of_all", "on"], ["rows"], axis=0),
        helper.make_node("Cast", ["on"], ["ones"], to=TensorProto.INT32),
        helper.make_node("ReduceSum", ["ones"], ["counts"], keepdims=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    outputs = [
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 6]),
        helper.make_tensor_value_info("counts", TensorProto.INT32, [1]),
    ]
    return save_model(path, nodes, weights, [x], outputs)


def fixed_detector(path: Path, rows: list[list[float]], side: int = 64) -> Path:
    """Answers the same YOLOX rows for every image, plus zero times the image."""
    table = np.array(rows, np.float32)[None]
    weights = [numpy_helper.from_array(table, "rows"), numpy_helper.from_array(np.float32(0), "zero")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["rows", "z"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(table.shape))
    return save_model(path, nodes, weights, [x], [y])


def dynamic_detector(path: Path, rows: list[list[float]], side: int = 64) -> Path:
    """Answers those of the YOLOX rows whose objectness is positive: how many is open until the graph has run."""
    table = np.array(rows, np.float32)
    weights = [
        numpy_helper.from_array(table, "rows"),
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.array([4], np.int64), "column"),
        numpy_helper.from_array(np.array([0], np.int64), "axis"),
        numpy_helper.from_array(np.array([-1], np.int64), "flat"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["rows", "z"], ["all"]),
        helper.make_node("Gather", ["all", "column"], ["objectness"], axis=1),
        helper.make_node("Reshape", ["objectness", "flat"], ["o"]),
        helper.make_node("Greater", ["o", "zero"], ["wanted"]),
        helper.make_node("Compress", ["all", "wanted"], ["some"], axis=0),
        helper.make_node("Unsqueeze", ["some", "axis"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "anchors", table.shape[1]])
    return save_model(path, nodes, weights, [x], [y])


PLAIN = {"colour": "RGB", "scale": 1 / 255, "mean": [0.0], "std": [1.0], "resize": "stretch", "lib": "opencv", "interp": "linear"}
Packer = Callable[..., tuple[Path, PackReport]]


@pytest.fixture
def packed(tmp_path: Path, keys: tuple[Path, Path]) -> Packer:
    """Packs a model into tmp_path with the plain recipe; options override it."""

    def make(model: Path, preset: str, labels: list[str], images: Any = (), runtimes: Any = (), **options: Any) -> tuple[Path, PackReport]:
        output = tmp_path / f"{model.stem}.lnx"
        report = pack(
            model,
            output,
            preset=preset,
            labels=labels,
            images=images,
            runtimes=runtimes,
            options={**PLAIN, **options},
            signing_key=load_signing_key(keys[0]),
        )
        return output, report

    return make


@pytest.fixture
def classifier(tmp_path: Path, packed: Packer) -> Path:
    """bright = NG."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (40, 50, 3), np.uint8) for _ in range(2)]
    model = brightness_classifier(tmp_path / "classifier.onnx")
    return packed(model, "classification", TEXTURE_LABELS, images, activation="softmax", ng=["bright"], batch=[1, 2])[0]


# The ways of calling that native/bench/count_allocations.cpp counts.
CALLS = {"run", "run_with_options", "run_with_changing_roi", "run_with_results_held", "submit_wait", "submit_wait_with_options"}


def count_allocations(model: Path, key: Path, image: Any, folder: Path, *arguments: object) -> dict[str, Any]:
    """Heap allocations per way of calling, counted on one image in a program of its own; events go to a file, as on the line."""
    program = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build/release")) / "native/count_allocations"
    if not program.exists():
        pytest.skip("count_allocations is not built here (Linux, preset release)")
    pixels = folder / "pixels.raw"
    pixels.write_bytes(np.ascontiguousarray(image).tobytes())
    form = "BGR8" if image.ndim == 3 else "GRAY16" if image.dtype == np.uint16 else "GRAY8"
    env = {**os.environ, "LNX_EVENT_DIR": str(folder / "events")}
    env.setdefault("LNX_RUNTIME_DIR", runtime_path.package_folder() or "")
    command = [program, model, key, pixels, image.shape[1], image.shape[0], form, *arguments]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told["calls"]) == CALLS
    assert all(call["runtime"] > 0 for call in told["calls"].values()), "the counter sees ONNX Runtime's own allocations"
    return told
