"""Cases of image folders and videos. `device.images` = {name = brightness}; `device.videos` = {name = [milliseconds of each frame]}."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from lnx_collector.contract import Seen
from source_cases import Case, cases, run_case
from test_images import video


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_lies_in_the_folder_becomes_these_samples(case: Case, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, level in case.device.get("images", {}).items():
        whole = cv2.imencode(Path(name).suffix, np.full((8, 8, 3), level, np.uint8))[1].tobytes()
        (folder / name).write_bytes(whole if level >= 0 else b"not an image")
    for name, times in case.device.get("videos", {}).items():
        video(folder / name, [Fraction(ms, 1000) for ms in times])
    run_case(case, case.build(tmp_path / "data", folder=str(folder), period=0.05), watch, seconds=15)
