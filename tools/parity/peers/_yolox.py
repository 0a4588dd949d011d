"""YOLOX: preproc of its data module, and postprocess of its utils; heads decoded in the graph, or by the head itself after it."""

import cv2
import torch
from _case import IMAGES, MODEL, session, write
from yolox.data.data_augment import preproc
from yolox.models import YOLOPAFPN, YOLOX, YOLOXHead
from yolox.utils import postprocess

torch.manual_seed(8)
CLASSES, SIDE = 5, 256
model = YOLOX(YOLOPAFPN(0.33, 0.25, depthwise=True), YOLOXHead(CLASSES, 0.25, depthwise=True))


class Spread(torch.nn.Module):
    """Random heads answer nearly the same everywhere: spread their scores over a useful range."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out = self.inner(x)
        logits = torch.log(out[..., 4:] / (1 - out[..., 4:]))
        logits = (logits - logits.mean(1, keepdim=True)) / (logits.std(1, keepdim=True) + 1e-9)
        return torch.cat([out[..., :4], logits.sigmoid()], -1)


def compared(family, decoded):
    model.eval()
    model.head.decode_in_inference = decoded
    with torch.no_grad():
        torch.onnx.export(
            Spread(model),
            torch.rand(1, 3, SIDE, SIDE),
            str(MODEL),
            input_names=["images"],
            output_names=["output"],
            opset_version=17,
            dynamo=False,
        )
    run = session()
    expected = []
    for path in IMAGES:
        tensor, ratio = preproc(cv2.imread(str(path)), (SIDE, SIDE))
        raw = torch.from_numpy(run.run(None, {"images": tensor[None]})[0])
        if not decoded:
            raw = model.head.decode_outputs(raw, dtype=raw.type())
        rows = postprocess(raw, CLASSES, conf_thre=0.3, nms_thre=0.65, class_agnostic=False)[0]
        rows = [] if rows is None else rows.numpy()
        objects = [{"class_id": int(r[6]), "score": float(r[4] * r[5]), "box": (r[:4] / ratio).tolist()} for r in rows]
        expected.append({"objects": sorted(objects, key=lambda o: -o["score"])[:300]})
    options = {"threshold": 0.3, "pre_top_k": 10000, "decoded": decoded}
    write(family, "yolox", [f"c{i}" for i in range(CLASSES)], options, expected, ["yolox", "torch"])
