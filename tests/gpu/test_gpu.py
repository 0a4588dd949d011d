"""What only a real GPU can show. Skipped, with the reason, on a machine without one; `dev.py gpu` runs them on one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import TEXTURE_LABELS, Packer, brightness_classifier, fixed_detector, segmenter, threshold_segmenter

pytestmark = pytest.mark.gpu
GREY = np.full((40, 40, 3), 90, np.uint8)


@pytest.fixture(scope="module", autouse=True)
def gpu() -> dict[str, Any]:
    """The first GPU, or a skip that says why there is none."""
    told = lnx.doctor()
    if not told["gpus"]:
        pytest.skip(f"no GPU: {told['driver']['reason']}")
    if "CUDAExecutionProvider" not in (told["runtime"] or {"providers": []})["providers"]:
        pytest.skip("ONNX Runtime is the CPU build: pip install 'lnx-edge[gpu]', or LNX_RUNTIME_DIR")
    first: dict[str, Any] = told["gpus"][0]
    return first


def opened(path: Path, keys: tuple[Path, Path], device: str = "cuda:0", **more: Any) -> lnx.Session:
    return lnx.Session(path, device=device, trusted_keys=[keys[1]], events=False, **more)


def families(folder: Path, packed: Packer) -> dict[str, Path]:
    """A model of each kind that can be made on the spot."""
    rows = [[16, 16, 8, 8, 0.9, 0.8], [40, 40, 10, 10, 0.7, 0.9]] + [[1, 1, 1, 1, 0.0, 0.0]] * 2000
    return {
        "classification": packed(brightness_classifier(folder / "c.onnx"), "classification", TEXTURE_LABELS, [GREY], activation="softmax")[
            0
        ],
        "detection": packed(fixed_detector(folder / "d.onnx", rows), "yolox", ["part"], [GREY])[0],
        "binary": packed(threshold_segmenter(folder / "t.onnx"), "segmentation", ["ok", "flaw"], [GREY])[0],
        "segmentation": packed(
            segmenter(folder / "s.onnx"), "segmentation", ["between", "dark", "bright"], [GREY], resize="stretch", interp="area"
        )[0],
    }


def test_every_family_gives_the_results_of_the_cpu(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    rng = np.random.default_rng(2)
    pictures = [rng.integers(0, 256, (120, 150, 3), np.uint8) for _ in range(3)]
    for name, path in families(tmp_path, packed).items():
        for heads in (True, False):
            with opened(path, keys, tf32=False, uint8_heads=heads) as one, opened(path, keys, "cpu") as other:
                assert one.self_test()["passed"], name
                for picture in pictures:
                    a, b = one.run(picture), other.run(picture)
                    assert a.verdict == b.verdict, name
                    assert abs(a.score - b.score) <= 1e-3, name
                    assert len(a.objects) == len(b.objects) and abs(len(a.regions) - len(b.regions)) <= 1, name


def test_a_model_of_fixed_shape_runs_as_a_graph_and_in_its_form(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    with opened(families(tmp_path, packed)["segmentation"], keys) as session:
        assert {"gpu_graph", "uint8_heads"} <= session.run(GREY).used, session.describe()["gpu"]


def test_the_kernels_give_the_bytes_of_the_plain_way(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    with opened(families(tmp_path, packed)["segmentation"], keys, gpu_preprocess=True) as session:  # proven at Initialize, else not used
        assert "gpu_preprocess" in session.run(np.zeros((100, 130, 3), np.uint8)).used
        mosaic = session.run(np.zeros((100, 130), np.uint8), pixel_format="BAYER_RG8")
        assert "gpu_preprocess" in mosaic.used


def test_the_first_run_is_as_fast_as_the_others(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path, ratios = families(tmp_path, packed)["segmentation"], []
    for _ in range(5):
        with opened(path, keys) as session:
            times = []
            for _ in range(50):
                begin = time.perf_counter()
                session.run(GREY)
                times.append(time.perf_counter() - begin)
        ratios.append(times[0] / float(np.median(times)))
    assert float(np.median(ratios)) <= 2, ratios  # the figure itself is benchmarks/gpu_matrix.py's


def test_memory_comes_back(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path, took = families(tmp_path, packed)["binary"], []
    for _ in range(10):
        with opened(path, keys) as session:
            session.run(GREY)
            took.append(session.describe()["gpu"]["memory_mb"])
    assert max(took[2:]) - min(took[2:]) <= 8, took


def test_several_sessions_at_once(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    from threading import Thread

    paths, errors = families(tmp_path, packed), []

    def work(path: Path) -> None:
        try:
            for _ in range(3):
                with opened(path, keys, keep_warm=0.005, run_slots=2) as session:
                    for _ in range(50):
                        session.run(GREY)
        except Exception as caught:
            errors.append(str(caught))

    threads = [Thread(target=work, args=(path,)) for path in paths.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
