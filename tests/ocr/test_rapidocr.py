"""Text identical to RapidOCR's own pipeline, with the models that its packages carry.

Neither package carries a recognition model with Hangul, so Korean lines are misread by both in the same way here; test_hangul.py reads
them right, with a recogniser of its own in both pipelines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np
import pytest

from .conftest import KOREAN, LATIN, Peer, packed, picture

LABELS = [("LOT-20261121 A7", 30), ("S/N 4BTR7NF-30255", 24), ("0.25 kW  3000 rpm", 20)]
KOREAN_LINES = [("검사 결과 양품 LOT-1121", 30), ("온도 85.5도 압력 1.20 MPa", 24), ("제조일자 2026.11.21", 28)]


def samples() -> dict[str, Any]:
    plain, korean = picture(LABELS, LATIN), picture(KOREAN_LINES, KOREAN)
    noisy = np.clip(plain + np.random.default_rng(4).normal(0, 12, plain.shape), 0, 255).astype(np.uint8)
    tilt = cv2.getRotationMatrix2D((240, 120), 6, 0.9)
    return {
        "plain": plain,
        "korean": korean,
        "noisy": noisy,
        "tilted": np.asarray(cv2.warpAffine(plain, tilt, (480, 240), borderValue=(200, 200, 200))),
        "upside down": np.ascontiguousarray(plain[::-1, ::-1]),
        "on its side": np.ascontiguousarray(np.rot90(korean)),
        "a low strip": plain[8:60],
        "nothing": np.full((64, 64, 3), 90, np.uint8),
    }


@pytest.fixture(scope="module", params=["rapidocr_onnxruntime", "rapidocr"])
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def session(package: str, peers: Path, tmp_path_factory: pytest.TempPathFactory, keys: tuple[Path, Path]) -> Iterator[lnx.Session]:
    output = tmp_path_factory.mktemp("ocr") / "text.lnx"
    assumed = packed(peers / package, peers, output, picture(LABELS[:1], LATIN, (300, 64)), keys[0])
    assert any("no Hangul" in text for text in assumed)
    with lnx.Session(output, device="cpu", trusted_keys=[keys[1]], cpu_threads=2, events=False) as opened:
        yield opened


def test_text_scores_and_corners_are_those_of_the_publisher(session: lnx.Session, package: str, peer: Peer) -> None:
    images = samples()
    told = peer(package, images)
    read = 0
    for name, image in images.items():
        own, theirs = session.run(image).texts, told[name]
        assert [line.text for line in own] == [line[0] for line in theirs], name
        for mine, other in zip(own, theirs, strict=True):
            assert mine.score == pytest.approx(other[1], abs=2e-3), name
            assert np.abs(np.array(mine.quad) - np.array(other[2])).max() <= 1, name
        read += len(own)
    assert read >= 12
    assert any(line.turned for line in session.run(images["upside down"]).texts)


def test_the_self_test_agrees_with_the_plain_twin(session: lnx.Session) -> None:
    report = session.self_test()
    assert report["passed"] and report["pre_max_error"] == 0


def test_characters_lie_where_they_were_drawn(session: lnx.Session) -> None:
    from PIL import ImageFont

    text = "LOT-20261121"
    font = ImageFont.truetype(LATIN, 30)
    line = next(line for line in session.run(picture([(text, 30)], LATIN, (300, 80))).texts if line.text.startswith("LOT"))
    assert "".join(c.text for c in line.characters) == line.text
    for i, character in enumerate(line.characters):
        drawn = 20 + (font.getlength(text[:i]) + font.getlength(text[: i + 1])) / 2
        middle = (character.box[0] + character.box[2]) / 2
        assert abs(middle - drawn) < 9, f"{character.text} at {i}"
        assert character.box[1] < 34 < character.box[3]


def test_gray_images_and_parts_of_images_read_the_same(session: lnx.Session) -> None:
    gray = cv2.cvtColor(picture(LABELS[:1], LATIN, (300, 80)), cv2.COLOR_BGR2GRAY)
    colour = np.repeat(gray[:, :, None], 3, 2)
    expected = [line.text for line in session.run(colour).texts]
    assert expected and [line.text for line in session.run(gray).texts] == expected
    alpha = np.dstack([colour, np.zeros_like(gray)])
    assert [line.text for line in session.run(alpha).texts] == expected
    frame = np.full((200, 400, 3), 17, np.uint8)
    frame[70:150, 50:350] = colour
    within = session.run(frame, roi=(50, 70, 300, 80)).texts
    assert [line.text for line in within] == expected
    alone = session.run(colour).texts[0].quad[0]
    assert within[0].quad[0] == pytest.approx((alone[0] + 50, alone[1] + 70))


@pytest.mark.skipif(not os.environ.get("LNX_CORPUS"), reason="LNX_CORPUS names no folder")
def test_pictures_of_the_corpus_read_as_they_were_recorded(session: lnx.Session, package: str) -> None:
    """The recordings are of rapidocr-onnxruntime; the other package carries other models."""
    if package != "rapidocr_onnxruntime":
        pytest.skip("recorded with the other package")
    corpus = Path(os.environ["LNX_CORPUS"])
    lines = 0
    for name, expected in json.loads((corpus / "ref/ocr_ppocr.json").read_text(encoding="utf-8")).items():
        found = session.run(corpus / name).texts
        assert [line.text for line in found] == [line["text"] for line in expected], name
        for mine, other in zip(found, expected, strict=True):
            assert mine.score == pytest.approx(other["score"], abs=2e-3), name
            assert np.abs(np.array(mine.quad) - np.array(other["box"])).max() <= 1, name
        lines += len(found)
    assert lines >= 24
