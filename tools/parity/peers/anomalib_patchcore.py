"""anomalib: PatchCore fitted, validated and exported by its engine; the folder is packed with --from-anomalib.

anomalib 2.7 exports it for exactly two images at a time, and its OpenVINOInferencer cannot name the outputs: its TorchInferencer answers.
"""

import torch
from _anomalib_engine import compared
from anomalib.models import Patchcore

torch.manual_seed(6)
model = Patchcore(backbone="resnet18", layers=["layer1", "layer2"], pre_trained=False, coreset_sampling_ratio=0.002)
compared("anomaly, PatchCore exported by anomalib's engine", model, over_the_graph=False)
