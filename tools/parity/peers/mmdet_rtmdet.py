"""RTMDet of mmdetection: Resize and Pad of its test pipeline, and predict_by_feat of its head."""

import _mmcv_ops  # noqa: F401
import cv2
import numpy as np
import torch
from _case import IMAGES, MODEL, session, write
from mmdet.datasets.transforms import Pad, Resize
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict

register_all_modules()
torch.manual_seed(9)
CLASSES, SIDE = 5, 256
mean, std = [103.53, 116.28, 123.675], [57.375, 57.12, 58.395]
config = dict(
    type="RTMDet",
    backbone=dict(
        type="CSPNeXt",
        arch="P5",
        expand_ratio=0.5,
        deepen_factor=0.167,
        widen_factor=0.25,
        channel_attention=True,
        norm_cfg=dict(type="BN"),
        act_cfg=dict(type="SiLU"),
    ),
    neck=dict(
        type="CSPNeXtPAFPN",
        in_channels=[64, 128, 256],
        out_channels=64,
        num_csp_blocks=1,
        expand_ratio=0.5,
        norm_cfg=dict(type="BN"),
        act_cfg=dict(type="SiLU"),
    ),
    bbox_head=dict(
        type="RTMDetSepBNHead",
        num_classes=CLASSES,
        in_channels=64,
        stacked_convs=2,
        feat_channels=64,
        with_objectness=False,
        exp_on_reg=True,
        share_conv=True,
        pred_kernel_size=1,
        norm_cfg=dict(type="BN"),
        act_cfg=dict(type="SiLU"),
        anchor_generator=dict(type="MlvlPointGenerator", offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type="DistancePointBBoxCoder"),
        loss_cls=dict(type="QualityFocalLoss", use_sigmoid=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type="GIoULoss", loss_weight=2.0),
    ),
    test_cfg=dict(nms_pre=30000, min_bbox_size=0, score_thr=0.3, nms=dict(type="nms", iou_threshold=0.65), max_per_img=300),
)
model = MODELS.build(ConfigDict(config)).eval().requires_grad_(False)


class Tensors(torch.nn.Module):
    def forward(self, x):
        scores, distances = model.bbox_head(model.neck(model.backbone(x)))
        # Random heads answer nearly the same everywhere: spread them over a useful range.
        return (*[(s - s.mean()) / s.std() * 1.5 - 2 for s in scores], *[d.clamp(max=120) for d in distances])


names = [f"cls_{i}" for i in range(3)] + [f"bbox_{i}" for i in range(3)]
torch.onnx.export(
    Tensors(), torch.rand(1, 3, SIDE, SIDE), str(MODEL), input_names=["x"], output_names=names, opset_version=17, dynamo=False
)
run = session()
resize, pad = Resize(scale=(SIDE, SIDE), keep_ratio=True), Pad(size=(SIDE, SIDE), pad_val={"img": (114, 114, 114)})
expected = []
for path in IMAGES:
    picture = cv2.imread(str(path))
    meta = pad.transform(resize.transform({"img": picture, "img_shape": picture.shape[:2], "ori_shape": picture.shape[:2]}))
    tensor = ((meta["img"].astype(np.float32) - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]
    raw = [torch.from_numpy(a) for a in run.run(None, {"x": tensor})]
    with torch.no_grad():
        found = model.bbox_head.predict_by_feat(raw[:3], raw[3:], batch_img_metas=[meta], cfg=ConfigDict(config["test_cfg"]), rescale=True)[
            0
        ]
    rows = zip(found.labels.tolist(), found.scores.tolist(), found.bboxes.tolist(), strict=True)
    expected.append({"objects": [{"class_id": c, "score": s, "box": b} for c, s, b in rows]})
write(
    "RTMDet, mmdetection heads",
    "rtmdet",
    [f"c{i}" for i in range(CLASSES)],
    {"threshold": 0.3},
    expected,
    ["mmdet", "mmengine", "mmcv-lite", "torch"],
)
