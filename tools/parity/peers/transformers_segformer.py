"""SegFormer: the Pillow image processor, and post_process_semantic_segmentation at the size of the image."""

import numpy as np
import torch
from _case import IMAGES, save_array, session, write
from _transformers import export_logits
from PIL import Image
from transformers import SegformerConfig, SegformerForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

torch.manual_seed(2)
config = SegformerConfig(num_labels=4, depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 64, 128], decoder_hidden_size=64)
model = SegformerForSemanticSegmentation(config).eval()

export_logits(model, 256)
processor = SegformerImageProcessorPil(size={"height": 256, "width": 256})
run = session()


class Output:
    def __init__(self, logits):
        self.logits = torch.from_numpy(logits)


expected = []
for i, path in enumerate(IMAGES):
    picture = Image.open(path).convert("RGB")
    tensor = processor(picture, return_tensors="np")["pixel_values"].astype(np.float32)
    logits = run.run(None, {"x": tensor})[0]
    label_map = processor.post_process_semantic_segmentation(Output(logits), target_sizes=[(picture.height, picture.width)])[0]
    expected.append({"label_map": save_array(f"map{i}.npy", label_map.numpy().astype(np.uint8))})
options = {"lib": "pil", "threshold": 0.0}
write("semantic segmentation", "segmentation", [f"c{i}" for i in range(4)], options, expected, ["transformers", "torch", "pillow"])
