"""A model that anomalib's engine fits on a folder of its own kind, validates and exports; its own inferencers answer for the photographs.

Nothing is set by hand: thresholds and spans come from the validation. Square pictures of the size that the model wants are answered by the
TorchInferencer, which runs the fitted torch model; the others by the OpenVINOInferencer over the exported graph, where it can run it.
"""

import logging
import os
import warnings

import cv2
import numpy as np
from _case import FOLDER, IMAGES, save_array, write
from anomalib.data import Folder
from anomalib.deploy import ExportType, OpenVINOInferencer, TorchInferencer
from anomalib.engine import Engine

SIDE = 256
os.environ["TRUST_REMOTE_CODE"] = "1"  # the file of the TorchInferencer is the one written here
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def _crop(picture, seed):
    rng = np.random.default_rng(seed)
    whole = cv2.resize(picture, (2 * SIDE, 2 * SIDE))
    x, y = rng.integers(0, SIDE, 2)
    return np.rot90(whole[y : y + SIDE, x : x + SIDE], seed % 4).copy()


def _scratch(picture, seed):
    """Paints a scratch; its mask."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    ends = (np.random.default_rng(seed).uniform(0.15, 0.85, (2, 2)) * mask.shape[::-1]).astype(int).tolist()
    cv2.line(mask, *ends, 255, 7)
    picture[mask > 0] = (20, 240, 30)
    return mask


def _parts():
    """The folder: 16 normal crops, 8 with a painted scratch and its mask."""
    root = FOLDER / "parts"
    for name in ("normal", "scratched", "mask"):
        (root / name).mkdir(parents=True, exist_ok=True)
    pictures = [cv2.imread(str(path)) for path in IMAGES]
    for i in range(16):
        cv2.imwrite(str(root / f"normal/{i:02}.png"), _crop(pictures[i % len(pictures)], i))
    for i in range(8):
        crop = _crop(pictures[i % len(pictures)], 100 + i)
        cv2.imwrite(str(root / f"mask/{i:02}.png"), _scratch(crop, 200 + i))
        cv2.imwrite(str(root / f"scratched/{i:02}.png"), crop)
    return root


def _photographs(root):
    """Photographs as they are and with a scratch, normal and scratched crops."""
    marred = []
    for i, path in enumerate(IMAGES[:3]):
        picture = cv2.imread(str(path))
        _scratch(picture, 300 + i)
        marred.append(FOLDER / f"marred{i}.png")
        cv2.imwrite(str(marred[-1]), picture)
    return [*IMAGES, *marred, root / "normal/01.png", *(root / f"scratched/{i:02}.png" for i in range(5))]


def _openvino(graph):
    os.chdir(FOLDER)  # its cache is written to the current folder
    return OpenVINOInferencer(graph, device="CPU", config={"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})


def compared(family, model, over_the_graph=True):
    """over_the_graph: pictures of other sizes are answered by the OpenVINOInferencer; without it the TorchInferencer answers for all."""
    root = _parts()
    images = _photographs(root)
    data = Folder("parts", root=root, normal_dir="normal", abnormal_dir="scratched", mask_dir="mask", num_workers=0, seed=1)
    engine = Engine(max_epochs=1, accelerator="cpu", devices=1, logger=False, default_root_dir=FOLDER / "runs", enable_progress_bar=False)
    engine.fit(model, datamodule=data)
    graph = engine.export(model, ExportType.ONNX, export_root=FOLDER / "export", input_size=(SIDE, SIDE))
    fitted = TorchInferencer(engine.export(model, ExportType.TORCH, export_root=FOLDER / "torch"), device="cpu")
    exported = _openvino(graph) if over_the_graph else None
    expected = []
    for i, path in enumerate(images):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        size = picture.shape[1::-1]
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        answer = (exported if exported and size != (SIDE, SIDE) else fitted).predict(small)
        score, label, heat = (np.asarray(getattr(answer, name)) for name in ("pred_score", "pred_label", "anomaly_map"))
        full = cv2.resize(heat.reshape(heat.shape[-2:]), size, interpolation=cv2.INTER_LINEAR)
        one = {"score": float(score.reshape(-1)[0]), "score_map": save_array(f"heat{i}.npy", full)}
        if abs(one["score"] - 0.5) > 1e-5:  # the threshold is the score of one of the pictures: float noise decides about that one
            one["verdict"] = "NG" if bool(label.reshape(-1)[0]) else "OK"
        expected.append(one)
    verdicts = [one["verdict"] for one in expected if "verdict" in one]
    assert set(verdicts) == {"OK", "NG"} and len(verdicts) >= len(expected) - 2
    IMAGES[:] = images
    packages = ["anomalib", "openvino", "torch"] if exported else ["anomalib", "torch"]
    write(family, "anomaly", [], {}, expected, packages, source=["--from-anomalib", "export"])
