"""ConvNeXt-Tiny as torchvision exports it (random weights), on a picture of 12 megapixels, against torchvision's own forward.

torchvision runs in another Python (LNX_TORCH_PYTHON, or Debian's python3 with python3-torch and python3-torchvision), since its CPU
build and ours need not share an environment. The picture is a photograph of 4272 x 2848 pixels, as the camera gave it, from Debian's
package lomiri-wallpapers-16.04, or the one that LNX_PHOTO names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from lnx.container import load_signing_key
from lnx.pack import pack

EXPORT = """
import sys, numpy, torch, torchvision
from PIL import Image
torch.manual_seed(3)
model = torchvision.models.convnext_tiny(weights=None).eval()
torch.onnx.export(model, torch.zeros(1, 3, 224, 224), sys.argv[1], input_names=["x"], output_names=["y"], opset_version=16)
picture = Image.open(sys.argv[2]).convert("RGB")
short = 236
size = (int(short * picture.width / picture.height), short)
picture = picture.resize(size, Image.BILINEAR)
left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
pixels = numpy.asarray(picture.crop((left, top, left + 224, top + 224))).astype(numpy.float32) / 255
tensor = (pixels - numpy.float32([0.485, 0.456, 0.406])) / numpy.float32([0.229, 0.224, 0.225])
with torch.no_grad():
    logits = model(torch.from_numpy(tensor.transpose(2, 0, 1)[None].copy()))
numpy.save(sys.argv[3], logits.softmax(1).numpy())
"""


def photograph() -> Any:
    """HxWx3 BGR of at least 12 megapixels."""
    path = Path(os.environ.get("LNX_PHOTO", "/usr/share/backgrounds/sunset_by_Aitzol_Berasategi.jpg"))
    if not path.is_file():
        pytest.skip("no photograph of 12 megapixels: apt-get install lomiri-wallpapers-16.04, or set LNX_PHOTO")
    return lnx.read_image(path)


@pytest.mark.slow
def test_convnext_on_a_large_photograph_equals_torchvision(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    python = os.environ.get("LNX_TORCH_PYTHON", "/usr/bin/python3")
    probe = [python, "-c", "import torch, torchvision, PIL, numpy"]
    if not Path(python).exists() or subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip("no Python with torch and torchvision: apt-get install python3-torch python3-torchvision, or set LNX_TORCH_PYTHON")
    photo = photograph()
    assert photo.shape[0] * photo.shape[1] >= 12_000_000
    lnx.write_image(tmp_path / "photo.png", photo)
    files = [tmp_path / "convnext.onnx", tmp_path / "photo.png", tmp_path / "scores.npy"]
    subprocess.run([python, "-c", EXPORT, *map(str, files)], check=True, capture_output=True)
    expected = np.load(files[2])[0]
    report = pack(
        files[0],
        tmp_path / "convnext.lnx",
        preset="classification",
        labels=[f"class {i}" for i in range(1000)],
        images=[photo],
        options={"resize_short": 236},
        signing_key=load_signing_key(keys[0]),
    )
    assert report.bytes_written > 100e6
    with lnx.Session(tmp_path / "convnext.lnx", device="cpu", trusted_keys=[keys[1]], events=False) as session:
        assert session.self_test()["passed"], sys.version
        scores = {c.class_id: c.score for c in session.run(photo, top_k=1000).classes}
    assert len(scores) == 1000
    assert max(abs(scores[i] - float(expected[i])) for i in range(1000)) <= 1e-4
