"""A protected model is opened and run while every write of the process is watched: no piece of model, recipe or key is among them."""

from __future__ import annotations

import base64
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import onnx
import pytest
from lnx.container import FamilyRecipient, load_family_keys, new_family_key
from lnx.container.keys import write_public_key
from lnx.container.trust import write_key_list
from lnx.pack import pack
from onnx import TensorProto, helper, numpy_helper
from supplier_desk import Desk
from virtual_reader import VirtualReader
from write_trace import files_with, trace, why_not

OPEN_AND_RUN = """
import json, sys
import numpy as np
import lnx
settings = json.loads(sys.argv[1])
with lnx.Session(device="cpu", **settings) as session:
    for _ in range(3):
        print(session.run(np.full((32, 32, 3), 200, np.uint8)).verdict)
"""
LEAK = """
import sys
from pathlib import Path
from lnx.container import load_family_keys, load_public_key, read_container
model, trust, family, out = sys.argv[1:]
opened = read_container(model, trusted=[load_public_key(trust)], family_keys=load_family_keys(family))
Path(out).write_bytes(opened.read("model.onnx"))
"""


@dataclass
class Protected:
    """A packed model, what may not be seen of it, and the folder in which everything of the traced process lies."""

    path: Path
    trusted: Path
    family: Path
    secrets: dict[str, bytes]
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        place = str(self.home)
        return {
            "HOME": place,
            "TMPDIR": place,
            "XDG_CACHE_HOME": place,
            "LNX_EVENT_DIR": place,
            "LNX_STATE_DIR": place,
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def random_classifier(path: Path) -> bytes:
    """Two logits from random weights, which can be recognised anywhere. Returns the bytes of the weights."""
    weights = np.random.default_rng(7).standard_normal((3072, 2)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return weights.tobytes()


@pytest.fixture
def protected(tmp_path: Path, desk: Desk) -> Protected:
    if why_not():
        pytest.skip(why_not())
    weights = random_classifier(tmp_path / "m.onnx")
    family_file = new_family_key(tmp_path, "fam-2026A")
    family = load_family_keys(family_file)[0]
    desk.family = family
    pack(
        tmp_path / "m.onnx",
        tmp_path / "m.lnx",
        signing_key=desk.container_key,
        recipients=[FamilyRecipient(*family)],
        preset="classification",
        labels=["inside-a-secret-label", "another-secret-label"],
        images=[np.full((32, 32, 3), 77, np.uint8)],
        options={"colour": "RGB", "scale": 1 / 255, "mean": [0.0], "std": [1.0], "resize": "stretch", "ng": ["another-secret-label"]},
    )
    home = tmp_path / "home"
    home.mkdir()
    secrets = {
        "weights": weights,
        "recipe": b"inside-a-secret-label",
        "family key": family.key,
        "family key as base64": base64.b64encode(family.key),
        "family key as hex": family.key.hex().encode(),
    }
    trusted = write_public_key(tmp_path / "release.container-pub.pem", desk.container_key.public_key())
    return Protected(tmp_path / "m.lnx", trusted, family_file, secrets, home)


def opened(protected: Protected, **settings: Any) -> None:
    """Traces a process that opens the model with these settings and runs it, and claims that nothing got out."""
    import json

    chosen = {"path": str(protected.path), "trusted_keys": [str(protected.trusted)], **settings}
    runtime = os.environ.get("LNX_RUNTIME_DIR")
    if runtime:
        chosen["runtime_dir"] = runtime
    done, seen = trace([sys.executable, "-c", OPEN_AND_RUN, json.dumps(chosen)], protected.home.parent, protected.environment)
    assert done.returncode == 0 and len(done.stdout.split()) == 3, done.stdout + done.stderr
    assert seen.leaks(protected.secrets) == set()
    assert seen.unseen == []
    assert [path for path in seen.mapped if not path.startswith("/dev/")] == []
    assert files_with(protected.home, protected.secrets) == []


def test_with_a_family_key_nothing_of_the_model_is_written(protected: Protected) -> None:
    opened(protected, key_file=str(protected.family))


def test_with_a_dongle_nothing_of_the_model_or_its_key_is_written(protected: Protected, desk: Desk, virtual_reader: VirtualReader) -> None:
    if "license_file" not in inspect.signature(lnx.Session).parameters:
        pytest.skip("this core does not read licences")
    card = virtual_reader.insert()
    licence = protected.home.parent / "plant.lic"
    licence.write_bytes(desk.licence(card))
    root = write_public_key(protected.home.parent / "acme.root-pub.pem", desk.root.public_key())
    listed = protected.home.parent / "acme.keylist.json"
    write_key_list(listed, desk.key_list)
    opened(protected, license_file=str(licence), trusted_keys=[str(root), str(listed)])


def test_a_program_that_leaks_is_caught_by_both_looks(protected: Protected) -> None:
    out = protected.home / "leak.onnx"
    command = [sys.executable, "-c", LEAK, protected.path, protected.trusted, protected.family, out]
    done, seen = trace(command, protected.home.parent, protected.environment)
    assert done.returncode == 0, done.stderr
    assert seen.leaks(protected.secrets) == {"weights"}
    assert files_with(protected.home, protected.secrets) == [str(out)]


def test_a_program_that_maps_a_file_to_write_is_caught(protected: Protected) -> None:
    program = "import mmap, sys; f = open(sys.argv[1], 'w+b'); f.truncate(4096); mmap.mmap(f.fileno(), 4096)[:5] = b'hello'"
    done, seen = trace([sys.executable, "-c", program, protected.home / "mapped"], protected.home.parent, protected.environment)
    assert done.returncode == 0, done.stderr
    assert seen.mapped == [str(protected.home / "mapped")]
