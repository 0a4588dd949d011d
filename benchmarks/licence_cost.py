"""What a dongle costs: one challenge, its effect on the runs, opening a 200 MB model protected against open, and how fast a pulled dongle
is noticed. Over a real reader service with a virtual token, whose own arithmetic is part of each challenge; a real token takes 50-200 ms.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from _report import claim, figures, report, testing

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/licensing"))

from agent_plant import Plant, wait_for  # noqa: E402
from lnx import Session, runtime_path  # noqa: E402
from lnx.container import FamilyRecipient, OpenRecipient  # noqa: E402
from lnx.pack import pack  # noqa: E402
from open_cost import heavy  # noqa: E402
from smartcard_service import why_not  # noqa: E402
from supplier_desk import new_desk  # noqa: E402
from virtual_reader import VirtualReader, public_point  # noqa: E402

OPEN = """
import json, resource, sys, time
import lnx
begin = time.perf_counter()
lnx.Session(sys.argv[1], device="cpu", cpu_threads=1, events=False, runtime_dir=sys.argv[2])
print(json.dumps([time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
IMAGE = np.full((32, 32, 3), 230, np.uint8)


def packed(plant: Plant, model: Path, name: str, recipient: Any) -> Path:
    output = plant.folder / f"{name}.lnx"
    options = {"colour": "RGB", "scale": 1 / 255, "mean": [0.0], "std": [1.0], "resize": "stretch", "lib": "opencv", "interp": "linear"}
    labels = ["dark", "bright"]
    pack(
        model, output, preset="classification", labels=labels, options=options, signing_key=plant.desk.container_key, recipients=[recipient]
    )
    return output


def runs(session: Session, seconds: float) -> dict[str, float]:
    """Milliseconds per run: median and 99th percentile."""
    micros = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        session.run(IMAGE)
        micros.append((time.perf_counter() - begin) * 1e6)
    return figures(np.array(micros))


def opened(path: Path) -> tuple[float, float]:
    """Seconds and peak MB of an open, medians of five processes."""
    found = []
    for _ in range(5):
        command = [sys.executable, "-c", OPEN, str(path), runtime_path.choose(None) or ""]
        found.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]))
    seconds, memory = np.median(np.array(found), axis=0)
    return float(seconds), float(memory)


def measure(folder: Path) -> None:
    reader = VirtualReader(folder / "reader", folder / "s")
    os.environ.update(reader.environment)
    with reader:
        desk = new_desk()
        plant = Plant(folder / "plant", desk, heavy(folder / "heavy.onnx"))
        for variable, name in (("TRUST", "trust"), ("LICENSE", "licenses"), ("STATE", "state")):
            (plant.folder / name).mkdir(parents=True)
            os.environ[f"LNX_{variable}_DIR"] = str(plant.folder / name)
        plant.install_trust()
        card = reader.insert()
        plant.install(card, grace={"boot_s": 5, "unplug_s": 30, "expired_h": 1})
        protected = packed(plant, plant.model, "protected", FamilyRecipient(desk.family.kid, desk.family.key))
        free = packed(plant, plant.model, "open", OpenRecipient())

        tokens = testing().Tokens()
        key = [public_point(card)]
        challenges = []
        for _ in range(200):
            begin = time.perf_counter()
            assert tokens.challenge(key)[0] == 0
            challenges.append((time.perf_counter() - begin) * 1e6)

        with Session(protected, device="cpu", cpu_threads=1, events=False) as session:
            quiet = runs(session, 15)
            stop = threading.Event()

            def ask() -> None:  # one challenge every 30 s would hardly be seen: here, five a second
                while not stop.is_set():
                    tokens.challenge(key)
                    time.sleep(0.2)

            asking = threading.Thread(target=ask)
            asking.start()
            busy = runs(session, 15)
            stop.set()
            asking.join()
            noticed = []
            for _ in range(5):
                begin = time.perf_counter()
                reader.slots[0].remove()
                assert wait_for(lambda: session.license["phase_name"] == "grace", 20)
                noticed.append(time.perf_counter() - begin)
                reader.insert(card)
                assert wait_for(lambda: session.license["phase_name"] == "ok", 20)
        locked, plain = opened(protected), opened(free)

    cost = figures(np.array(challenges))
    rows = [
        {"what": "challenge", **cost},
        {"what": "run", **quiet},
        {"what": "run while the dongle is asked five times a second", **busy},
        {"what": "open 200 MB, protected", "seconds": locked[0], "peak MB": locked[1]},
        {"what": "open 200 MB, open recipient", "seconds": plain[0], "peak MB": plain[1]},
        {"what": "pulled dongle to GRACE, s", "median": float(np.median(noticed)), "max": max(noticed)},
    ]
    claims = [
        claim("run p99 with challenges against without", busy["p99_ms"] / quiet["p99_ms"], "x", 1.05, at_least=False),
        claim("time to open protected against open", locked[0] / plain[0], "x", 1.05, at_least=False),
        claim("memory to open protected against open", locked[1] / plain[1], "x", 1.05, at_least=False),
        claim("pulled dongle to GRACE", float(np.median(noticed)), "s", 3.0, at_least=False),
    ]
    report(rows, claims)


def main() -> None:
    if why_not():
        print(json.dumps({"rows": [], "claims": [], "skipped": why_not()}))
        return
    with tempfile.TemporaryDirectory(prefix="lnx-") as folder:
        measure(Path(folder))


if __name__ == "__main__":
    main()
