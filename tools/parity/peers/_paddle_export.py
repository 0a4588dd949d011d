"""PP-YOLOE built, exported and run by PaddleDetection itself: its Trainer writes the folder, paddle2onnx the graph, --from-paddle packs both.

The expected boxes are those of its Trainer's own reader (Decode, Resize, NormalizeImage, Permute) and network in Paddle, suppression included,
which the exported graph has or has not.
"""

import json
import os

os.environ["ENABLE_FALL_BACK"] = "False"  # the exporter of PaddleDetection 2.6 wants whole programs

import subprocess
import sys
from pathlib import Path

import cv2  # noqa: F401 -- before paddle, whose zlib would read its pictures and crash
import paddle
from _case import FOLDER, IMAGES, MODEL, write
from ppdet.core.workspace import create, load_config
from ppdet.engine import Trainer

SIDE, NAMES = 256, ["scratch", "dent", "stain", "hole"]
CONFIG = f"""
architecture: PPYOLOE
norm_type: bn
use_ema: false
metric: COCO
num_classes: {len(NAMES)}
use_gpu: false
weights: ''
save_dir: {FOLDER}
worker_num: 0
depth_mult: 0.33
width_mult: 0.25
PPYOLOE: {{backbone: CSPResNet, neck: CustomCSPPAN, yolo_head: PPYOLOEHead, post_process: null}}
CSPResNet:
  layers: [3, 6, 6, 3]
  channels: [64, 128, 256, 512, 1024]
  return_idx: [1, 2, 3]
  use_large_stem: true
  use_alpha: true
CustomCSPPAN: {{out_channels: [768, 384, 192], stage_num: 1, block_num: 3, act: swish, spp: true}}
PPYOLOEHead:
  fpn_strides: [32, 16, 8]
  nms: {{name: MultiClassNMS, nms_top_k: 1000, keep_top_k: 300, score_threshold: 0.01, nms_threshold: 0.7}}
TestDataset: !ImageFolder {{anno_path: {FOLDER}/classes.json, dataset_dir: ''}}
TestReader:
  inputs_def: {{image_shape: [3, {SIDE}, {SIDE}]}}
  sample_transforms:
  - Decode: {{}}
  - Resize: {{target_size: [{SIDE}, {SIDE}], keep_ratio: false, interp: 2}}
  - NormalizeImage: {{mean: [0., 0., 0.], std: [1., 1., 1.], norm_type: none}}
  - Permute: {{}}
  batch_size: 1
"""


def spread(model, reader):
    """Heads of random weights answer the same everywhere: gives them scores and reaches of a useful range over the photographs."""
    head = model.yolo_head
    paddle.seed(11)
    for layers, deviation, bias in ((head.pred_cls, 1.0, 0.0), (head.pred_reg, 0.3, None)):
        for layer in layers:
            layer.weight.set_value(paddle.normal(0.0, deviation, layer.weight.shape))
            if bias is not None:
                layer.bias.set_value(paddle.full_like(layer.bias, bias))
    levels = [[] for _ in head.pred_cls]
    taps = [layer.register_forward_post_hook(lambda _, __, out, k=k: levels[k].append(out)) for k, layer in enumerate(head.pred_cls)]
    with paddle.no_grad():
        for data in reader:
            model(data)
    for tap in taps:
        tap.remove()
    for layer, seen in zip(head.pred_cls, levels, strict=True):
        logits = paddle.concat([out.flatten(2) for out in seen], axis=2)
        mean, deviation = logits.mean(axis=[0, 2]), logits.std(axis=[0, 2]) + 1e-9
        layer.weight.set_value(layer.weight / deviation.reshape([-1, 1, 1, 1]))
        layer.bias.set_value((layer.bias - mean) / deviation - 2.3)


def read(trainer):
    """What Trainer.predict iterates over."""
    trainer.dataset.set_images([str(path) for path in IMAGES])
    return create("TestReader")(trainer.dataset, 0)


def compared(family, without_nms=False):
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(NAMES)]
    (FOLDER / "classes.json").write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
    (FOLDER / "ppyoloe.yml").write_text(CONFIG)
    config = load_config(str(FOLDER / "ppyoloe.yml"))
    config["filename"] = str(FOLDER / "ppyoloe.yml")
    paddle.seed(3)
    trainer = Trainer(config, mode="test")
    trainer.model.eval()
    spread(trainer.model, read(trainer))
    expected = []
    with paddle.no_grad():
        for data in read(trainer):
            rows = trainer.model(data)["bbox"].numpy()
            found = [{"class_id": int(r[0]), "score": float(r[1]), "box": r[2:].tolist()} for r in rows if r[1] > 0.5]
            expected.append({"objects": found})
    trainer.model.yolo_head.exclude_nms = without_nms
    trainer.export(str(FOLDER / "inference"))
    export = FOLDER / "inference/ppyoloe"
    command = [str(Path(sys.executable).with_name("paddle2onnx")), "--model_dir", str(export), "--save_file", str(export / "model.onnx")]
    command += ["--model_filename", "model.pdmodel", "--params_filename", "model.pdiparams", "--opset_version", "16"]
    subprocess.run(command, check=True, capture_output=True)
    MODEL.unlink(missing_ok=True)
    packages = ["paddledet", "paddlepaddle", "paddle2onnx"]
    write(family, "ppyoloe", NAMES, {}, expected, packages, source=["--from-paddle", "inference/ppyoloe"])
