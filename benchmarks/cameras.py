"""Eight cameras at 30 frames per second on one session: how late each picture's answer comes, and whether any camera is served worse.

Each camera is a thread that submits on its own clock and waits for its result, as an acquisition library's callback would. The model is a
small one (a brightness classifier on 640 x 480 grey pictures), so that the machine can keep up and what is seen is the queue.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import lnx
import numpy as np
from _report import ROOT, claim, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack

sys.path.insert(0, str(ROOT / "tests"))
from conftest import PLAIN, TEXTURE_LABELS, brightness_classifier

CAMERAS, FPS, SECONDS = 8, 30, 20


def camera(session: lnx.Session, index: int, start: float, delays: list[float], dropped: list[int]) -> None:
    """Submits at start + k/FPS. delays: milliseconds from the moment the picture was due to its result."""
    image = np.full((480, 640), 40 + index, np.uint8)
    for k in range(FPS * SECONDS):
        due = start + (k + index / CAMERAS) / FPS
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        try:
            result = session.wait(session.submit(image, tag=index))
        except lnx.LnxError as error:
            if error.status != 505:
                raise
            dropped[index] += 1
            continue
        assert result.tag == index
        delays.append((time.perf_counter() - due) * 1000)


def main() -> None:
    delays: list[list[float]] = [[] for _ in range(CAMERAS)]
    dropped = [0] * CAMERAS
    with TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        model = brightness_classifier(place / "m.onnx")
        pack(model, place / "m.lnx", preset="classification", labels=TEXTURE_LABELS, options=PLAIN, signing_key=load_signing_key(private))
        options = {"device": "cpu", "cpu_threads": 1, "queue_depth": 2 * CAMERAS, "trusted_keys": [public], "events": False}
        with lnx.Session(place / "m.lnx", **options) as session:
            start = time.perf_counter() + 0.2
            threads = [threading.Thread(target=camera, args=(session, i, start, delays[i], dropped)) for i in range(CAMERAS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    rows = []
    for i, values in enumerate(delays):
        p50, p99 = np.percentile(values, [50, 99])
        rows.append({"camera": i, "pictures": len(values), "dropped": dropped[i], "median_ms": round(p50, 3), "p99_ms": round(p99, 3)})
    p99s = [row["p99_ms"] for row in rows]
    served = sum(len(values) for values in delays)
    claims = [
        claim("pictures answered", served / (CAMERAS * FPS * SECONDS), "of all", 1.0, at_least=True),
        claim("slowest camera's p99", max(p99s), "ms", 1000 / FPS, at_least=False),
        claim("slowest camera's p99 / fastest camera's p99", max(p99s) / min(p99s), "x", 2.0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
