"""A PaDiM model of anomalib, fitted without its engine, with thresholds and spans set, exported by its own to_onnx."""

import shutil

import cv2
import numpy as np
import torch
from _case import IMAGES, MODEL
from anomalib.models import Padim

SIDE = 128


def exported(folder):
    torch.manual_seed(6)
    model = Padim(backbone="resnet18", layers=["layer1"], pre_trained=False, n_features=12)
    inner = model.model
    inner.train()
    pictures = []
    for path in IMAGES:
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        for turn in range(4):
            small = cv2.resize(np.rot90(picture, turn).copy(), (256, 256)).astype(np.float32).transpose(2, 0, 1)[None] / 255
            pictures.append(torch.from_numpy(small))
    with torch.no_grad():
        for one in pictures:
            inner(model.pre_processor(one))
    inner.fit()
    model.eval()
    with torch.no_grad():
        scores = [inner(model.pre_processor(one)) for one in pictures[::4]]
    post = model.post_processor
    values = torch.stack([s.pred_score.reshape(()) for s in scores])
    heat = torch.stack([s.anomaly_map for s in scores])
    post._image_threshold.copy_(values.median())
    post._pixel_threshold.copy_(heat.mean())
    post.image_min.copy_(values.min() - 1)
    post.image_max.copy_(values.max() + 1)
    post.pixel_min.copy_(heat.min())
    post.pixel_max.copy_(heat.max())
    path = model.to_onnx(folder / "export", input_size=(SIDE, SIDE))
    for part in path.parent.iterdir():
        shutil.copy(part, folder / part.name)
    assert MODEL.exists()
    return model, SIDE
