"""ConvNeXt-Tiny whole (28.6 million weights, 1000 classes): the Pillow image processor, and softmax of the logits."""

import numpy as np
import torch
from _case import IMAGES, session, write
from _transformers import export_logits
from PIL import Image
from transformers import ConvNextConfig, ConvNextForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

torch.manual_seed(3)
model = ConvNextForImageClassification(ConvNextConfig(num_labels=1000)).eval()
with torch.no_grad():
    model.classifier.weight.mul_(10)  # random heads answer nearly the same for all classes

export_logits(model, 224)
processor = ConvNextImageProcessorPil(size={"shortest_edge": 224})
run = session()
expected = []
for path in IMAGES:
    tensor = processor(Image.open(path).convert("RGB"), return_tensors="np")["pixel_values"].astype(np.float32)
    logits = run.run(None, {"x": tensor})[0][0].astype(np.float64)
    scores = np.exp(logits - logits.max())
    expected.append({"classes": (scores / scores.sum()).tolist()})
options = {"lib": "pil", "interp": "cubic", "resize_short": 256, "crop": "floor", "mean": processor.image_mean, "std": processor.image_std}
write(
    "classification, ConvNeXt-Tiny",
    "classification",
    [f"c{i}" for i in range(1000)],
    options,
    expected,
    ["transformers", "torch", "pillow"],
)
