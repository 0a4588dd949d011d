"""A peer of peers_cpu.py, in a process and an environment of its own: `_peer.py KIND JOB`, JOB a JSON file.

Reads numbers of runs from stdin, one per line, and answers with a JSON list of microseconds, end to end from the picture in memory to the
family's answer in picture coordinates: class scores, boxes after suppression, contours. The first line that it writes is a summary of one
answer, so that a peer that computes something else is seen; one that cannot read the graph says "cannot" and why, and ends. KIND:
"openvino" (Model API), "opencv" (OpenCV DNN), "onnxruntime" (with cv2 and numpy), "anomalib" (its OpenVINO inferencer).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Job = dict[str, Any]  # family, model, picture, threads, size, mean, std, classes, threshold, iou
Net = Callable[[np.ndarray], np.ndarray]  # tensor to first output


def contours_of(labels: np.ndarray, classes: list[int], width: int, height: int) -> list[Any]:
    """Label map of the model's size to contours in the picture."""
    whole = cv2.resize(labels.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return [cv2.findContours((whole == k).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0] for k in classes]


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    scores: np.ndarray = raised / raised.sum()
    return scores


def boxes_of(rows: np.ndarray, job: Job, width: int, height: int) -> list[Any]:
    """YOLOX rows (cx, cy, w, h per cell, objectness, classes) to boxes in the picture, suppressed per class."""
    side_w, side_h = job["size"]
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(side_h // s) for x in range(side_w // s)]
    grid = np.array(cells[: len(rows)], np.float32)  # a head may stop at the finer strides
    centre = (rows[:, :2] + grid[:, :2]) * grid[:, 2:]
    size = np.exp(rows[:, 2:4]) * grid[:, 2:]
    scores = rows[:, 4:5] * rows[:, 5:]
    best, top = scores.argmax(1), scores.max(1)
    keep = np.nonzero(top >= job["threshold"])[0]
    corner = centre[keep] - size[keep] / 2
    scale = np.array([width / side_w, height / side_h] * 2, np.float32)
    boxes = np.concatenate([corner, size[keep]], 1) * scale
    chosen = cv2.dnn.NMSBoxesBatched(boxes.tolist(), top[keep].tolist(), best[keep].tolist(), job["threshold"], job["iou"])
    return [(boxes[i].tolist(), float(top[keep][i]), int(best[keep][i])) for i in np.asarray(chosen).reshape(-1)]


def answer(output: np.ndarray, job: Job, width: int, height: int) -> Any:
    """What the family answers, from the model's first output."""
    if job["family"] == "classification":
        return softmax(output[0])
    if job["family"] == "detection":
        return boxes_of(output[0], job, width, height)
    if job["family"] == "anomaly":
        scores = cv2.resize(np.squeeze(output), (width, height), interpolation=cv2.INTER_LINEAR)
        return cv2.findContours((scores >= job["threshold"]).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]
    labels = output[0].argmax(0) if output.shape[1] > 1 else (output[0, 0] >= 0.5).astype(np.uint8)
    return contours_of(labels, job["classes"], width, height)


def by_numpy(net: Net, job: Job, image: np.ndarray) -> Callable[[], Any]:
    """Preparation and answer with cv2 and numpy, as people write it by hand."""
    mean, std = (np.array(job[key], np.float32) for key in ("mean", "std"))
    height, width = image.shape[:2]

    def run() -> Any:
        small = cv2.cvtColor(cv2.resize(image, tuple(job["size"]), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
        tensor = np.ascontiguousarray(((small.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None])
        return answer(net(tensor), job, width, height)

    return run


def onnxruntime_peer(job: Job, image: np.ndarray) -> Callable[[], Any]:
    import onnxruntime

    cv2.setNumThreads(job["threads"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
    name, output = session.get_inputs()[0].name, session.get_outputs()[job["output"]].name
    return by_numpy(lambda tensor: session.run([output], {name: tensor})[0], job, image)


def opencv_peer(job: Job, image: np.ndarray) -> Callable[[], Any]:
    cv2.setNumThreads(job["threads"])
    net = cv2.dnn.readNetFromONNX(job["model"])
    names = net.getUnconnectedOutLayersNames()

    def forward(tensor: np.ndarray) -> np.ndarray:
        net.setInput(tensor)
        outputs = net.forward(names)
        result: np.ndarray = outputs[job["output"]]
        return result

    return by_numpy(forward, job, image)


def openvino_peer(job: Job, image: np.ndarray) -> Callable[[], Any]:
    if job["family"] not in ("segmentation", "classification"):
        return openvino_core_peer(job, image)  # Model API has no wrapper that takes these graphs as they are
    from model_api.models import ClassificationModel, SegmentationModel

    common = {
        "reverse_input_channels": True,
        "mean_values": [255 * value for value in job["mean"]],
        "scale_values": [255 * value for value in job["std"]],
    }
    place = {"device": "CPU", "nthreads": job["threads"]}
    if job["family"] == "classification":
        settings = {**common, "labels": job["labels"], "output_raw_scores": True, "topk": len(job["labels"])}
        net = ClassificationModel.create_model(job["model"], "Classification", configuration=settings, **place)
        return lambda: net(image)
    settings = {**common, "soft_threshold": 0.0, "blur_strength": -1, "return_soft_prediction": True, "labels": job["labels"]}
    net = SegmentationModel.create_model(job["model"], "Segmentation", configuration=settings, **place)
    return lambda: net.get_contours(net(image))


def openvino_core_peer(job: Job, image: np.ndarray) -> Callable[[], Any]:
    import openvino

    cv2.setNumThreads(job["threads"])
    settings = {"INFERENCE_NUM_THREADS": job["threads"], "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(job["model"], "CPU", settings)
    request = compiled.create_infer_request()
    output = compiled.outputs[job["output"]]

    def forward(tensor: np.ndarray) -> np.ndarray:
        request.infer([tensor], share_inputs=True)
        result: np.ndarray = request.get_tensor(output).data
        return result

    return by_numpy(forward, job, image)


def anomalib_peer(job: Job, image: np.ndarray) -> Callable[[], Any]:
    from anomalib.deploy import OpenVINOInferencer

    net = OpenVINOInferencer(path=job["anomalib"], device="CPU", config={"INFERENCE_NUM_THREADS": job["threads"]})
    colours = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]

    def run() -> Any:
        # The inferencer leaves resizing to its caller, and OpenVINO refuses another size than the graph's.
        prediction = net.predict(cv2.resize(colours, tuple(job["size"]), interpolation=cv2.INTER_LINEAR))
        mask = cv2.resize(np.squeeze(np.asarray(prediction.pred_mask)).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)[0]

    return run


KINDS = {"openvino": openvino_peer, "opencv": opencv_peer, "onnxruntime": onnxruntime_peer, "anomalib": anomalib_peer}


def main() -> None:
    kind, path = sys.argv[1:]
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        run = KINDS[kind](job, np.load(job["picture"]))
        first = run()
    except cv2.error as error:  # OpenCV DNN does not read every graph
        print(json.dumps({"kind": kind, "cannot": error.err}), flush=True)
        return
    told = len(first) if isinstance(first, (list, tuple, np.ndarray)) else str(first)
    print(json.dumps({"kind": kind, "family": job["family"], "answer": told}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter_ns()
            run()
            times.append((time.perf_counter_ns() - begin) / 1000)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
