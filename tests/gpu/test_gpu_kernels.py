"""The embedded GPU code is what the sources give."""

from __future__ import annotations

import re

from tools import conv_model, gpu_kernels


def test_the_embedded_kernels_are_up_to_date() -> None:
    assert gpu_kernels.check() == ""


def test_the_kernels_need_no_newer_driver_than_the_oldest_that_is_supported() -> None:
    text = gpu_kernels.OUTPUT.read_text(encoding="utf-8")
    assert ".version 7.8\n.target sm_52\n" in text
    assert set(re.findall(r"\.visible \.entry (\w+)", text)) == {"lnx_preprocess", "lnx_keep_warm"}


def test_the_kernels_compute_floats_in_the_order_of_the_plain_code() -> None:
    text = gpu_kernels.OUTPUT.read_text(encoding="utf-8")
    preprocess = text[text.index(".entry lnx_preprocess") : text.index(".entry lnx_keep_warm")]
    assert not re.search(r"\bfma\b|\bmad\.(rn\.)?f32|\.approx|\.ftz", preprocess)
    assert "div.rn.f32" in preprocess


def test_the_proof_of_convolution_is_up_to_date() -> None:
    assert (conv_model.OUTPUT).read_text(encoding="utf-8") == conv_model.embedded()
