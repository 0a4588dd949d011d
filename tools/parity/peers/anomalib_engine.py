"""anomalib: PaDiM fitted, validated and exported by its engine; the folder is packed with --from-anomalib."""

import torch
from _anomalib_engine import compared
from anomalib.models import Padim

torch.manual_seed(6)
compared(
    "anomaly, an export of anomalib's engine", Padim(backbone="resnet18", layers=["layer1", "layer2"], pre_trained=False, n_features=20)
)
