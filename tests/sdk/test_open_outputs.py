"""Models whose outputs have another shape for each image, as detectors with suppression in the graph do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lnx
import numpy as np
from conftest import Packer, rows_by_brightness

GREY = np.full((40, 40, 3), 90, np.uint8)


def test_each_image_has_as_many_rows_as_it_has(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path = packed(rows_by_brightness(tmp_path / "r.onnx"), "ppyoloe", ["a", "b"], [GREY], resize="stretch")[0]
    levels = {90: 2, 200: 4, 0: 1, 255: 5, 40: 1}
    with lnx.Session(path, device="cpu", keep_warm=0.001, trusted_keys=[keys[1]], events=False) as session:
        for level, rows in [*levels.items(), *reversed(levels.items())]:
            for _ in range(3):
                assert len(session.run(np.full((64, 64, 3), level, np.uint8)).objects) == rows


def test_packing_writes_nothing_beside_the_container(tmp_path: Path) -> None:
    """ONNX Runtime's official Linux builds report home from 1.29 on and keep a database for that in the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    program = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from graphs import fixed
from lnx.reference import ReferenceModel
model = fixed(Path(sys.argv[1]) / "m.onnx", {"y": np.zeros((1, 2), np.float32)})
print(ReferenceModel(model).outputs({"x": np.zeros((1, 3, 64, 64), np.float32)})[0].shape)
"""
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).resolve().parents[1] / "pack")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "(1, 2)" in done.stdout
    assert list(home.rglob("*")) == []
