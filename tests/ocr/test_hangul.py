"""Korean lines from pixels to text: read right, and text for text what RapidOCR's own pipeline reads with the same recogniser.

RapidOCR's packages carry no recogniser with Hangul, so one is taught here (hangul.py); detection and angles are the packages' own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import lnx
import numpy as np
import onnx
import pytest

from .conftest import KOREAN, Peer, packed, picture
from .hangul import CHARACTERS, make_reader

LINES = ["검사결과 양품", "온도 압력 전류", "제조일자 전력", "전류 검사 완료"]
# Heights of the packages' crops, in parts of the font's size: their detectors and unclip ratios differ.
LOOSENESS = {"rapidocr_onnxruntime": (0.96, 1.06), "rapidocr": (1.2, 1.46)}


class Reading(NamedTuple):
    package: str
    session: lnx.Session
    reader: tuple[Path, Path]  # the recogniser without characters, and the file that has them


@pytest.fixture(scope="module", params=["rapidocr_onnxruntime", pytest.param("rapidocr", marks=pytest.mark.slow)])
def reading(
    request: pytest.FixtureRequest, peers: Path, tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]
) -> Iterator[Reading]:
    if not Path(KOREAN).exists():
        pytest.skip(f"no font {KOREAN}: apt-get install fonts-nanum")
    package, folder = str(request.param), tmp_path_factory.mktemp("hangul")
    reader = make_reader(folder / "hangul.onnx", KOREAN, LOOSENESS[package])
    listed = folder / "characters.txt"
    listed.write_text("\n".join(CHARACTERS) + "\n", encoding="utf-8")
    whole = folder / package
    shutil.copytree(peers / package / "models", whole / "models", ignore=shutil.ignore_patterns("*_rec_*"))
    shutil.copy(peers / package / "config.yaml", whole)
    model = onnx.load(reader)
    model.metadata_props.add(key="character", value="\n".join(CHARACTERS))
    onnx.save(model, whole / "models/hangul_rec_tests.onnx")
    output = folder / "korean.lnx"
    assumed = packed(whole, peers, output, drawn(LINES[:2], 34), keys[0])
    assert any(f"{len(CHARACTERS)} of them Hangul" in told for told in assumed)
    with lnx.Session(output, device="cpu", trusted_keys=[keys[1]], cpu_threads=2, events=False) as session:
        yield Reading(package, session, (reader, listed))


def distance(text: str, expected: str) -> int:
    """Characters to change, put in or take out (Levenshtein)."""
    row = list(range(len(expected) + 1))
    for i, character in enumerate(text, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(expected, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (character != other))
    return row[-1]


def drawn(lines: list[str], size: int) -> Any:
    return picture([(line, size) for line in lines], KOREAN, (480, 320))


def test_korean_lines_are_read_right_and_as_rapidocr_reads_them(reading: Reading, peer: Peer) -> None:
    right = {f"{size} px": drawn(LINES, size) for size in (28, 34, 40)}
    noise = np.random.default_rng(4).normal(0, 8, (320, 480, 3))
    right["noisy"] = np.clip(right["34 px"] + noise, 0, 255).astype(np.uint8)
    tilt = cv2.getRotationMatrix2D((240, 160), 5, 0.9)
    others = {
        "upside down": np.ascontiguousarray(right["34 px"][::-1, ::-1]),
        "tilted": np.asarray(cv2.warpAffine(right["40 px"], tilt, (480, 320), borderValue=(200, 200, 200))),
        "dim": (right["34 px"] * 0.7).astype(np.uint8),
        "on its side": np.ascontiguousarray(np.rot90(right["34 px"])),
        "a low strip": right["40 px"][8:70],
    }
    told = peer(reading.package, right | others, reading.reader)
    read = wrong = whole = 0
    for name, image in (right | others).items():
        own = reading.session.run(image).texts
        theirs = [line for line in told[name] if line[0].strip()]  # rapidocr drops lines of spaces alone, and so do we
        assert [line.text for line in own] == [line[0] for line in theirs], name
        for mine, other in zip(own, theirs, strict=True):
            assert mine.score == pytest.approx(other[1], abs=2e-3), name
        read += len(own)
        for expected in LINES if name in right else []:
            apart = min((distance(line.text, expected) for line in own), default=len(expected))
            wrong, whole = wrong + apart, whole + (apart == 0)
    assert read >= 30
    assert whole >= 11 and wrong <= 12  # of 16 lines and 120 characters: the recogniser is small, the pipeline is what is tested


def test_the_container_passes_its_self_test(reading: Reading) -> None:
    assert reading.session.self_test()["passed"]
