"""The whole GPU path without a GPU: results of the CPU, every byte given back, captures alone, and the way down when something fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import TEXTURE_LABELS, Packer, brightness_classifier, fixed_detector, rows_by_brightness, threshold_segmenter

sys.path.insert(0, str(Path(__file__).parent))
from gpu_double import on_gpu

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the doubles are Linux libraries")
GREY = np.full((40, 40, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def classifier(tmp_path: Path, packed: Packer) -> Path:
    return packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, [GREY], activation="softmax")[0]


@pytest.fixture
def segmenter(tmp_path: Path, packed: Packer) -> Path:
    return packed(threshold_segmenter(tmp_path / "s.onnx"), "segmentation", ["ok", "flaw"], [GREY], resize="stretch", interp="area")[0]


def test_results_are_those_of_the_cpu_and_all_memory_comes_back(classifier: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
pictures = [np.random.default_rng(i).integers(0, 256, (50, 70, 3), np.uint8) for i in range(4)]
with session() as s:
    results = [s.run(p) for p in pictures]
    told["gpu"] = [plain(r) for r in results]
    told["used"] = sorted(results[0].used)
    told["provider"] = results[0].to_dict()["provider"]
    told["device"], told["graph"] = s.describe()["device"], s.describe()["gpu"]["graph"]
    told["live"] = number("device_bytes")
    told["options"] = options()
    told["passed"] = s.self_test()["passed"]
for name in ("device_bytes", "host_bytes", "violations"): told[name] = number(name)
told["ort"] = [ort("violations"), ort("sessions")]
with session(device="cpu") as s:
    told["cpu"] = [plain(s.run(p)) for p in pictures]
""",
        classifier,
        keys[1],
    )
    assert told["gpu"] == told["cpu"]
    assert told["provider"] == "cuda" and "Test GPU" in told["device"]
    assert {"uint8_heads", "gpu_graph"} <= set(told["used"])
    assert told["passed"] and told["graph"]
    assert told["live"] > 0 and told["device_bytes"] == 0 and told["host_bytes"] == 0
    assert told["violations"] == 0 and told["ort"] == [0, 0]
    expected = {"enable_cuda_graph": "1", "user_compute_stream": "set", "cudnn_conv_algo_search": "HEURISTIC", "device_id": "0"}
    assert expected.items() <= told["options"].items()


def test_opening_and_closing_fifty_times_leaves_nothing(classifier: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
rows = []
for i in range(50):
    with session(keep_warm=0.001) as s: s.run(np.zeros((40, 40, 3), np.uint8))
    rows.append((number("device_bytes"), number("host_bytes"), number("handles"), ort("sessions")))
told["rows"] = sorted(set(rows))
told["violations"] = number("violations") + ort("violations")
""",
        classifier,
        keys[1],
    )
    assert told["rows"] == [[0, 0, 0, 0]] and told["violations"] == 0


def test_sessions_that_capture_run_and_end_at_once_never_meet(classifier: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
errors = []
def work(seed):
    try:
        for i in range(3):
            with session(keep_warm=0.001, run_slots=2) as s:
                for k in range(20): s.run(np.full((40, 40, 3), seed * 20 + k, np.uint8))
    except Exception as caught: errors.append(str(caught))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
told["errors"] = errors
told["violations"] = [number("violations"), ort("violations")]
told["captures"] = ort("captures")
told["left"] = [number("device_bytes"), number("host_bytes")]
""",
        classifier,
        keys[1],
    )
    assert told["errors"] == [] and told["violations"] == [0, 0] and told["left"] == [0, 0]
    assert told["captures"] >= 12


def test_a_model_that_cannot_be_captured_runs_without_a_graph(classifier: Path, keys: tuple[Path, Path]) -> None:
    for how in ("refuse", "fail"):
        told = on_gpu(
            """
with session() as s:
    result = s.run(np.full((40, 40, 3), 200, np.uint8))
    told["used"], told["verdict"] = sorted(result.used), str(result.verdict)
told["options"] = options()
told["left"] = [number("device_bytes"), number("host_bytes"), number("violations")]
""",
            classifier,
            keys[1],
            {"LNX_DOUBLE_GRAPH": how},
        )
        assert told["used"] == ["uint8_heads"] and told["options"]["enable_cuda_graph"] == "0"
        assert told["left"] == [0, 0, 0]


def with_open_output(path: Path) -> Path:
    """The threshold segmenter as some exporters leave it: nothing says how large the map is."""
    model = onnx.load(str(threshold_segmenter(path)))
    for at, name in ((2, "h"), (3, "w")):
        model.graph.output[0].type.tensor_type.shape.dim[at].dim_param = name
    onnx.save(model, str(path))
    return path


