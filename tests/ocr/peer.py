"""Runs a RapidOCR package over images, in a process of its own: peer.py PACKAGE IMAGES.npz -> JSON lines on stdout."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

import numpy as np


def main() -> None:
    package, source = sys.argv[1:3]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    logging.disable(logging.CRITICAL)
    read: Any
    if package == "rapidocr":
        from rapidocr import RapidOCR

        options = {"EngineConfig.onnxruntime.intra_op_num_threads": threads, "EngineConfig.onnxruntime.inter_op_num_threads": 1}
        engine = RapidOCR(params=options)

        def read(image: Any) -> list[Any]:
            found = engine(image)
            if found.txts is None:
                return []
            return [[text, float(score), box.tolist()] for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)]

    else:
        from rapidocr_onnxruntime import RapidOCR

        engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)

        def read(image: Any) -> list[Any]:
            found, _ = engine(image)
            return [[text, float(score), box] for box, text, score in found or []]

    images = np.load(source)
    for name in images.files:
        micros = []
        for _ in range(rounds):
            began = time.perf_counter()
            lines = read(images[name].copy())
            micros.append((time.perf_counter() - began) * 1e6)
        print(json.dumps({"name": name, "lines": lines, "micros": micros}), flush=True)


if __name__ == "__main__":
    main()
