"""timm: its evaluation transform, and softmax or sigmoid of the logits."""

import math

import numpy as np
import timm
import torch
from _case import IMAGES, MODEL, session, write
from PIL import Image
from timm.data import create_transform, resolve_data_config

torch.manual_seed(0)
model = timm.create_model("convnext_atto", pretrained=False, num_classes=7).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if name.startswith("head") and parameter.ndim == 2:
            parameter.mul_(40)  # random heads answer nearly the same for all classes
config = resolve_data_config({}, model=model)
transform = create_transform(**config)
side = config["input_size"][1]
torch.onnx.export(
    model, torch.zeros(1, 3, side, side), str(MODEL), input_names=["x"], output_names=["logits"], opset_version=17, dynamo=False
)
run = session()
expected = []
for path in IMAGES:
    tensor = transform(Image.open(path).convert("RGB"))[None].numpy()
    logits = run.run(None, {"x": tensor})[0][0].astype(np.float64)
    scores = np.exp(logits - logits.max())
    expected.append({"classes": (scores / scores.sum()).tolist()})
options = {
    "interp": {"bicubic": "cubic", "bilinear": "linear"}[config["interpolation"]],
    "resize_short": math.floor(side / config["crop_pct"]),
    "mean": list(config["mean"]),
    "std": list(config["std"]),
}
write("classification", "classification", [f"c{i}" for i in range(7)], options, expected, ["timm", "torch", "pillow"])
