"""Our side of a parity case: pack with the preset, run in the core, measure the largest differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lnx
import numpy as np
from lnx.cli import app
from lnx.container import load_public_key, load_signing_key, new_container_key, read_container
from lnx.pack import pack
from typer.testing import CliRunner

# What has to hold; anomaly maps relative to their span, since raw scores have no scale of their own.
LIMITS = {"box": 0.5, "score": 1e-3, "mask_iou": 0.999, "map": 1e-4, "grey": 1.0, "unmatched": 0}


def _distance(own: Any, other: dict[str, Any]) -> float:
    """Box and score together, each in units of its limit."""
    box = max(abs(a - b) for a, b in zip(own.box, other["box"], strict=True))
    return box / LIMITS["box"] + float(abs(own.score - other["score"])) / LIMITS["score"]


def _objects(found: Any, expected: list[dict[str, Any]], threshold: float, worst: dict[str, float]) -> None:
    """Pairs by class, box and score. Objects within 0.001 of the threshold may be missing on either side."""
    left = list(found)
    for other in expected:
        same = [o for o in left if o.class_id == other["class_id"] and abs(o.score - other["score"]) <= 0.02]
        best = min(same, key=lambda o: _distance(o, other), default=None)
        if best is None:
            worst["unmatched"] = worst.get("unmatched", 0) + (other["score"] > threshold + 1e-3)
            continue
        left.remove(best)
        worst["box"] = max(worst.get("box", 0), max(abs(a - b) for a, b in zip(best.box, other["box"], strict=True)))
        worst["score"] = max(worst.get("score", 0), abs(best.score - other["score"]))
    worst["unmatched"] = worst.get("unmatched", 0) + sum(o.score > threshold + 1e-3 for o in left)
    worst["objects"] = worst.get("objects", 0) + len(expected)


def _one(result: lnx.Result, expected: dict[str, Any], folder: Path, threshold: float, worst: dict[str, float]) -> None:
    def high(name: str, value: float) -> None:
        worst[name] = max(worst.get(name, 0.0), float(value))

    if "classes" in expected:
        scores = {c.class_id: c.score for c in result.classes}
        high("score", max(abs(scores[i] - s) for i, s in enumerate(expected["classes"])))
    if "objects" in expected:
        _clip(expected["objects"], result.size)
        _objects(result.objects, expected["objects"], threshold, worst)
    if "label_map" in expected:
        assert result.label_map is not None
        other = np.load(folder / expected["label_map"])
        for c in np.unique(other):
            both, either = ((result.label_map == c) & (other == c)).sum(), ((result.label_map == c) | (other == c)).sum()
            worst["mask_iou"] = min(worst.get("mask_iou", 1.0), float(both / either))
    if "score" in expected:
        high("score", abs(result.score_norm - expected["score"]))
        if "verdict" in expected:
            worst["unmatched"] = worst.get("unmatched", 0) + (str(result.verdict) != expected["verdict"])
    if "score_map" in expected:
        assert result.score_map is not None
        other = np.load(folder / expected["score_map"])
        high("map", np.abs(result.score_map - other).max() / max(1.0, float(np.ptp(other))))
    if "masks" in expected:
        for region, mask in zip(result.regions, np.load(folder / expected["masks"]), strict=True):
            assert region.rle is not None
            own = np.repeat(np.arange(len(region.rle)) % 2 == 1, region.rle).reshape(mask.shape, order="F")
            worst["mask_iou"] = min(worst.get("mask_iou", 1.0), float((own & mask).sum() / max(1, (own | mask).sum())))
    if "image" in expected:
        assert result.image is not None
        high("grey", np.abs(result.image.astype(int) - np.load(folder / expected["image"]).astype(int)).max())


def _clip(objects: list[dict[str, Any]], size: tuple[int, int]) -> None:
    """Boxes end at the border of the image here, and those beside it go; some projects let them run over it."""
    for o in objects:
        o["box"] = [min(max(v, 0.0), float(size[i % 2])) for i, v in enumerate(o["box"])]
    objects[:] = [o for o in objects if o["box"][2] > o["box"][0] and o["box"][3] > o["box"][1]]


def _packed(folder: Path, case: dict[str, Any], private: Path, public: Path, output: Path) -> float:
    """The container of a case; the threshold that its manifest has. An export that says everything itself goes through the command."""
    if not case.get("source"):
        report = pack(
            folder / "model.onnx",
            output,
            preset=case["preset"],
            labels=case["labels"],
            images=case["images"][:2],
            options=dict(case["options"]),
            signing_key=load_signing_key(private),
        )
        return report.manifest.thresholds.score
    flag, place = case["source"]
    images = [word for path in case["images"][:2] for word in ("--images", path)]
    done = CliRunner().invoke(app, ["pack", str(folder / place), str(output), flag, "--key", str(private), *images])
    if done.exit_code != 0:
        raise RuntimeError(f"lnx pack {flag}: {done.output[-400:]}")
    manifest = json.loads(read_container(output, trusted=[load_public_key(public)]).read("manifest.json"))
    return float(manifest["thresholds"]["score"])


def compare(folder: Path, runtime_dir: str | None = None) -> dict[str, Any]:
    """One row: family, project, versions, images, largest differences, and whether they hold. Goldens must pass the self-test too."""
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    for old in folder.glob("parity.*"):
        old.unlink()
    private, public = new_container_key(folder, "parity")
    output = folder / "model.lnx"
    threshold = _packed(folder, case, private, public, output)
    worst: dict[str, float] = {}
    want = ["label_map", "score_map", "rle"]
    with lnx.Session(
        output, device="cpu", trusted_keys=[public], events=False, want=want, runtime_dir=runtime_dir, cpu_threads=1
    ) as session:
        tested = session.self_test()
        top_k = max(1, len(case["labels"]))
        for path, expected in zip(case["images"], case["expected"], strict=True):
            _one(session.run(path, top_k=top_k), expected, folder, threshold, worst)
    missed = [
        name for name, value in worst.items() if name in LIMITS and (value < LIMITS[name] if name == "mask_iou" else value > LIMITS[name])
    ]
    if not tested["passed"]:
        missed.append("self-test")
    return {
        "family": case["family"],
        "versions": case["versions"],
        "images": len(case["images"]),
        "worst": {name: round(value, 7) for name, value in worst.items()},
        "holds": not missed,
        "missed": missed,
    }
