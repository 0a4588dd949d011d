"""Overlays with Korean names: every syllable can be drawn, names and verdicts come in the language that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer, fixed_detector
from lnx.container import load_signing_key
from lnx.pack import pack

BLACK = np.zeros((200, 320, 3), np.uint8)


@pytest.fixture
def draw(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> Any:
    """Draws one box with a label of this name (and Korean name)."""
    graph = fixed_detector(tmp_path / "d.onnx", [[30, 40, 20, 16, 1, 0.9]])
    _, report = packed(graph, "yolox", ["x"])

    def drawn(name: str, name_ko: str | None = None, **options: Any) -> Any:
        recipe = report.manifest.model_dump(by_alias=True, mode="json")
        recipe["labels"][0] |= {"name": name} if name_ko is None else {"name": name, "name_ko": name_ko}
        path = tmp_path / "named.lnx"
        pack(graph, path, manifest=recipe, signing_key=load_signing_key(keys[0]))
        with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
            return session.run(BLACK).draw(BLACK, **options)

    return drawn


def test_names_in_hangul_are_drawn_and_differ_from_each_other(draw: Any) -> None:
    pictures = [draw(name, banner=False).tobytes() for name in ("스크래치", "스크래치 ", "찍힘", "얼룩", "class 0", "傷")]
    assert len(set(pictures[:5])) == 5
    assert pictures[5] == pictures[4]  # no glyph: the number of the class


def test_the_language_chooses_names_and_verdicts(draw: Any) -> None:
    english, korean = draw("scratch", "스크래치"), draw("scratch", "스크래치", language="ko")
    assert (english != korean).any(axis=2)[:30].any()  # the banner
    assert np.array_equal(draw("scratch", "스크래치", banner=False, language="ko"), draw("스크래치", banner=False))
    assert np.array_equal(draw("scratch", banner=False, language="ko"), draw("scratch", banner=False))  # no Korean name


def test_a_long_korean_name_stays_inside_the_picture(draw: Any) -> None:
    picture = draw("판정불가" * 30, banner=False)
    assert picture.shape == BLACK.shape
    assert picture[:, -3:].any()
