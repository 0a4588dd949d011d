"""PP-YOLOE without suppression in the graph: PaddleDetection's Resize and NormalizeImage, and its MultiClassNMS with Paddle's own operator."""

import cv2
import numpy as np
import onnx
import paddle
from _case import IMAGES, MODEL, session, write
from onnx import TensorProto, helper, numpy_helper
from ppdet.modeling.layers import MultiClassNMS

rng = np.random.default_rng(11)
CLASSES, SIDE, GRID = 4, 256, 16
ANCHORS = GRID * GRID
# Scores by a random convolution over the picture; boxes around the cells, the larger the brighter.
weights = [
    numpy_helper.from_array((rng.normal(0, 1, (CLASSES, 3, 16, 16)) * 0.05).astype(np.float32), "w"),
    numpy_helper.from_array(np.float32(rng.normal(-0.5, 0.3, CLASSES)), "b"),
    numpy_helper.from_array(np.array([1, CLASSES, ANCHORS], np.int64), "flat"),
    numpy_helper.from_array(np.array([1, 1, ANCHORS, 1], np.int64), "column"),
    numpy_helper.from_array(np.array([1, ANCHORS, 4], np.int64), "rows"),
]
ys, xs = np.mgrid[0:GRID, 0:GRID] * (SIDE // GRID) + SIDE // GRID / 2
centre = np.stack([xs.ravel(), ys.ravel(), xs.ravel(), ys.ravel()], 1).astype(np.float32)[None]
reach = (rng.uniform(12, 60, (1, ANCHORS, 4)) * np.array([-1, -1, 1, 1])).astype(np.float32)
weights += [numpy_helper.from_array(centre, "centre"), numpy_helper.from_array(reach, "reach")]
nodes = [
    helper.make_node("Conv", ["x", "w", "b"], ["heat"], strides=[16, 16]),
    helper.make_node("Reshape", ["heat", "flat"], ["logits"]),
    helper.make_node("Sigmoid", ["logits"], ["scores"]),
    helper.make_node("ReduceMean", ["heat"], ["mean"], axes=[1], keepdims=1),
    helper.make_node("Sigmoid", ["mean"], ["share"]),
    helper.make_node("Reshape", ["share", "column"], ["share_c"]),
    helper.make_node("Squeeze", ["share_c", "one"], ["share_s"]),
    helper.make_node("Mul", ["share_s", "reach"], ["offset"]),
    helper.make_node("Add", ["centre", "offset"], ["boxes"]),
]
weights.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
f = TensorProto.FLOAT
graph = helper.make_graph(
    nodes,
    "g",
    [helper.make_tensor_value_info("x", f, [1, 3, SIDE, SIDE])],
    [helper.make_tensor_value_info("boxes", f, [1, ANCHORS, 4]), helper.make_tensor_value_info("scores", f, [1, CLASSES, ANCHORS])],
    weights,
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(MODEL))
nms = MultiClassNMS(score_threshold=0.3, nms_top_k=1000, keep_top_k=300, nms_threshold=0.7, return_index=False)
run = session()
expected = []
for path in IMAGES:
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    scale_y, scale_x = SIDE / picture.shape[0], SIDE / picture.shape[1]
    small = cv2.resize(picture, None, None, fx=scale_x, fy=scale_y, interpolation=cv2.INTER_LINEAR)
    tensor = (small.astype(np.float32) / 255.0).transpose(2, 0, 1)[None]
    boxes, scores = run.run(None, {"x": tensor})
    boxes = boxes / np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
    rows, count = nms(paddle.to_tensor(boxes), paddle.to_tensor(scores))[:2]
    rows = rows.numpy()[: int(count.numpy()[0])]
    expected.append({"objects": [{"class_id": int(r[0]), "score": float(r[1]), "box": r[2:].tolist()} for r in rows]})
options = {"threshold": 0.3, "iou": 0.7, "interp": "linear"}
write("PP-YOLOE, boxes and scores", "ppyoloe", [f"c{i}" for i in range(CLASSES)], options, expected, ["paddledet", "paddlepaddle"])
