"""Opening a 200 MB container: verify + decrypt per core, Initialize against plain session creation, and peak memory of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from _report import claim, report, testing
from lnx import runtime_path
from lnx.container import OpenRecipient, PublicInfo, load_public_key, load_signing_key, new_container_key, write_container
from lnx.container.keys import point_of
from lnx.pack import pack
from onnx import TensorProto, helper, numpy_helper

OPEN = """
import json, resource, sys, time
begin = time.perf_counter()
import lnx
loaded = time.perf_counter()
lnx.Session(sys.argv[1], device="cpu", cpu_threads=1, trusted_keys=[sys.argv[2]], events=False, runtime_dir=sys.argv[3])
print(json.dumps([time.perf_counter() - loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""
PLAIN = """
import json, resource, sys, time
import onnxruntime, numpy
loaded = time.perf_counter()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
session.run(None, {"x": numpy.zeros((1, 3, 32, 32), numpy.float32)})
print(json.dumps([time.perf_counter() - loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def heavy(path: Path) -> Path:
    """A classifier with 200 MB of weights and little work."""
    rng = np.random.default_rng(0)
    big = rng.normal(0, 1e-3, (3072, 16384)).astype(np.float32)
    weights = [numpy_helper.from_array(big, "a"), numpy_helper.from_array(rng.normal(0, 1e-3, (16384, 2)).astype(np.float32), "b")]
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "a"], ["h"]),
        helper.make_node("MatMul", ["h", "b"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    onnx.save(
        helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path
    )
    return path


def median_of(program: str, *arguments: object) -> tuple[float, float]:
    """Seconds and peak MB, medians of five processes."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    return float(np.median([run[0] for run in runs])), float(np.median([run[1] for run in runs])) / 1024


def main() -> None:
    core = testing()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        payload = {"manifest.json": b"{}", "model.onnx": os.urandom(200 << 20)}
        signing = load_signing_key(private)
        write_container(place / "raw.lnx", entries=payload, public=PublicInfo("m", "1"), signing_key=signing, recipients=[OpenRecipient()])
        point = point_of(load_public_key(public))
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
        single = [core.time_open(str(place / "raw.lnx"), point) for _ in range(7)]
        os.sched_setaffinity(0, allowed)
        several = [core.time_open(str(place / "raw.lnx"), point) for _ in range(7)]
        gb = (200 << 20) / 1e9
        model = heavy(place / "heavy.onnx")
        options = {"resize": "stretch", "activation": "softmax", "lib": "opencv"}
        pack(model, place / "heavy.lnx", preset="classification", labels=["a", "b"], options=options, signing_key=signing)
        ours = median_of(OPEN, place / "heavy.lnx", public, runtime_path.choose(None) or os.environ["LNX_RUNTIME_DIR"])
        plain = median_of(PLAIN, model)
    rows = [
        {"what": "verify + decrypt, one core", "gb_s": round(gb / float(np.median(single)), 2)},
        {"what": f"verify + decrypt, {len(allowed)} cores", "gb_s": round(gb / float(np.median(several)), 2)},
        {"what": "Initialize, 200 MB (with two warm-up runs)", "seconds": round(ours[0], 3), "peak_mb": round(ours[1])},
        {"what": "onnxruntime session from file and one run", "seconds": round(plain[0], 3), "peak_mb": round(plain[1])},
    ]
    report(rows, [claim("verify + decrypt per core", gb / float(np.median(single)), "GB/s", 1.0, at_least=True)])


if __name__ == "__main__":
    main()
