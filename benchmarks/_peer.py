"""A peer of peers_cpu.py, in a process and an environment of its own: `_peer.py KIND MODEL IMAGE THREADS`.

Reads numbers of runs from stdin, one per line, and answers with a JSON list of microseconds, end to end from the picture in memory to
contours of each class in picture coordinates. KIND: "openvino" (Model API), "opencv" (OpenCV DNN), "onnxruntime" (with cv2 and numpy).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

CLASSES = (1, 2, 3)


def contours_of(labels: np.ndarray, width: int, height: int) -> list[object]:
    """Label map of the model's size to contours in the picture."""
    whole = cv2.resize(labels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return [cv2.findContours((whole == k).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0] for k in CLASSES]


def openvino(model: str, image: np.ndarray, threads: int) -> Callable[[], object]:
    from model_api.models import SegmentationModel

    settings = {
        "reverse_input_channels": True,
        "scale_values": [255, 255, 255],
        "soft_threshold": 0.0,
        "blur_strength": -1,
        "return_soft_prediction": True,
        "labels": ["scratch", "dent", "stain"],
    }
    net = SegmentationModel.create_model(model, "Segmentation", configuration=settings, device="CPU", nthreads=threads)
    return lambda: net.get_contours(net(image))


def opencv(model: str, image: np.ndarray, threads: int) -> Callable[[], object]:
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(model)
    height, width = image.shape[:2]

    def run() -> object:
        net.setInput(cv2.dnn.blobFromImage(image, 1 / 255, (256, 256), swapRB=True, crop=False))
        return contours_of(net.forward()[0].argmax(0), width, height)

    return run


def by_hand(model: str, image: np.ndarray, threads: int) -> Callable[[], object]:
    import onnxruntime

    cv2.setNumThreads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name, (height, width) = session.get_inputs()[0].name, image.shape[:2]

    def run() -> object:
        small = cv2.cvtColor(cv2.resize(image, (256, 256), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
        tensor = np.ascontiguousarray((small.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        return contours_of(session.run(None, {name: tensor})[0][0].argmax(0), width, height)

    return run


KINDS = {"openvino": openvino, "opencv": opencv, "onnxruntime": by_hand}


def main() -> None:
    kind, model, picture, threads = sys.argv[1:]
    run = KINDS[kind](model, np.load(picture), int(threads))
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter_ns()
            run()
            times.append((time.perf_counter_ns() - begin) / 1000)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
