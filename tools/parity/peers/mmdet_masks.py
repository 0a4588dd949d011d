"""Mask heads of mmdetection: _do_paste_mask puts 28 x 28 masks over their boxes; boxes, labels and masks come from a random graph."""

import _mmcv_ops  # noqa: F401
import cv2
import numpy as np
import torch
from _case import IMAGES, MODEL, save_array, session, write
from mmdet.datasets.transforms import Pad, Resize
from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask

torch.manual_seed(10)
SIDE, K = 256, 6


class Instances(torch.nn.Module):
    """Boxes, scores and masks that depend on the picture."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, K, 16, stride=9)

    def forward(self, x):
        heat = self.stem(x)[:, :, :28, :28] * 3
        mean = heat.mean((2, 3)).sigmoid()
        corner = torch.stack([mean * 120, mean * 90, mean * 120 + 60 + 60 * mean, mean * 90 + 50 + 80 * mean], -1)
        ladder = torch.arange(K) * 0.09 + 0.4
        return (
            torch.cat([corner, (mean * 0.05 + ladder)[..., None]], -1),
            torch.arange(K)[None] % 3 + torch.zeros_like(mean).long(),
            heat.sigmoid(),
        )


torch.onnx.export(
    Instances().eval(),
    torch.rand(1, 3, SIDE, SIDE),
    str(MODEL),
    input_names=["x"],
    output_names=["dets", "labels", "masks"],
    opset_version=17,
    dynamo=False,
)
run = session()
mean, std = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
resize, pad = Resize(scale=(SIDE, SIDE), keep_ratio=True), Pad(size=(SIDE, SIDE), pad_val={"img": (114, 114, 114)})
expected = []
for i, path in enumerate(IMAGES):
    picture = cv2.imread(str(path))
    meta = pad.transform(resize.transform({"img": picture, "img_shape": picture.shape[:2], "ori_shape": picture.shape[:2]}))
    tensor = ((meta["img"].astype(np.float32) - mean) / std).transpose(2, 0, 1)[None]
    dets, labels, masks = (torch.from_numpy(a[0]) for a in run.run(None, {"x": tensor}))
    order = dets[:, 4].argsort(descending=True, stable=True)
    boxes = dets[order, :4] / torch.tensor(meta["scale_factor"]).repeat(2)
    pasted, _ = _do_paste_mask(masks[order][:, None], boxes, *picture.shape[:2], skip_empty=False)
    rows = zip(labels[order].tolist(), dets[order, 4].tolist(), boxes.tolist(), strict=True)
    expected.append(
        {
            "objects": [{"class_id": c, "score": s, "box": b} for c, s, b in rows],
            "masks": save_array(f"masks{i}.npy", (pasted >= 0.5).numpy()),
        }
    )
write("instance masks over boxes", "instance", ["a", "b", "c"], {"threshold": 0.1}, expected, ["mmdet", "mmcv-lite", "torch"])
