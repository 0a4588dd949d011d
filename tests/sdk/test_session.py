"""Initialize, Run, Uninitialize from Python, on models built for the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import TEXTURE_LABELS, Packer, brightness_classifier, fixed_detector, threshold_segmenter


def level(value: int, width: int = 50, height: int = 40) -> Any:
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture
def session(classifier: Path, keys: tuple[Path, Path]) -> Any:
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as opened:
        yield opened


def test_bright_is_ng_and_dark_is_ok(session: lnx.Session) -> None:
    assert session.run(level(250)).verdict == "NG"
    assert session.run(level(5)).verdict == lnx.Verdict.OK
    result = session.run(level(250), tag=77)
    assert result.classes[0].name == "bright"
    assert result.tag == 77
    assert result.reason.startswith("rule 1")
    assert result.to_dict()["classes"][0]["name"] == "bright"


def test_views_strides_and_formats_equal_their_copies(session: lnx.Session) -> None:
    rng = np.random.default_rng(1)
    big = rng.integers(0, 256, (120, 160, 3), np.uint8)
    for view in (big[10:90, 20:140], big[::-1], big[:, ::-1], big[::2, ::2], big[:, :, ::-1], np.asfortranarray(big)):
        assert session.run(view).score == session.run(np.ascontiguousarray(view)).score
    whole = session.run(big, roi=(20, 10, 100, 80))
    assert whole.score == session.run(big[10:90, 20:120]).score
    assert whole.size == (160, 120)
    alpha = np.dstack([big, np.zeros_like(big[:, :, 0])])
    assert session.run(alpha).score == session.run(big).score
    grey = big[:, :, 0]
    assert session.run(grey).score == session.run(np.repeat(grey[:, :, None], 3, 2)).score
    assert session.run(grey.astype(np.uint16) * 257).score == session.run(grey).score


def test_a_batch_answers_each_image_in_order(session: lnx.Session) -> None:
    results = session.run([level(250), level(5)])
    assert [str(result.verdict) for result in results] == ["NG", "OK"]
    with pytest.raises(lnx.LnxError) as caught:
        session.run([level(1)] * 3)
    assert caught.value.status == 117


def test_submit_returns_at_once_and_results_come_in_order(classifier: Path, keys: tuple[Path, Path]) -> None:
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], run_slots=3, queue_depth=6, events=False) as session:
        tickets = [session.submit(level(40 * i), tag=i) for i in range(6)]
        with pytest.raises(lnx.LnxError) as caught:
            session.submit(level(0))
        assert caught.value.status == 505
        assert [session.wait(ticket).tag for ticket in tickets] == list(range(6))
        with pytest.raises(lnx.LnxError) as caught:
            session.wait(tickets[0])
        assert caught.value.status == 114


def test_parameters_change_the_next_run_and_are_checked(session: lnx.Session) -> None:
    grey = level(140)
    score = session.run(grey).score
    assert 0.5 < score < 0.95
    session.params["threshold"] = 0.99
    assert session.run(grey).verdict == "OK"
    assert session.params["threshold"] == pytest.approx(0.99)
    assert session.run(grey, threshold=0.1).verdict == "NG", "for this run only"
    assert session.run(grey).verdict == "OK"
    session.params["guard_band"] = 0.5
    assert session.run(grey).verdict == "REVIEW"
    session.params["class_threshold/bright"] = 0.2
    assert session.params["class_threshold/dark"] == pytest.approx(0.99)
    for key, value, status in (("thresold", 1, 110), ("top_k", 0, 112), ("top_k", 1.5, 111), ("guard_band", float("nan"), 112)):
        with pytest.raises(lnx.LnxError) as caught:
            session.params[key] = value
        assert caught.value.status == status
    assert set(session.params) >= {"threshold", "class_threshold/bright"}


def test_thresholds_and_areas_per_class_are_given_at_initialize(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    rows = [[32, 32, 16, 8, 0.9, 0.8, 0.1], [10, 20, 4, 4, 0.9, 0.1, 0.9]]
    path, _ = packed(fixed_detector(tmp_path / "d.onnx", rows), "yolox", ["screw", "nut"], [level(9, 64, 64)], threshold=0.5)
    image = level(3, 64, 64)

    def names(**options: Any) -> list[str]:
        with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False, **options) as session:
            assert session.self_test()["passed"], "the self-test uses what the model was packed with"
            return sorted(found.name for found in session.run(image).objects)

    assert names() == ["nut", "screw"]
    assert names(class_thresholds=[float("nan"), 0.99]) == ["screw"]
    assert names(class_thresholds=[0.75]) == ["nut"]
    assert names(min_area_px=20) == ["screw"]
    assert names(min_area_px=20, class_min_areas_px=[float("nan"), 4]) == ["nut", "screw"]
    assert names(threshold=0.95) == []
    for wrong in ({"class_thresholds": [0.5] * 3}, {"class_min_areas_px": [float("inf")]}, {"min_area_px": -1}):
        with pytest.raises(lnx.LnxError) as caught:
            names(**wrong)
        assert caught.value.status == 103


@pytest.mark.parametrize("spoil", ["name", "shape", "dtype", "count", "missing"])
def test_a_graph_that_disagrees_with_its_manifest_is_refused(spoil: str, tmp_path: Path, classifier: Path, keys: tuple[Path, Path]) -> None:
    """The manifest of a packed classifier over another graph, signed by the same key."""
    from lnx.container import OpenRecipient, PublicInfo, load_public_key, load_signing_key, read_container, write_container
    from onnx import TensorProto, helper, load_from_string

    entries = dict(read_container(classifier, trusted=[load_public_key(keys[1])]).entries)
    model = load_from_string(entries["model.onnx"])
    expected = 223
    if spoil == "name":
        model.graph.input[0].name = model.graph.node[0].input[0] = "picture"
    elif spoil == "shape":
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 48
    elif spoil == "dtype":
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
        model.graph.node[0].input[0] = "wide"
        model.graph.node.insert(0, helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT))
    elif spoil == "count":
        model.graph.output.append(helper.make_tensor_value_info("m", TensorProto.FLOAT, ["N"]))
    entries["model.onnx"] = model.SerializeToString()
    if spoil == "missing":
        del entries["model.onnx"]
        expected = 221
    other = tmp_path / "other.lnx"
    signing = load_signing_key(keys[0])
    write_container(other, entries=entries, public=PublicInfo("m", "1"), signing_key=signing, recipients=[OpenRecipient()])
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(other, device="cpu", trusted_keys=[keys[1]], events=False)
    assert caught.value.status == expected
    assert caught.value.found and caught.value.expected and caught.value.where and caught.value.fix


def test_the_self_test_passes_here_and_tells_when_a_golden_is_missing(
    session: lnx.Session, tmp_path: Path, packed: Packer, keys: tuple[Path, Path]
) -> None:
    report = session.self_test()
    assert report["passed"] and report["golden_count"] == 2
    assert report["pre_max_error"] <= 1e-5
    bare, _ = packed(brightness_classifier(tmp_path / "bare.onnx"), "classification", TEXTURE_LABELS)
    with lnx.Session(bare, device="cpu", trusted_keys=[keys[1]], events=False) as other, pytest.raises(lnx.LnxError) as caught:
        other.self_test()
    assert caught.value.status == 228


def test_boxes_lead_back_through_the_letterbox(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    rows = [[32, 32, 16, 8, 0.9, 0.8, 0.1], [32, 32, 15, 8, 0.8, 0.7, 0.1], [10, 20, 4, 4, 0.9, 0.1, 0.9], [5, 5, 2, 2, 0.2, 0.3, 0.1]]
    model = fixed_detector(tmp_path / "d.onnx", rows)
    path, _ = packed(model, "yolox", ["screw", "nut"], [level(9, 128, 64)], resize="letterbox_top_left", threshold=0.5, iou=0.5)
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        result = session.run(level(3, 128, 64))
        assert [(o.name, round(o.score, 2)) for o in result.objects] == [("nut", 0.81), ("screw", 0.72)]
        assert result.objects[1].box == pytest.approx((48, 56, 80, 64), abs=1e-4), "twice the model's pixels, cut at the border"
        shifted = session.run(level(3, 228, 164), roi=(100, 50, 128, 64))
        assert shifted.objects[0].box == pytest.approx([v + d for v, d in zip(result.objects[0].box, (100, 50, 100, 50), strict=True)])
        assert result.verdict == "NG"
        assert session.run(level(3), max_objects=1).objects[0].name == "nut"
        assert session.run(level(3), class_thresholds=[0.99, 0.99]).objects == ()


def test_regions_have_holes_areas_and_planes(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    image = level(0, 64, 64)
    image[10:30, 10:30] = 255
    image[15:20, 15:20] = 0
    image[50:52, 50:52] = 255
    path, _ = packed(threshold_segmenter(tmp_path / "s.onnx"), "segmentation", ["ok", "flaw"], [image], resize="stretch")
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], want=["label_map", "score_map", "rle"], events=False) as session:
        result = session.run(image)
        assert [region.area_px for region in result.regions] == [375, 4]
        first = result.regions[0]
        assert first.box == (10, 10, 30, 30) and [polygon.hole for polygon in first.polygons] == [False, True]
        assert first.centroid == pytest.approx(((400 * 20 - 25 * 17.5) / 375,) * 2)
        assert first.rle is not None and first.rle.sum() == 64 * 64
        assert result.label_map is not None and (result.label_map == (image[:, :, 0] > 0)).all()
        assert result.score_map is not None and result.score_map.max() == pytest.approx(1, abs=1e-6)
        assert session.run(image, min_area_px=10).regions[0].area_px == 375
        assert len(session.run(image, min_area_px=10).regions) == 1
        assert len(session.run(image, class_min_areas_px=[float("nan"), 10]).regions) == 1, "of this class, in this run"
        assert len(session.run(image, class_min_areas_px=[10, float("nan")]).regions) == 2, "another class"
        assert len(session.wait(session.submit(image, class_min_areas_px=[0, 400])).regions) == 0
        assert len(session.run(image).regions) == 2
        with pytest.raises(lnx.LnxError, match="at most one for each of 2 labels"):
            session.run(image, class_min_areas_px=[1, 2, 3])
        canvas = result.draw(image)
        assert canvas.shape == image.shape and (canvas[12, 12] != image[12, 12]).any()
        assert session.run(level(0, 64, 64)).verdict == "OK"


def test_nan_from_the_model_is_never_ok(tmp_path: Path, packed: Packer, keys: tuple[Path, Path]) -> None:
    model = fixed_detector(tmp_path / "nan.onnx", [[1, 1, 1, 1, 0.5, 0.5]])
    content = bytearray(model.read_bytes())
    at = content.index(np.float32(0.5).tobytes())
    path, _ = packed(model, "yolox", ["a"])
    content[at : at + 4] = np.float32("nan").tobytes()
    model.write_bytes(content)
    from lnx.container import OpenRecipient, PublicInfo, load_public_key, load_signing_key, read_container, write_container

    entries = dict(read_container(path, trusted=[load_public_key(keys[1])]).entries) | {"model.onnx": bytes(content)}
    write_container(path, entries=entries, public=PublicInfo("m", "1"), signing_key=load_signing_key(keys[0]), recipients=[OpenRecipient()])
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False)
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (lambda s: s.run(np.zeros((0, 0, 3), np.uint8)), 105),
        (lambda s: s.run(np.zeros((4, 4), np.float32)), 106),
        (lambda s: s.run(np.zeros((4, 4, 2), np.uint8)), 106),
        (lambda s: s.run(level(0), roi=(45, 0, 10, 10)), 109),
        (lambda s: s.run("none.png"), 201),
        (lambda s: s.wait(9), 114),
    ],
)
def test_wrong_input_has_its_status_and_the_session_goes_on(session: lnx.Session, call: Callable[[lnx.Session], Any], status: int) -> None:
    with pytest.raises(lnx.LnxError) as caught:
        call(session)
    assert caught.value.status == status
    assert caught.value.found and caught.value.fix
    assert session.run(level(250)).verdict == "NG"


def test_asking_for_a_gpu_that_is_not_there_is_an_error_unless_allowed(classifier: Path, keys: tuple[Path, Path]) -> None:
    if lnx.doctor()["gpus"]:
        pytest.skip("this machine has a GPU")
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(classifier, device="cuda:0", trusted_keys=[keys[1]], events=False)
    assert 400 <= caught.value.status < 500
    with lnx.Session(classifier, device="cuda:0", allow_cpu_fallback=True, trusted_keys=[keys[1]], events=False) as session:
        told = session.describe()
    assert told["device"] == "cpu" and told["fallback_reason"]
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(classifier, device="gpu", trusted_keys=[keys[1]], events=False)
    assert caught.value.status == 406


def test_progress_is_told_and_can_cancel(classifier: Path, keys: tuple[Path, Path]) -> None:
    seen: list[tuple[str, float]] = []
    lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False, progress=lambda s, f: seen.append((s, f))).close()
    fractions = [round(fraction, 9) for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert {stage for stage, _ in seen} >= {"read", "verify", "decrypt", "load", "warm-up"}
    with pytest.raises(lnx.LnxError) as caught:
        lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False, progress=lambda s, f: False)
    assert caught.value.status == 509


def test_the_gil_is_free_while_the_core_works(classifier: Path, keys: tuple[Path, Path]) -> None:
    ticks = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=count)
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        big = np.zeros((6000, 8000, 3), np.uint8)
        thread.start()
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            session.run(big)
    stop.set()
    thread.join()
    assert ticks > 50


def test_a_closed_session_says_so(session: lnx.Session) -> None:
    session.close()
    session.close()
    with pytest.raises(lnx.LnxError) as caught:
        session.run(level(0))
    assert caught.value.status == 104


def test_events_tell_start_runs_changes_and_stop(classifier: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    import json
    import os
    import subprocess
    import sys

    folder = tmp_path / "이벤트"
    program = (
        "import lnx, numpy, sys\n"
        "with lnx.Session(sys.argv[1], device='cpu', trusted_keys=[sys.argv[2]], program='검사 1') as s:\n"
        "    s.run(numpy.zeros((9, 9, 3), numpy.uint8)); s.params['threshold'] = 0.7\n"
    )
    env = {**os.environ, "LNX_EVENT_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", program, str(classifier), str(keys[1])], check=True, env=env)
    (file,) = folder.iterdir()
    assert file.name.startswith("검사 1-") and file.suffix == ".jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["lnx.session.start", "lnx.parameter.change", "lnx.run.summary", "lnx.session.stop"]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[2]["attributes"]["runs"] == 1 and lines[2]["attributes"]["ok"] == 1
