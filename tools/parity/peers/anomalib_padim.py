"""anomalib: PaDiM fitted on the photographs, exported with its post-processor; the torch model's own answer in the graph's space."""

import cv2
import numpy as np
from _anomalib import exported
from _case import FOLDER, IMAGES, save_array, session, write

model, side = exported(FOLDER)
run = session()
expected = []
for i, path in enumerate(IMAGES):
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    tensor = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32).transpose(2, 0, 1)[None] / 255
    names = [o.name for o in run.get_outputs()]
    out = dict(zip(names, run.run(None, {run.get_inputs()[0].name: tensor}), strict=True))
    heat = cv2.resize(
        out["anomaly_map"].reshape(out["anomaly_map"].shape[-2:]), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    verdict = "NG" if bool(np.asarray(out["pred_label"]).reshape(-1)[0]) else "OK"
    expected.append({"score": float(out["pred_score"].reshape(-1)[0]), "score_map": save_array(f"heat{i}.npy", heat), "verdict": verdict})
write("anomaly, four outputs of anomalib", "anomaly", [], {}, expected, ["anomalib", "torch"])
