"""Bare ONNX Runtime on a GPU, in a process of its own: `_gpu_peer.py MODEL RUNS`.

The same graph, provider options and CUDA graph as the core's, input and output bound on the device once. Prints a JSON list of
microseconds per run: copy in, run, copy out, as a program by hand would do it.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def main() -> None:
    import onnxruntime

    model, runs = sys.argv[1], int(sys.argv[2])
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    provider = ("CUDAExecutionProvider", {"enable_cuda_graph": "1", "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "1"})
    session = onnxruntime.InferenceSession(model, providers=[provider])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        sys.exit("ONNX Runtime fell back to the CPU")
    source = session.get_inputs()[0]
    kinds = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(float16)": np.float16}
    image = np.zeros([side if isinstance(side, int) else 1 for side in source.shape], kinds[source.type])
    bound = onnxruntime.OrtValue.ortvalue_from_numpy(image, "cuda", 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input(source.name, bound)
    answers = []
    for output in session.get_outputs():
        shape = [side if isinstance(side, int) else 1 for side in output.shape]
        kind = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}[output.type]
        answers.append(onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, kind), "cuda", 0))
        binding.bind_ortvalue_output(output.name, answers[-1])
    times = []
    for i in range(runs + 50):
        begin = time.perf_counter_ns()
        bound.update_inplace(image)
        session.run_with_iobinding(binding)
        for answer in answers:
            answer.numpy()
        if i >= 50:
            times.append((time.perf_counter_ns() - begin) / 1000)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
