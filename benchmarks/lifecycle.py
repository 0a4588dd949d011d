"""10,000 times Initialize, Run, Uninitialize: memory, handles and threads must not grow."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import lnx
import numpy as np
import psutil
from _report import ROOT, claim, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack

sys.path.insert(0, str(ROOT / "tests"))
from conftest import PLAIN, TEXTURE_LABELS, brightness_classifier

CYCLES = 10_000


def main() -> None:
    process = psutil.Process()
    marks = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        model = brightness_classifier(place / "m.onnx")
        pack(model, place / "m.lnx", preset="classification", labels=TEXTURE_LABELS, options=PLAIN, signing_key=load_signing_key(private))
        image = np.zeros((64, 64, 3), np.uint8)
        for cycle in range(1, CYCLES + 1):
            with lnx.Session(place / "m.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
                session.run(image)
            if cycle in (100, 1000, 5000, CYCLES):
                marks[cycle] = (process.memory_info().rss / 1e6, process.num_fds(), process.num_threads())
    rows = [{"cycles": cycle, "rss_mb": round(rss, 2), "handles": fds, "threads": threads} for cycle, (rss, fds, threads) in marks.items()]
    first, last = marks[1000], marks[CYCLES]
    claims = [
        claim("memory growth from cycle 1,000 to 10,000", last[0] - first[0], "MB", 2.0, at_least=False),
        claim("handle growth", last[1] - first[1], "", 0, at_least=False),
        claim("thread growth", last[2] - first[2], "", 0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
