"""timm with a multi-label head: sigmoid of each logit."""

import math

import numpy as np
import timm
import torch
from _case import IMAGES, MODEL, session, write
from PIL import Image
from timm.data import create_transform, resolve_data_config

torch.manual_seed(1)
model = timm.create_model("resnet18", pretrained=False, num_classes=9).eval()
config = resolve_data_config({}, model=model)
transform = create_transform(**config)
side = config["input_size"][1]
torch.onnx.export(
    model, torch.zeros(1, 3, side, side), str(MODEL), input_names=["x"], output_names=["logits"], opset_version=17, dynamo=False
)
run = session()
expected = []
for path in IMAGES:
    logits = run.run(None, {"x": transform(Image.open(path).convert("RGB"))[None].numpy()})[0][0].astype(np.float64)
    expected.append({"classes": (1 / (1 + np.exp(-logits))).tolist()})
options = {
    "interp": {"bicubic": "cubic", "bilinear": "linear"}[config["interpolation"]],
    "resize_short": math.floor(side / config["crop_pct"]),
    "mean": list(config["mean"]),
    "std": list(config["std"]),
    "multi_label": True,
    "threshold": 0.0,
}
write("multi-label classification", "classification", [f"c{i}" for i in range(9)], options, expected, ["timm", "torch", "pillow"])
