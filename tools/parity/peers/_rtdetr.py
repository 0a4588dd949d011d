"""RT-DETR: the Pillow image processor, and post_process_object_detection of logits and boxes, in the graph or after it."""

import numpy as np
import torch
from _case import FOLDER, IMAGES, MODEL, session, write
from PIL import Image
from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig
from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

torch.manual_seed(3)
SIDE, QUERIES, CLASSES = 256, 60, 5
backbone = RTDetrResNetConfig(
    depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 64, 128], embedding_size=16, layer_type="basic", out_features=["stage2", "stage3", "stage4"]
)
config = RTDetrConfig(
    backbone_config=backbone,
    encoder_in_channels=[32, 64, 128],
    encoder_hidden_dim=64,
    d_model=64,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    decoder_layers=2,
    decoder_in_channels=[64, 64, 64],
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    num_queries=QUERIES,
    num_labels=CLASSES,
    anchor_image_size=[SIDE, SIDE],
)
model = RTDetrForObjectDetection(config).eval()


class Raw(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, pixel_values):
        out = self.inner(pixel_values=pixel_values)
        return (
            out.logits - out.logits.mean()
        ) / out.logits.std() - 1, out.pred_boxes  # random heads answer nearly the same for all classes


class Three(torch.nn.Module):
    """Labels, boxes, scores, as RT-DETR's own repository exports them: the size of the picture, (w, h), is an input."""

    def __init__(self, inner):
        super().__init__()
        self.inner = Raw(inner)

    def forward(self, images, orig_target_sizes):
        logits, boxes = self.inner(images)
        scores, at = torch.topk(logits.sigmoid().flatten(1), QUERIES)
        x, y, w, h = boxes.unbind(-1)
        corners = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1) * orig_target_sizes.repeat(1, 2).unsqueeze(1)
        chosen = corners.gather(1, (at // CLASSES).unsqueeze(-1).expand(-1, -1, 4))
        return at % CLASSES, chosen, scores


class Output:
    pass


def compared(family, three):
    image, names = torch.rand(1, 3, SIDE, SIDE), {"opset_version": 17, "dynamo": False}
    if three:
        told = {"input_names": ["images", "orig_target_sizes"], "output_names": ["labels", "boxes", "scores"]}
        torch.onnx.export(Three(model), (image, torch.tensor([[SIDE, SIDE]])), str(MODEL), **told, **names)
        graph = FOLDER / "raw.onnx"
    else:
        graph = MODEL
    torch.onnx.export(Raw(model), image, str(graph), input_names=["x"], output_names=["logits", "pred_boxes"], **names)
    processor = RTDetrImageProcessorPil(size={"height": SIDE, "width": SIDE})
    run = session(graph)
    expected = []
    for path in IMAGES:
        picture = Image.open(path).convert("RGB")
        tensor = processor(picture, return_tensors="np")["pixel_values"].astype(np.float32)
        output = Output()
        output.logits, output.pred_boxes = (torch.from_numpy(a) for a in run.run(None, {"x": tensor}))
        found = processor.post_process_object_detection(output, threshold=0.3, target_sizes=[(picture.height, picture.width)])[0]
        rows = zip(found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True)
        expected.append({"objects": [{"class_id": c, "score": s, "box": b} for c, s, b in rows]})
    options = {"lib": "pil", "threshold": 0.3, **({} if three else {"top_k": QUERIES})}
    write(family, "rtdetr", [f"c{i}" for i in range(CLASSES)], options, expected, ["transformers", "torch", "pillow"])
