"""anomalib's anomaly map generator: a low-resolution score map is up-sampled, then blurred; the score is its maximum. Raw scores."""

import cv2
import numpy as np
import torch
from _case import IMAGES, MODEL, save_array, session, write
from anomalib.models.components.filters import GaussianBlur2d
from torch.nn import functional

torch.manual_seed(7)
SIDE = 128


class Low(torch.nn.Module):
    """A score map at an eighth of the input."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.second = torch.nn.Conv2d(8, 1, 3, stride=2, padding=1)

    def forward(self, x):
        return self.second(self.first(x).relu()).square() * 30


torch.onnx.export(
    Low().eval(), torch.rand(1, 3, SIDE, SIDE), str(MODEL), input_names=["x"], output_names=["map"], opset_version=17, dynamo=False
)
run = session()
mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
blur = GaussianBlur2d(sigma=4.0, channels=1)
expected = []
for i, path in enumerate(IMAGES):
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    raw = torch.from_numpy(run.run(None, {"x": ((small - mean) / std).transpose(2, 0, 1)[None]})[0])
    heat = blur(functional.interpolate(raw, size=(SIDE, SIDE), mode="bilinear"))
    full = functional.interpolate(heat, size=picture.shape[:2], mode="bilinear")[0, 0].numpy()
    score = float(torch.amax(heat))
    expected.append({"score": score, "score_map": save_array(f"heat{i}.npy", full), "verdict": "NG" if score >= 20 else "OK"})
options = {"steps": ["upsample", "blur"], "blur_sigma": 4.0, "threshold": 20.0}
write("anomaly, score map alone", "anomaly", [], options, expected, ["anomalib", "torch"])
