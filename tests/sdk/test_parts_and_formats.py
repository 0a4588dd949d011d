"""Several parts of one image in one run, and camera formats through a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np
import pytest
from conftest import PLAIN, Packer, brightness_classifier, fixed_detector
from lnx.container import load_signing_key
from lnx.manifest import Input
from lnx.pack import pack
from numpy.typing import NDArray

Array = NDArray[Any]


@pytest.fixture
def session(classifier: Path, keys: tuple[Path, Path]) -> Any:
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as opened:
        yield opened


def test_parts_of_an_image_answer_in_their_order_beyond_the_batch(session: lnx.Session) -> None:
    image = np.random.default_rng(2).integers(0, 256, (90, 130, 3), np.uint8)
    image[:, 60:] //= 8
    parts = [(x, y, 30, 20) for y in (0, 33, 70) for x in (0, 21, 47, 64, 100)]  # 15 of them; the model takes 2 at once
    results = session.run(image, roi=parts, tag=5)
    assert [r.score for r in results] == [session.run(image, roi=part).score for part in parts]
    assert {r.size for r in results} == {(130, 90)}
    assert {r.tag for r in results} == {5}


def test_boxes_of_parts_are_in_pixels_of_the_whole_image(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = fixed_detector(tmp_path / "d.onnx", [[32, 32, 16, 8, 1, 0.9]])
    path, _ = packed(model, "yolox", ["mark"])
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        results = session.run(np.zeros((200, 300, 3), np.uint8), roi=[(0, 0, 64, 64), (100, 50, 128, 128)])
        assert [r.objects[0].box for r in results] == [(24.0, 28.0, 40.0, 36.0), (148.0, 106.0, 180.0, 122.0)]


def test_one_part_outside_refuses_the_run_and_names_it(session: lnx.Session) -> None:
    with pytest.raises(lnx.LnxError) as caught:
        session.run(np.zeros((40, 40, 3), np.uint8), roi=[(0, 0, 10, 10), (35, 0, 10, 10)])
    assert caught.value.status == 109
    assert "x 35" in str(caught.value)
    with pytest.raises(lnx.LnxError) as caught:
        session.run(np.zeros((40, 40, 3), np.uint8), roi=[])
    assert caught.value.status == 103
    with pytest.raises(lnx.LnxError) as caught:
        session.run([np.zeros((40, 40, 3), np.uint8)] * 2, roi=[(0, 0, 10, 10)])  # type: ignore[call-overload]
    assert caught.value.status == 103
    assert session.run(np.zeros((40, 40, 3), np.uint8)).verdict == "OK"


def test_a_camera_picture_answers_as_the_picture_opencv_makes_of_it(session: lnx.Session) -> None:
    rng = np.random.default_rng(3)
    mosaic, wide = rng.integers(0, 256, (48, 64), np.uint8), rng.integers(0, 4096, (48, 64), np.uint16)
    luma = rng.integers(0, 256, (72, 64), np.uint8)
    planes = rng.uniform(0, 1, (3, 48, 64)).astype(np.float32)
    bytes_ = np.floor(planes * np.float32(255) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1]
    wide_bgr = np.round(cv2.cvtColor(wide, cv2.COLOR_BayerGRBG2BGR) * (255 / 4095)).astype(np.uint8)
    cases: list[tuple[Array, str, int, Array]] = [
        (mosaic, "BAYER_RG8", 0, cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2BGR)),
        (mosaic[::-1], "BAYER_RG8", 0, cv2.cvtColor(np.ascontiguousarray(mosaic[::-1]), cv2.COLOR_BayerRGGB2BGR)),
        (wide, "BAYER_GR16", 12, wide_bgr),
        (luma, "NV12", 0, cv2.cvtColor(luma, cv2.COLOR_YUV2BGR_NV12)),
        (planes, "F32_PLANAR", 0, bytes_),
        (planes[:, ::2], "F32_PLANAR", 0, bytes_[::2]),
        (wide, "GRAY16", 12, np.round(wide * (255 / 4095)).astype(np.uint8)),
        (bytes_[:, :, ::-1], "RGB8", 0, bytes_),
    ]
    for rows, name, bits, bgr in cases:
        own = session.run(rows, pixel_format=name, valid_bits=bits)
        assert own.score == session.run(np.ascontiguousarray(bgr)).score, name
        assert own.size == (bgr.shape[1], bgr.shape[0])
        drawn = own.draw(rows, pixel_format=name, valid_bits=bits)
        expected = own.draw(np.ascontiguousarray(bgr))
        assert np.abs(drawn.astype(int) - expected).max() <= (1 if name == "GRAY16" else 0), name
        ticket = session.submit(rows, pixel_format=name, valid_bits=bits)
        assert session.wait(ticket).score == own.score


def test_an_array_that_cannot_be_the_format_is_refused_with_what_it_should_be(session: lnx.Session) -> None:
    grey = np.zeros((40, 40), np.uint8)
    for rows, name, told in (
        (grey, "BAYER_RG16", "uint16 [H, W]"),
        (grey[:, :, None].repeat(3, 2), "BAYER_RG8", "uint8 [H, W]"),
        (np.zeros((40, 40), np.float32), "F32_PLANAR", "float32 [3, H, W]"),
        (grey, "NV12", "uint8 [H * 3 / 2, W]"),
        (grey, "BAYER", "BAYER_RG8"),
    ):
        with pytest.raises(lnx.LnxError) as caught:
            session.run(rows, pixel_format=name)
        assert caught.value.status == 106
        assert told in caught.value.expected
    with pytest.raises(lnx.LnxError) as caught:
        session.run(np.zeros((40, 40), np.float32))  # may be 0..1 or 0..255: never guessed
    assert "pixel_format" in caught.value.expected


def test_a_model_that_accepts_only_its_camera_format_is_warmed_up_with_it_and_refuses_others(
    tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    model = brightness_classifier(tmp_path / "m.onnx")
    signing = load_signing_key(keys[0])
    recipe = pack(
        model, tmp_path / "a.lnx", preset="classification", labels=["dark", "bright"], options=PLAIN, signing_key=signing
    ).manifest
    mosaic = np.full((48, 64), 250, np.uint8)
    for accepted, rows in (("BAYER_GB8", mosaic), ("NV12", np.full((72, 64), 200, np.uint8)), ("F32_GRAY", mosaic / np.float32(255))):
        only = recipe.model_copy(update={"input": Input.model_validate({"accept": [accepted]}), "golden": []})
        output = tmp_path / f"{accepted}.lnx"
        pack(model, output, manifest=only, signing_key=signing)
        with lnx.Session(output, device="cpu", trusted_keys=[keys[1]], events=False) as session:
            assert session.run(rows, pixel_format=accepted).classes[0].name == "bright"
            with pytest.raises(lnx.LnxError) as caught:
                session.run(mosaic)
            assert caught.value.status == 106
            assert caught.value.expected == accepted
