"""effdet: ResizePad and normalisation, and the prediction bench's top-k, anchors and suppression."""

import numpy as np
import torch
from _case import IMAGES, MODEL, session, write
from effdet import create_model
from effdet.anchors import Anchors
from effdet.bench import _batch_detection, _post_process
from effdet.data.transforms import ResizePad, resolve_fill_color
from PIL import Image

torch.manual_seed(4)
CLASSES, SIDE = 6, 256
model = create_model("efficientdet_lite0", pretrained=False, pretrained_backbone=False, num_classes=CLASSES, image_size=(SIDE, SIDE)).eval()
model = getattr(model, "model", model)
with torch.no_grad():
    last = model.class_net.predict.conv_pw
    last.bias.zero_()


class Flat(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        scores, boxes = self.inner(x)
        # Random heads answer nearly the same everywhere: spread them over a useful range.
        spread = [(s - s.mean()) / s.std() * 1.2 - 3 for s in scores]
        return (*spread, *boxes)


names = [f"class_{i}" for i in range(5)] + [f"box_{i}" for i in range(5)]
torch.onnx.export(
    Flat(model), torch.rand(1, 3, SIDE, SIDE), str(MODEL), input_names=["x"], output_names=names, opset_version=17, dynamo=False
)
run = session()
mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
resize = ResizePad(target_size=SIDE, fill_color=resolve_fill_color("mean"))
anchors = Anchors.from_config(model.config)
expected = []
for path in IMAGES:
    picture = Image.open(path).convert("RGB")
    padded, note = resize(picture, {})
    tensor = ((np.asarray(padded, np.float32) / 255 - mean) / std).transpose(2, 0, 1)[None]
    raw = [torch.from_numpy(a) for a in run.run(None, {"x": tensor})]
    picked = _post_process(raw[:5], raw[5:], num_levels=5, num_classes=CLASSES, max_detection_points=5000)
    scale = torch.tensor([note["img_scale"]])
    size = torch.tensor([[picture.width, picture.height]], dtype=torch.float32)
    rows = _batch_detection(1, picked[0], picked[1], anchors.boxes, picked[2], picked[3], scale, size, 5000)[0].tolist()
    objects = [{"class_id": int(r[5]) - 1, "score": r[4], "box": r[:4]} for r in rows if r[4] >= 0.3 and r[2] > r[0] and r[3] > r[1]]
    expected.append({"objects": objects})
options = {
    "threshold": 0.3,
    "max_objects": 5000,
    "anchor_scale": float(model.config.anchor_scale),
    "mean": mean.tolist(),
    "std": std.tolist(),
}
write("EfficientDet", "efficientdet", [f"c{i}" for i in range(CLASSES)], options, expected, ["effdet", "torch", "pillow"])
