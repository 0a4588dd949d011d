"""Reading text end to end against RapidOCR (rapidocr-onnxruntime 1.4.4): the same models, images and threads, text compared line by line.

Both run in turns, so that both meet the same machine. The peer's share of ONNX Runtime is timed around InferenceSession.run.
Needs the peers of tests/ocr/requirements.txt, installed by `pytest tests/ocr` or into the folder named by LNX_PEERS.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import lnx
import numpy as np
from _report import ROOT, claim, figures, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack, read_rapidocr
from PIL import Image, ImageDraw, ImageFont

THREADS = 2
ROUNDS = 6
TURNS = 2
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
PACKAGE = "rapidocr_onnxruntime"


def peers() -> Path:
    folders = [Path(os.environ["LNX_PEERS"])] if "LNX_PEERS" in os.environ else sorted((ROOT / ".cache").glob("peers-ocr-*"))
    found = [folder for folder in folders if (folder / PACKAGE).is_dir()]
    if not found:
        sys.exit("the peer is not installed: run pytest tests/ocr, or set LNX_PEERS")
    return found[-1]


def page(lines: int, seed: int) -> Any:
    """A label with lines of letters and digits: uint8 [H, W, 3], BGR."""
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (640, 40 + 44 * lines), (236, 236, 230))
    pen = ImageDraw.Draw(canvas)
    letters = list("ABCDEFGHKLMNPRSTUVWXYZ23456789")
    for i in range(lines):
        text = "".join(rng.choice(letters, 6)) + "-" + "".join(rng.choice(list("0123456789"), 5)) + " LOT " + str(rng.integers(1000, 9999))
        pen.text((24, 20 + 44 * i), text, font=ImageFont.truetype(FONT, 24), fill=(20, 24, 30))
    return np.ascontiguousarray(np.array(canvas)[:, :, ::-1])


def main() -> None:
    folder = peers()
    sys.path.append(str(folder))
    images = {f"{n} lines": page(n, n) for n in (2, 8, 20)}
    own: dict[str, dict[str, list[float]]] = {name: {"total": [], "rest": []} for name in images}
    theirs: dict[str, dict[str, list[float]]] = {name: {"total": [], "rest": []} for name in images}
    same = True
    with tempfile.TemporaryDirectory() as place:
        private, public = new_container_key(place, "bench")
        recipe = read_rapidocr(str(folder / PACKAGE))
        model = Path(place) / "text.lnx"
        pack(
            recipe.detector,
            model,
            manifest=recipe.manifest,
            graphs=recipe.graphs,
            extra_entries=recipe.entries,
            signing_key=load_signing_key(private),
        )
        source = Path(place) / "images.npz"
        np.savez(source, **images)
        command = [sys.executable, str(ROOT / "tests/ocr/peer.py"), PACKAGE, str(source), str(THREADS), str(ROUNDS)]
        for _ in range(TURNS):
            finished = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(folder)}, check=True)
            told = {item["name"]: item for item in map(json.loads, finished.stdout.splitlines())}
            with lnx.Session(model, device="cpu", cpu_threads=THREADS, trusted_keys=[public], events=False) as session:
                for name, image in images.items():
                    runs = [session.run(image) for _ in range(ROUNDS)]
                    same = same and [line.text for line in runs[0].texts] == [line[0] for line in told[name]["lines"]]
                    own[name]["total"] += [run.timings["total"] for run in runs[1:]]
                    own[name]["rest"] += [run.timings["total"] - run.timings["infer"] for run in runs[1:]]
                    theirs[name]["total"] += told[name]["micros"][1:]
                    pairs = zip(told[name]["micros"][1:], told[name]["model_micros"][1:], strict=True)
                    theirs[name]["rest"] += [whole - model_part for whole, model_part in pairs]
    rows, claims = [], [claim("lines with the same text", float(same), "share", 1.0, at_least=True)]
    for name in images:
        for part in ("total", "rest"):
            rows.append({"image": name, "part": part, "ours": figures(own[name][part]), "peer": figures(theirs[name][part])})
        ratio = {part: float(np.median(theirs[name][part]) / np.median(own[name][part])) for part in ("total", "rest")}
        claims.append(claim(f"{name}: whole run, peer / ours, medians", ratio["total"], "x", 1.0, at_least=True))
        claims.append(claim(f"{name}: without the models, peer / ours, medians", ratio["rest"], "x", 5.0, at_least=True))
    report(rows, claims)


if __name__ == "__main__":
    main()
