"""Swin2SR, twice as large: the Pillow image processor, and the reconstruction cut to 0..1 and rounded."""

import numpy as np
import torch
from _case import FOLDER, IMAGES, MODEL, save_array, session, write
from PIL import Image
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution
from transformers.models.swin2sr.image_processing_pil_swin2sr import Swin2SRImageProcessorPil

torch.manual_seed(5)
SIDE = 64
config = Swin2SRConfig(image_size=SIDE, embed_dim=24, depths=[2], num_heads=[2], window_size=8, upscale=2)
model = Swin2SRForImageSuperResolution(config).eval()


class Picture(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixel_values):
        return self.inner(pixel_values=pixel_values).reconstruction


torch.onnx.export(
    Picture(model), torch.rand(1, 3, SIDE, SIDE), str(MODEL), input_names=["x"], output_names=["y"], opset_version=17, dynamo=False
)
processor = Swin2SRImageProcessorPil(do_pad=False)
run = session()
expected = []
for i, path in enumerate(list(IMAGES)):
    cut = Image.open(path).convert("RGB").crop((40, 30, 40 + SIDE, 30 + SIDE))
    cut.save(FOLDER / f"cut{i}.png")
    tensor = processor(cut, return_tensors="np")["pixel_values"].astype(np.float32)
    picture = run.run(None, {"x": tensor})[0][0].clip(0, 1).transpose(1, 2, 0)
    expected.append({"image": save_array(f"picture{i}.npy", (picture * 255.0).round().astype(np.uint8)[:, :, ::-1])})
IMAGES[:] = [FOLDER / f"cut{i}.png" for i in range(len(expected))]
write("enhancement", "enhancement", [], {"resize": "none", "upscale": 2}, expected, ["transformers", "torch", "pillow"])
