"""Runs a RapidOCR package over images, in a process of its own: peer.py PACKAGE IMAGES.npz [THREADS [ROUNDS]] -> JSON lines on stdout.

LNX_PEER_READER and LNX_PEER_CHARACTERS name a recognition model and its file of characters that take the place of the package's own.
``micros`` is the time of each round, ``model_micros`` the part of it that ONNX Runtime took.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Any

import numpy as np

MODEL_SECONDS = [0.0]


def time_the_models() -> None:
    """Adds up what InferenceSession.run takes."""
    import onnxruntime

    plain = onnxruntime.InferenceSession.run

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return plain(self, *arguments, **options)
        finally:
            MODEL_SECONDS[0] += time.perf_counter() - began

    onnxruntime.InferenceSession.run = timed


def main() -> None:
    package, source = sys.argv[1:3]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    logging.disable(logging.CRITICAL)
    time_the_models()
    reader, characters = os.environ.get("LNX_PEER_READER"), os.environ.get("LNX_PEER_CHARACTERS")
    read: Any
    if package == "rapidocr":
        from rapidocr import RapidOCR

        options: dict[str, Any] = {
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        if reader:
            options |= {"Rec.model_path": reader, "Rec.rec_keys_path": characters}
        engine = RapidOCR(params=options)

        def read(image: Any) -> list[Any]:
            found = engine(image)
            if found.txts is None:
                return []
            return [[text, float(score), box.tolist()] for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)]

    else:
        from rapidocr_onnxruntime import RapidOCR

        own = {"rec_model_path": reader, "rec_keys_path": characters} if reader else {}
        engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1, **own)

        def read(image: Any) -> list[Any]:
            found, _ = engine(image)
            return [[text, float(score), box] for box, text, score in found or []]

    images = np.load(source)
    for name in images.files:
        micros, model = [], []
        image = images[name]
        for _ in range(rounds):
            MODEL_SECONDS[0] = 0.0
            began = time.perf_counter()
            lines = read(image)
            micros.append((time.perf_counter() - began) * 1e6)
            model.append(MODEL_SECONDS[0] * 1e6)
        print(json.dumps({"name": name, "lines": lines, "micros": micros, "model_micros": model}), flush=True)


if __name__ == "__main__":
    main()
