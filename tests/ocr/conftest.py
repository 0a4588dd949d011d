"""The peers of text reading, installed into .cache, and pictures of text drawn with Debian's fonts."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lnx.container import load_signing_key
from lnx.pack import pack
from lnx.pack.rapidocr import read_rapidocr
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LATIN = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
KOREAN = "/usr/share/fonts/truetype/nanum/NanumGothic.ttf"
Peer = Callable[..., dict[str, list[Any]]]  # (package, images, reader=None)


@pytest.fixture(scope="session")
def peers() -> Path:
    """A folder with rapidocr and rapidocr-onnxruntime as published; installed once."""
    requirements = HERE / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"peers-ocr-{digest}"
    done = folder / "complete"
    if not done.exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", str(folder), "-r", str(requirements)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            pytest.skip(f"the peers could not be installed: {finished.stderr.strip().splitlines()[-1:]}")
        done.touch()
    return folder


@pytest.fixture(scope="session")
def peer(peers: Path, tmp_path_factory: pytest.TempPathFactory) -> Peer:
    """Runs a peer over named images: name -> [[text, score, quad], ...]. reader: a recognition model and its file of characters."""

    def run(package: str, images: dict[str, Any], reader: tuple[Path, Path] | None = None) -> dict[str, list[Any]]:
        source = tmp_path_factory.mktemp("peer") / "images.npz"
        np.savez(source, **images)
        command = [sys.executable, str(HERE / "peer.py"), package, str(source), "2"]
        environment = {**os.environ, "PYTHONPATH": str(peers)}
        if reader:
            environment |= {"LNX_PEER_READER": str(reader[0]), "LNX_PEER_CHARACTERS": str(reader[1])}
        finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert finished.returncode == 0, finished.stderr[-2000:]
        told = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("{")]
        return {item["name"]: item["lines"] for item in told}

    return run


def packed(folder: Path, peers: Path, output: Path, image: Any, signing_key: Path) -> list[str]:
    """Packs a folder of RapidOCR's models with one golden image; returns what the packer assumed."""
    sys.path.append(str(peers))  # PyYAML, where the environment has none
    try:
        recipe = read_rapidocr(str(folder))
    finally:
        sys.path.remove(str(peers))
    pack(
        recipe.detector,
        output,
        manifest=recipe.manifest,
        graphs=recipe.graphs,
        extra_entries=recipe.entries,
        images=[image],
        signing_key=load_signing_key(signing_key),
    )
    return list(recipe.assumptions)


def picture(lines: list[tuple[str, int]], font: str, size: tuple[int, int] = (480, 240), paper: int = 232) -> Any:
    """Lines of text (text, height in pixels) on paper: uint8 [H, W, 3], BGR."""
    if not Path(font).exists():
        pytest.skip(f"no font {font}: apt-get install fonts-dejavu-core fonts-nanum")
    canvas = Image.new("RGB", size, (paper, paper, paper - 6))
    pen = ImageDraw.Draw(canvas)
    y = 16
    for text, height in lines:
        pen.text((20, y), text, font=ImageFont.truetype(font, height), fill=(24, 28, 40))
        y += round(height * 1.9)
    return np.ascontiguousarray(np.array(canvas)[:, :, ::-1])
