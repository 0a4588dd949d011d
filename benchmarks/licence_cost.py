"""What a dongle costs: one challenge, its effect on the runs, opening a 200 MB model protected against open, how soon a pull is noticed.

Over a real reader service with a virtual token, whose own arithmetic is part of each challenge; a real token takes 50-200 ms, so the
opening is measured with one that takes 100 ms per command too. What is compared is taken in turns, so that whatever else the machine does
falls on both: ratios are medians over the pairs.
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

from lnx import Session, runtime_path  # noqa: E402
from lnx.container import FamilyRecipient, OpenRecipient  # noqa: E402
from lnx.pack import pack  # noqa: E402
from open_cost import heavy  # noqa: E402
from plant import Plant, wait_for  # noqa: E402
from smartcard_service import why_not  # noqa: E402
from supplier_desk import new_desk  # noqa: E402
from virtual_reader import VirtualReader, public_point  # noqa: E402
from virtual_token.card import PivCard  # noqa: E402

OPEN = """
import json, resource, sys, time
import lnx
begin = time.perf_counter()
lnx.Session(sys.argv[1], device="cpu", cpu_threads=1, events=False, runtime_dir=sys.argv[2])
print(json.dumps([time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
IMAGE = np.full((32, 32, 3), 230, np.uint8)
TURNS, PAIRS = 8, 9


def packed(plant: Plant, model: Path, name: str, recipient: Any) -> Path:
    output = plant.folder / f"{name}.lnx"
    options = {"colour": "RGB", "scale": 1 / 255, "mean": [0.0], "std": [1.0], "resize": "stretch", "lib": "opencv", "interp": "linear"}
    labels = ["dark", "bright"]
    pack(
        model, output, preset="classification", labels=labels, options=options, signing_key=plant.desk.container_key, recipients=[recipient]
    )
    return output


def runs(session: Session, seconds: float) -> list[float]:
    """Microseconds of each run."""
    micros = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        session.run(IMAGE)
        micros.append((time.perf_counter() - begin) * 1e6)
    return micros


def asked(session: Session, tokens: Any, key: list[bytes], seconds: float) -> list[float]:
    """The same while the dongle is asked five times a second; one challenge every 30 s would hardly be seen."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.2):
            tokens.challenge(key)

    asking = threading.Thread(target=ask)
    asking.start()
    micros = runs(session, seconds)
    stop.set()
    asking.join()
    return micros


def opened(path: Path) -> tuple[float, float]:
    """Seconds and peak MB of an open in a process of its own."""
    command = [sys.executable, "-c", OPEN, str(path), runtime_path.choose(None) or ""]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return float(told[0]), float(told[1])


def in_turns(first: Path, second: Path, pairs: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(pairs, 2, 2): seconds and peak MB of both, the order changing from pair to pair."""
    found = []
    for i in range(pairs):
        order = (first, second) if i % 2 == 0 else (second, first)
        told = {path: opened(path) for path in order}
        found.append([told[first], told[second]])
    return np.array(found)


def p99(micros: list[float]) -> float:
    return float(np.percentile(micros, 99))


def pulled(reader: VirtualReader, card: PivCard, session: Session, times: int) -> list[float]:
    """Seconds from pulling the dongle to GRACE."""
    noticed = []
    for _ in range(times):
        begin = time.perf_counter()
        reader.slots[0].remove()
        assert wait_for(lambda: session.license["phase_name"] == "grace")
        noticed.append(time.perf_counter() - begin)
        reader.insert(card)
        assert wait_for(lambda: session.license["phase_name"] == "ok")
    return noticed


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
        plant.install(card, grace={"boot_s": 30, "unplug_s": 30, "expired_h": 1})
        protected = packed(plant, plant.model, "protected", FamilyRecipient(desk.family.kid, desk.family.key))
        free = packed(plant, plant.model, "open", OpenRecipient())

        tokens = testing().Tokens()
        key = [public_point(card)]
        challenges = []
        for _ in range(200):
            begin = time.perf_counter()
            assert tokens.challenge(key)[0] == 0
            challenges.append((time.perf_counter() - begin) * 1e6)

        quiet: list[list[float]] = []
        busy: list[list[float]] = []
        with Session(protected, device="cpu", cpu_threads=1, events=False) as session:
            runs(session, 2)
            for _ in range(TURNS):
                quiet.append(runs(session, 2))
                busy.append(asked(session, tokens, key, 2))
            noticed = pulled(reader, card, session, 9)
        opening = in_turns(protected, free, PAIRS)
        card.faults.set("slow:100")
        slow = in_turns(protected, free, 3)

    ratios = [p99(during) / p99(before) for before, during in zip(quiet, busy, strict=True)]
    locked, plain = np.median(opening, axis=0)
    time_ratio, memory_ratio = np.median(opening[:, 0] / opening[:, 1], axis=0)
    rows = [
        {"what": "challenge", **figures(np.array(challenges))},
        {"what": "run", **figures(np.concatenate(quiet))},
        {"what": "run while the dongle is asked five times a second", **figures(np.concatenate(busy))},
        {"what": "open 200 MB, protected", "seconds": round(locked[0], 3), "peak MB": round(locked[1], 1)},
        {"what": "open 200 MB, open recipient", "seconds": round(plain[0], 3), "peak MB": round(plain[1], 1)},
        {
            "what": "open 200 MB, protected, more with 100 ms per command",
            "seconds": round(float(np.median(slow[:, 0, 0] - slow[:, 1, 0])), 3),
        },
        {"what": "pulled dongle to GRACE", "median s": round(float(np.median(noticed)), 2), "max s": round(max(noticed), 2)},
    ]
    claims = [
        claim("run p99 with challenges against without", float(np.median(ratios)), "x", 1.05, at_least=False),
        claim("time to open protected against open", float(time_ratio), "x", 1.05, at_least=False),
        claim("memory to open protected against open", float(memory_ratio), "x", 1.05, at_least=False),
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