def test_open_outputs_have_a_graph_once_their_shape_is_known(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    path = packed(with_open_output(tmp_path / "o.onnx"), "segmentation", ["ok", "flaw"], [GREY], resize="stretch")[0]
    program = """
pictures = [np.random.default_rng(i).integers(0, 256, (50, 70, 3), np.uint8) for i in range(6)]
with session(want=["score_map"]) as s:
    results = [s.run(p) for p in pictures]
    told["gpu"] = [plain(r) for r in results]
    told["used"] = sorted(results[-1].used)
    told["described"] = s.describe()["gpu"]
told["captures"] = ort("captures")
told["left"] = [number("device_bytes"), number("host_bytes"), number("violations"), ort("violations")]
with session(device="cpu", want=["score_map"]) as s: told["cpu"] = [plain(s.run(p)) for p in pictures]
"""
    told = on_gpu(program, path, keys[1])
    assert told["gpu"] == told["cpu"] and told["left"] == [0, 0, 0, 0]
    assert "gpu_graph" in told["used"] and told["captures"] >= 2 and told["described"]["graph"]
    failing = on_gpu(program, path, keys[1], {"LNX_DOUBLE_GRAPH": "fail"})
    assert failing["gpu"] == told["cpu"] and failing["left"] == [0, 0, 0, 0]
    assert "gpu_graph" not in failing["used"] and failing["captures"] == 0 and "capture" in failing["described"]["why_no_graph"]


def test_outputs_whose_size_depends_on_the_image_are_right_after_each_change(
    tmp_path: Path, packed: Packer, keys: tuple[Path, Path]
) -> None:
    """What was learnt from the first run does not hold."""
    path = packed(rows_by_brightness(tmp_path / "r.onnx"), "ppyoloe", ["a", "b"], [GREY], resize="stretch")[0]
    told = on_gpu(
        """
levels = [90, 200, 90, 255, 40, 90, 90, 200]
with session(uint8_heads=False) as s: told["gpu"] = [plain(s.run(np.full((64, 64, 3), v, np.uint8))) for v in levels]
told["left"] = [number("device_bytes"), number("host_bytes"), number("violations"), ort("violations")]
with session(device="cpu", uint8_heads=False) as s: told["cpu"] = [plain(s.run(np.full((64, 64, 3), v, np.uint8))) for v in levels]
""",
        path,
        keys[1],
    )
    assert told["gpu"] == told["cpu"] and told["left"] == [0, 0, 0, 0]
    assert [len(one["objects"]) for one in told["cpu"]] == [2, 4, 2, 5, 1, 2, 2, 4]


def test_switches_turn_graph_and_heads_off(classifier: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
rows = {}
for name, more in {"all": {}, "no_heads": {"uint8_heads": False}, "no_graph": {"gpu_graph": False}, "no_tf32": {"tf32": False}}.items():
    with session(**more) as s:
        result = s.run(picture)
        rows[name] = [sorted(result.used), plain(result), options().get("use_tf32")]
told["rows"] = rows
with session(device="cpu", uint8_heads=True) as s:
    result = s.run(picture)
    told["cpu"] = [sorted(result.used), plain(result)]
""",
        classifier,
        keys[1],
    )
    rows = told["rows"]
    assert [rows[name][0] for name in ("all", "no_heads", "no_graph")] == [["gpu_graph", "uint8_heads"], ["gpu_graph"], ["uint8_heads"]]
    assert told["cpu"][0] == ["uint8_heads"]
    assert all(row[1] == told["cpu"][1] for row in rows.values())
    assert rows["all"][2] == "1" and rows["no_tf32"][2] == "0"


def test_pictures_prepared_on_the_gpu_give_the_same_results(segmenter: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
rng = np.random.default_rng(5)
def smooth(shape): return cv2.resize(rng.integers(0, 256, (8, 10) + shape[2:], np.uint8), (shape[1], shape[0]))
pictures = {"BGR8": smooth((150, 190, 3)), "GRAY8": smooth((150, 190)), "BAYER_RG8": smooth((150, 190))}
with session(gpu_preprocess=True, want=["score_map"]) as s, session(gpu_preprocess=False, want=["score_map"]) as other:
    for name, picture in pictures.items():
        fmt = name if name.startswith("BAYER") else None
        one, two = s.run(picture, pixel_format=fmt), other.run(picture, pixel_format=fmt)
        told[name] = [sorted(one.used), sorted(two.used), plain(one) == plain(two), bool((one.score_map == two.score_map).all())]
with session() as s:  # by itself: an area resize is for the GPU
    told["auto"] = sorted(s.run(pictures["GRAY8"]).used)
told["kernels"] = number("preprocess")
told["left"] = [number("device_bytes"), number("host_bytes"), number("violations")]
""",
        segmenter,
        keys[1],
    )
    for name in ("BGR8", "GRAY8", "BAYER_RG8"):
        on, off, same, maps = told[name]
        assert "gpu_preprocess" in on and "gpu_preprocess" not in off and same and maps, name
    assert "gpu_preprocess" in told["auto"] and told["kernels"] >= 3 and told["left"] == [0, 0, 0]


@pytest.mark.parametrize("fault", ["LNX_DOUBLE_WRONG_KERNEL", "LNX_DOUBLE_REFUSE_PTX"])
def test_kernels_that_fail_or_differ_are_not_used(segmenter: Path, keys: tuple[Path, Path], fault: str) -> None:
    told = on_gpu(
        """
with session(gpu_preprocess=True, keep_warm=0.001) as s:
    told["used"] = sorted(s.run(np.zeros((100, 100, 3), np.uint8)).used)
""",
        segmenter,
        keys[1],
        {fault: "1"},
    )
    assert "gpu_preprocess" not in told["used"]


def test_the_gpu_is_kept_warm_while_no_image_comes(classifier: Path, keys: tuple[Path, Path]) -> None:
    program = """
with session(keep_warm=arguments["ms"] / 1000 or None) as s:
    s.run(np.zeros((40, 40, 3), np.uint8))
    until = time.monotonic() + 60
    while arguments["ms"] and number("keep_warm") < 5 and time.monotonic() < until: time.sleep(0.01)
    told["ticks"] = number("keep_warm")
    told["described"] = s.describe().get("keep_warm", {}).get("idle_runs")
"""
    warm, cold = on_gpu(program, classifier, keys[1], ms=2), on_gpu(program, classifier, keys[1], ms=0)
    assert warm["ticks"] >= 5 and warm["described"] >= 4  # the last one may not have come back yet
    assert cold == {"ticks": 0, "described": None}


@pytest.mark.parametrize(
    ("environment", "status", "found"),
    [
        ({"LNX_DOUBLE_CUDA_VERSION": "11080"}, 412, "CUDA 11.8"),
        ({"LNX_DOUBLE_INIT": "999"}, 412, "does not start"),
        ({"LNX_DOUBLE_GPUS": "0"}, 406, "knows no GPU"),
        ({"LNX_DOUBLE_CAPABILITY": "61"}, 407, "6.1"),
        ({"LNX_DOUBLE_PROVIDER": "missing"}, 407, "providers_cuda"),
        ({"LNX_DOUBLE_FREE_MB": "100"}, 410, "100 MB free"),
        ({"LNX_DOUBLE_SESSION": "memory"}, 407, "out of memory"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_an_error_unless_the_cpu_is_allowed(
    classifier: Path, keys: tuple[Path, Path], environment: dict[str, str], status: int, found: str
) -> None:
    told = on_gpu(
        """
told["error"] = error(lambda: session())
with session(device="auto") as s: told["auto"] = s.run(np.zeros((40, 40, 3), np.uint8)).to_dict()["provider"]
with session(allow_cpu_fallback=True) as s: told["allowed"] = s.describe()["device"]
""",
        classifier,
        keys[1],
        environment,
    )
    assert told["error"][0] == status and found in told["error"][1], told["error"]
    assert told["auto"] == "cpu" and told["allowed"] == "cpu"


def test_a_lost_device_ends_the_run_with_its_own_error(classifier: Path, keys: tuple[Path, Path]) -> None:
    told = on_gpu(
        """
with session() as s:
    os.environ["LNX_DOUBLE_SLOW_EVENTS"], os.environ["LNX_DOUBLE_EVENT_ERROR"] = "1", "719"
    told["error"] = error(lambda: s.run(np.zeros((40, 40, 3), np.uint8)))
""",
        classifier,
        keys[1],
    )
    assert told["error"][0] == 409 and "719" in told["error"][1]


def test_detectors_bring_kilobytes_back(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    rows = [[16, 16, 8, 8, 0.9, 0.8], [17, 16, 8, 8, 0.8, 0.7], [40, 40, 10, 10, 0.7, 0.9]] + [[1, 1, 1, 1, 0.0, 0.0]] * 3000
    path = packed(fixed_detector(tmp_path / "d.onnx", rows), "yolox", ["part"], [GREY], resize="stretch")[0]
    told = on_gpu(
        """
for heads in (True, False):
    with session(uint8_heads=heads) as s:
        before = number("device_to_host_bytes")
        result = s.run(np.full((64, 64, 3), 90, np.uint8))
        told[str(heads)] = [number("device_to_host_bytes") - before, plain(result)]
""",
        path,
        keys[1],
    )
    assert told["True"][1] == told["False"][1] and len(told["True"][1]["objects"]) == 2
    assert told["True"][0] == 1000 * (16 + 4 + 4) + 4
    assert told["False"][0] == 3003 * 6 * 4
