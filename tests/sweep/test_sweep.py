"""`lnx threshold sweep`: what each threshold would do to a labelled folder."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path

import lnx
import numpy as np
import pytest
from conftest import TEXTURE_LABELS, Packer, brightness_classifier
from hypothesis import given
from hypothesis import strategies as st
from lnx.cli import app
from lnx.sweep import Scored, suggest, sweep
from typer.testing import CliRunner


def folder(root: Path) -> Path:
    """Good parts are dark, bad ones bright; one of each is not what it seems."""
    levels = {"양품": [20, 40, 60, 150], "scratch": [180, 200, 90], "dent": [230]}
    for kind, greys in levels.items():
        (root / kind).mkdir(parents=True)
        for i, grey in enumerate(greys):
            lnx.write_image(root / kind / f"{i}.png", np.full((40, 40, 3), grey, np.uint8))
    return root


def test_the_curves_are_what_counting_says(
    tmp_path: Path, packed: Packer, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LNX_LANG", "ko")
    model = brightness_classifier(tmp_path / "m.onnx")
    path, _ = packed(model, "classification", TEXTURE_LABELS, activation="softmax", ng=["bright"])
    parts = folder(tmp_path / "parts")
    common = [str(path), str(parts), "--ok", "양품", "--trust", str(keys[1]), "--device", "cpu", "--out", str(tmp_path / "out")]
    run = CliRunner().invoke(app, ["threshold", "sweep", *common, "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["images"] == 8 and told["bad"] == 4
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        scores = {p: session.run(p, threshold=0.0).score for p in parts.rglob("*.png")}
        rows = list(csv.DictReader((tmp_path / "out/sweep.csv").read_text(encoding="utf-8-sig").splitlines()))
        for row in rows:
            limit = np.float32(row["threshold"])
            bad = [s for p, s in scores.items() if p.parent.name != "양품"]
            good = [s for p, s in scores.items() if p.parent.name == "양품"]
            assert float(row["recall"]) == pytest.approx(sum(np.float32(s) >= limit for s in bad) / 4)
            assert float(row["overkill"]) == pytest.approx(sum(np.float32(s) >= limit for s in good) / 4)
        # What was suggested is what the session does with it.
        session.params["threshold"] = told["suggested"]["threshold"]
        verdicts = {p: session.run(p).verdict for p in scores}
        assert sum(v == "NG" for p, v in verdicts.items() if p.parent.name != "양품") == round(4 * told["suggested"]["recall"])
        assert sum(v == "NG" for p, v in verdicts.items() if p.parent.name == "양품") == told["suggested"]["overkilled"] == 0
    page = (tmp_path / "out/sweep.html").read_text(encoding="utf-8")
    assert "과검률" in page and "<polyline" in page and "<script" not in page


def test_a_folder_without_good_or_bad_parts_is_told(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path, _ = packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, ng=["bright"])
    parts = folder(tmp_path / "parts")
    for good in ("ok", "scratch,none"):
        run = CliRunner().invoke(app, ["threshold", "sweep", str(path), str(parts), "--ok", good, "--trust", str(keys[1]), "--json"])
        assert run.exit_code == 2 and json.loads(run.stdout)["error"]["status"] == 103


@given(st.lists(st.tuples(st.booleans(), st.floats(-5, 5, width=16)), min_size=2, max_size=40), st.floats(0, 1))
def test_more_threshold_never_finds_more(pairs: list[tuple[bool, float]], allowed: float) -> None:
    scored = [Scored(Path("x"), "k", bad, score) for bad, score in [*pairs, (True, 1.0), (False, 0.0)]]
    points = sweep(scored)
    for a, b in pairwise(points):
        assert a.threshold < b.threshold and a.recall >= b.recall and a.overkill >= b.overkill
    assert points[-1].recall == 0 and points[-1].overkill == 0 and points[0].recall == 1
    best = suggest(points, allowed)
    assert best.overkill <= allowed
    assert all(p.recall <= best.recall for p in points if p.overkill <= allowed)
