"""A million runs of a small model in one session: memory, handles and threads must not grow, nor the time of a run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lnx
import numpy as np
import psutil
from _report import ROOT, claim, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack

sys.path.insert(0, str(ROOT / "tests"))
from conftest import PLAIN, TEXTURE_LABELS, brightness_classifier

RUNS, MARKS = 1_000_000, (10_000, 100_000, 500_000, 1_000_000)


def main() -> None:
    process = psutil.Process()
    rows = []
    with TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        model = brightness_classifier(place / "m.onnx")
        pack(model, place / "m.lnx", preset="classification", labels=TEXTURE_LABELS, options=PLAIN, signing_key=load_signing_key(private))
        image = np.zeros((32, 32, 3), np.uint8)
        with lnx.Session(place / "m.lnx", device="cpu", cpu_threads=1, trusted_keys=[public], events=False) as session:
            done = 0
            for mark in MARKS:
                begin, first = time.perf_counter(), done
                while done < mark:
                    session.run(image)
                    done += 1
                micros = (time.perf_counter() - begin) / (mark - first) * 1e6
                rss = process.memory_info().rss / 1e6
                handles, threads = process.num_fds(), process.num_threads()
                rows.append({"runs": done, "us_per_run": round(micros, 2), "rss_mb": round(rss, 2), "handles": handles, "threads": threads})
    first, last = rows[0], rows[-1]
    claims = [
        claim("memory growth from run 10,000 to 1,000,000", last["rss_mb"] - first["rss_mb"], "MB", 0.5, at_least=False),
        claim("handle growth", last["handles"] - first["handles"], "", 0, at_least=False),
        claim("thread growth", last["threads"] - first["threads"], "", 0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
