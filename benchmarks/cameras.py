"""Eight cameras at 30 frames per second: how late each picture's answer comes, and whether any camera is served worse.

Each camera is a thread that submits on its own clock and waits for its result, as an acquisition library's callback would. The model is a
small one (a brightness classifier on 640 x 480 grey pictures), so that the machine can keep up and what is seen is the queue. Four cases:

one session      the cameras share a session, each with its number as source
a flood          the same, while a ninth camera's trigger bounces and it submits as fast as it can
eight sessions   a session per camera, each with as many threads as there are cores, in one process
by hand          a plain onnxruntime session per camera with cv2 and numpy, in one process, as many threads each
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import lnx
import numpy as np
import onnxruntime
from _report import ROOT, claim, report
from lnx.container import load_signing_key, new_container_key
from lnx.pack import pack

sys.path.insert(0, str(ROOT / "tests"))
from conftest import PLAIN, TEXTURE_LABELS, brightness_classifier

CAMERAS, FPS, SECONDS = 8, 30, 10
Ask = Callable[[np.ndarray, int], object]  # a picture and its camera; None = dropped


def camera(ask: Ask, index: int, start: float, delays: list[float], dropped: list[int]) -> None:
    """Asks at start + k/FPS. delays: milliseconds from the moment the picture was due to its result."""
    image = np.full((480, 640), 40 + index, np.uint8)
    for k in range(FPS * SECONDS):
        due = start + (k + index / CAMERAS) / FPS
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        if ask(image, index) is None:
            dropped[index] += 1
        else:
            delays.append((time.perf_counter() - due) * 1000)


def cameras(case: str, ask: Ask) -> list[dict[str, Any]]:
    """One row per camera."""
    delays: list[list[float]] = [[] for _ in range(CAMERAS)]
    dropped = [0] * CAMERAS
    start = time.perf_counter() + 0.2
    threads = [threading.Thread(target=camera, args=(ask, i, start, delays[i], dropped)) for i in range(CAMERAS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = []
    for i, values in enumerate(delays):
        p50, p99 = np.percentile(values, [50, 99])
        row = {"case": case, "camera": i, "pictures": len(values), "dropped": dropped[i]}
        rows.append({**row, "median_ms": round(p50, 3), "p99_ms": round(p99, 3), "max_ms": round(max(values), 3)})
    return rows


def through(session: lnx.Session) -> Ask:
    def ask(image: np.ndarray, index: int) -> object:
        try:
            result = session.wait(session.submit(image, tag=index, source=1 + index))
        except lnx.LnxError as error:
            if error.status != 505:
                raise
            return None
        assert result.tag == index
        return result

    return ask


def flood(session: lnx.Session, stop: threading.Event, counts: list[int]) -> None:
    """Keeps its own source full; collects what comes."""
    image, tickets = np.full((480, 640), 99, np.uint8), []
    while not stop.is_set():
        try:
            tickets.append(session.submit(image, source=60))
            counts[0] += 1
        except lnx.LnxError:
            counts[1] += 1
            session.wait(tickets.pop(0))
    for ticket in tickets:
        session.wait(ticket)


def by_hand(model: Path) -> Ask:
    sessions = [onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]) for _ in range(CAMERAS)]

    def ask(image: np.ndarray, index: int) -> object:
        small = cv2.cvtColor(cv2.resize(image, (32, 32), interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2RGB)
        tensor = np.ascontiguousarray((small.astype(np.float32) / 255).transpose(2, 0, 1)[None])
        return sessions[index].run(None, {"x": tensor})

    return ask


def worst(rows: list[dict[str, Any]], case: str) -> float:
    return max(float(row["p99_ms"]) for row in rows if row["case"] == case and "p99_ms" in row)


def main() -> None:
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as folder:
        place = Path(folder)
        private, public = new_container_key(place, "bench")
        model = brightness_classifier(place / "m.onnx")
        pack(model, place / "m.lnx", preset="classification", labels=TEXTURE_LABELS, options=PLAIN, signing_key=load_signing_key(private))
        common: dict[str, Any] = {"device": "cpu", "trusted_keys": [public], "events": False}
        with lnx.Session(place / "m.lnx", cpu_threads=1, **common) as session:
            rows += cameras("one session", through(session))
            stop, counts = threading.Event(), [0, 0]
            other = threading.Thread(target=flood, args=(session, stop, counts))
            other.start()
            rows += cameras("a flood", through(session))
            stop.set()
            other.join()
            rows.append({"case": "a flood", "camera": "the flooding one", "pictures": counts[0], "refused": counts[1]})
        sessions = [lnx.Session(place / "m.lnx", **common) for _ in range(CAMERAS)]
        rows += cameras("eight sessions", lambda image, index: sessions[index].run(image, tag=index))
        for session in sessions:
            session.close()
        rows += cameras("by hand", by_hand(model))
    ours = [row for row in rows if row["case"] == "one session"]
    p99s = [row["p99_ms"] for row in ours]
    told = [row for row in rows if "median_ms" in row and row["case"] != "by hand"]
    claims = [
        claim(
            "pictures answered, all cases",
            sum(row["pictures"] for row in told) / (3 * CAMERAS * FPS * SECONDS),
            "of all",
            1.0,
            at_least=True,
        ),
        claim("slowest camera's p99, one session", max(p99s), "ms", 1000 / FPS, at_least=False),
        claim("slowest camera's p99 / fastest camera's p99", max(p99s) / min(p99s), "x", 2.0, at_least=False),
        claim("slowest camera's p99 beside a flood", worst(rows, "a flood"), "ms", 1000 / FPS, at_least=False),
        claim("p99 of eight sessions / of eight by hand", worst(rows, "eight sessions") / worst(rows, "by hand"), "x", 1.0, at_least=False),
    ]
    report(rows, claims)


if __name__ == "__main__":
    main()
