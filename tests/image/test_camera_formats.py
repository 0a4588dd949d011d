"""Camera formats: the core's development against OpenCV's cvtColor, its fast way against its plain one, and through a session."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx.reference.preprocess import to_eight_bits
from numpy.typing import NDArray

Array = NDArray[Any]
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDERS = {"RG": cv2.COLOR_BayerRGGB2BGR, "BG": cv2.COLOR_BayerBGGR2BGR, "GR": cv2.COLOR_BayerGRBG2BGR, "GB": cv2.COLOR_BayerGBRG2BGR}
SIDE = st.integers(3, 70)
SEED = st.integers(0, 2**32 - 1)


def develop(
    testing: ModuleType,
    rows: Array,
    fmt: str,
    width: int,
    height: int,
    bits: int = 0,
    window: tuple[int, ...] = (),
    roi: tuple[int, ...] = (),
    fast: bool = True,
) -> Array:
    status, pixels, w, h, made = testing.develop(rows, fmt, width, height, bits, window, roi, fast)
    assert status == 0, (status, made)
    if made == "GRAY16":
        return np.frombuffer(pixels, np.uint16).reshape(h, w)
    return np.frombuffer(pixels, np.uint8).reshape(h, w, 3) if made == "BGR8" else np.frombuffer(pixels, np.uint8).reshape(h, w)


@pytest.mark.parametrize("order", ORDERS)
@PROPERTY
@given(seed=SEED, width=SIDE, height=SIDE)
def test_bayer_8_equals_opencv_bit_for_bit(testing: ModuleType, order: str, seed: int, width: int, height: int) -> None:
    mosaic = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    expected = cv2.cvtColor(mosaic, ORDERS[order])
    np.testing.assert_array_equal(develop(testing, mosaic, f"BAYER_{order}8", width, height), expected)


@pytest.mark.parametrize("order", ORDERS)
@PROPERTY
@given(seed=SEED, width=SIDE, height=SIDE, bits=st.sampled_from([10, 12, 16]), declared=st.booleans())
def test_bayer_16_equals_opencv_and_then_the_window(
    testing: ModuleType, order: str, seed: int, width: int, height: int, bits: int, declared: bool
) -> None:
    mosaic = np.random.default_rng(seed).integers(0, 1 << bits, (height, width), np.uint16)
    window = (100, 900) if declared else ()
    lo, hi = window or (0, (1 << bits) - 1)
    expected = to_eight_bits(cv2.cvtColor(mosaic, ORDERS[order]), lo, hi)
    np.testing.assert_array_equal(develop(testing, mosaic, f"BAYER_{order}16", width, height, bits, window), expected)


@PROPERTY
@given(seed=SEED, width=st.integers(1, 40), height=st.integers(1, 40))
def test_nv12_equals_opencv_bit_for_bit(testing: ModuleType, seed: int, width: int, height: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (3 * height, 2 * width), np.uint8)
    expected = cv2.cvtColor(rows, cv2.COLOR_YUV2BGR_NV12)
    np.testing.assert_array_equal(develop(testing, rows, "NV12", 2 * width, 2 * height), expected)


@PROPERTY
@given(seed=SEED, width=st.integers(1, 40), height=st.integers(1, 40), bits=st.sampled_from([10, 12]))
def test_packed_gray_gives_every_bit_back(testing: ModuleType, seed: int, width: int, height: int, bits: int) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << bits, (height, width), np.uint16)
    of_bits = (values[:, :, None] >> np.arange(bits) & 1).astype(np.uint8).reshape(height, -1)
    rows = np.packbits(of_bits, axis=1, bitorder="little")
    np.testing.assert_array_equal(develop(testing, rows, f"GRAY{bits}P", width, height), values)


@PROPERTY
@given(seed=SEED, width=st.integers(1, 40), height=st.integers(1, 40))
def test_float_planes_are_rounded_to_bytes_and_cut(testing: ModuleType, seed: int, width: int, height: int) -> None:
    planes = np.random.default_rng(seed).uniform(-0.2, 1.2, (3, height, width)).astype(np.float32)
    levels = np.floor(np.clip(planes, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    got = develop(testing, planes.reshape(-1, width), "F32_PLANAR", width, height)
    np.testing.assert_array_equal(got, levels.transpose(1, 2, 0)[:, :, ::-1])
    np.testing.assert_array_equal(develop(testing, planes[0], "F32_GRAY", width, height), levels[0])


FORMATS = [f"BAYER_{order}{depth}" for depth in (8, 16) for order in ORDERS] + ["NV12", "GRAY10P", "GRAY12P", "F32_PLANAR", "F32_GRAY"]


def camera_rows(fmt: str, rng: np.random.Generator, width: int, height: int, padding: int = 0) -> Array:
    """Random rows of a picture, each followed by ``padding`` elements that belong to nobody."""
    if fmt.startswith("F32"):
        planes = 3 if fmt == "F32_PLANAR" else 1
        return rng.uniform(-0.1, 1.1, (planes * height, width + padding)).astype(np.float32)
    if fmt.endswith("16"):
        return rng.integers(0, 4096, (height, width + padding), np.uint16)
    columns = {"GRAY10P": -(-width * 10 // 8), "GRAY12P": -(-width * 12 // 8)}.get(fmt, width)
    return rng.integers(0, 256, (height * 3 // 2 if fmt == "NV12" else height, columns + padding), np.uint8)


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=SEED)
def test_the_fast_way_equals_the_plain_one_for_every_part(testing: ModuleType, fmt: str, data: st.DataObject, seed: int) -> None:
    width, height = 2 * data.draw(st.integers(2, 30)), 2 * data.draw(st.integers(2, 30))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    roi = (x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    rows = camera_rows(fmt, np.random.default_rng(seed), width, height, data.draw(st.integers(0, 3)))
    both = [develop(testing, rows, fmt, width, height, 12 if fmt.endswith("16") else 0, (), roi, fast) for fast in (True, False)]
    np.testing.assert_array_equal(*both)
    whole = develop(testing, rows, fmt, width, height, 12 if fmt.endswith("16") else 0)
    np.testing.assert_array_equal(both[0], whole[y : y + roi[3], x : x + roi[2]])


def test_what_a_format_cannot_be_is_refused_with_its_status(testing: ModuleType) -> None:
    bytes_ = np.zeros((64, 64), np.uint8)

    def status(fmt: str, width: int, height: int, rows: Array = bytes_, bits: int = 0) -> Any:
        return testing.develop(rows, fmt, width, height, bits, (), (), True)[0]

    assert status("BAYER_RG8", 2, 8) == 105
    assert status("BAYER_RG8", 8, 2) == 105
    assert status("NV12", 7, 8) == 105
    assert status("NV12", 8, 8) == 0
    assert status("NV12", 8, 8, bytes_[::-1]) == 107  # planes follow each other downwards
    assert status("F32_PLANAR", 17, 4) == 107  # 68 bytes do not fit into a stride of 64
    assert status("GRAY12P", 43, 4) == 107
    assert status("GRAY12P", 42, 4) == 0
    assert status("BAYER_GB16", 8, 8, bits=17) == 106
    assert status("BAYER_GB8", 8, 8, bytes_[::-1]) == 0


def test_a_nan_among_floats_is_refused_and_named(testing: ModuleType) -> None:
    plane = np.zeros((5, 9), np.float32)
    plane[3, 7] = np.nan
    for fast in (True, False):
        assert testing.develop(plane, "F32_GRAY", 9, 5, 0, (), (), fast)[0] == 502
    assert testing.develop(plane, "F32_GRAY", 9, 5, 0, (), (0, 0, 7, 5), True)[0] == 0
