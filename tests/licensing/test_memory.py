"""Where the plaintext of a protected model lies in memory while it is opened, what of it is left afterwards, and that no key is.

The process that opens is looked at from outside. It has the dongle's answer as its only way to the keys: no key is in its files, its
arguments or its environment.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from lnx.container import FamilyKey
from onnx import TensorProto, helper, numpy_helper
from plant import Plant
from process_memory import holding
from virtual_reader import VirtualReader

STOPPING = """
import sys
import lnx

def stop(stage, fraction):
    if stage == "load" and not stopped:
        stopped.append(stage)
        print("decrypted", flush=True)
        sys.stdin.readline()

stopped = []
with lnx.Session(sys.argv[1], device="cpu", progress=stop, events=False, license_wait=30) as session:
    print("open", flush=True)
    sys.stdin.readline()
print("closed", flush=True)
sys.stdin.readline()
"""


@contextmanager
def opening(model: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that stops when the model is decrypted, when it is open, and when it is closed."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", STOPPING, str(model)], **pipes) as program:
        try:
            yield program
        finally:
            program.kill()


def reaches(program: subprocess.Popen[str], place: str) -> int:
    """Waits for it there; its process id."""
    assert program.stdin and program.stdout
    if place != "decrypted":
        program.stdin.write("\n")
        program.stdin.flush()
    assert program.stdout.readline() == f"{place}\n"
    return program.pid


def marked_classifier(path: Path) -> tuple[bytes, bytes]:
    """A model with random weights. Returns a piece of them, and the bytes of the file around their beginning, which only the file has."""
    weights = np.random.default_rng(11).standard_normal(3072).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Add", ["f", "w"], ["g"]),  # unlike those of a product, the runtime keeps these as they are
        helper.make_node("MatMul", ["g", "v"], ["y"]),
    ]
    v = np.ones((3072, 2), np.float32)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(v, "v")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    file, raw = path.read_bytes(), weights.tobytes()
    at = file.index(raw)
    return raw[64:128], file[at - 6 : at + 42]


@pytest.fixture
def protected(virtual_reader: VirtualReader, plant: Plant) -> tuple[Path, dict[str, bytes]]:
    """A model that needs the dongle, and what of it is secret."""
    plant.desk.family = FamilyKey("fam-random", secrets.token_bytes(32))
    plant.model = plant.folder / "marked.onnx"
    weights, framed = marked_classifier(plant.model)
    plant.install(virtual_reader.insert())
    model = plant.pack(batch=[1])
    return model, {"weights": weights, "file": framed, "family": plant.desk.family.key}


def test_the_plaintext_lies_in_memory_that_is_locked_and_left_out_of_dumps(protected: tuple[Path, dict[str, bytes]]) -> None:
    model, hidden = protected
    with opening(model) as program:
        pid = reaches(program, "decrypted")
        for name in ("weights", "file"):
            lying = holding(pid, hidden[name])
            assert lying, "the look from outside finds what is there"
            assert all({"dd", "lo"} <= mapping.flags for mapping in lying), lying


def test_the_models_file_is_wiped_once_it_is_loaded_and_nothing_is_left_after_the_session(protected: tuple[Path, dict[str, bytes]]) -> None:
    model, hidden = protected
    with opening(model) as program:
        reaches(program, "decrypted")
        pid = reaches(program, "open")
        assert holding(pid, hidden["file"]) == [], "the file as it was decrypted"
        assert holding(pid, hidden["weights"]), "the runtime keeps the weights: that cannot be prevented"
        pid = reaches(program, "closed")
        assert holding(pid, hidden["file"]) == []


def test_no_key_is_left_in_memory_when_the_model_is_decrypted(protected: tuple[Path, dict[str, bytes]]) -> None:
    model, hidden = protected
    with opening(model) as program:
        for place in ("decrypted", "open"):
            pid = reaches(program, place)
            assert holding(pid, hidden["family"]) == [], place


def test_a_process_that_keeps_a_key_is_found_out() -> None:
    key = secrets.token_bytes(32)
    program = "import sys; key = bytes.fromhex(sys.stdin.readline()); print('kept', flush=True); sys.stdin.readline()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as keeper:
        assert keeper.stdin and keeper.stdout
        keeper.stdin.write(key.hex() + "\n")
        keeper.stdin.flush()
        assert keeper.stdout.readline() == "kept\n"
        found = holding(keeper.pid, key)
        keeper.kill()
    assert found and all("dd" not in mapping.flags for mapping in found)
