"""A detector and a classifier in one container, run with one call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import CALLS, PLAIN, brightness_classifier, count_allocations, fixed_detector
from lnx.container import load_public_key, load_signing_key, read_container
from lnx.manifest import Manifest
from lnx.pack import Classifier, pack
from lnx.reference.stages import cut_out

ROWS = [[16, 16, 16, 16, 0.9, 0.9, 0.1], [44, 20, 20, 10, 0.9, 0.8, 0.1], [30, 50, 10, 10, 0.9, 0.1, 0.7], [55, 55, 30, 30, 0.9, 0.6, 0.1]]
GRADES = ["good", "burnt"]


def picture() -> Any:
    """Three screws (bright, dark, and one over the border), a nut, on grey noise: 128 x 128."""
    image = np.random.default_rng(3).integers(90, 110, (128, 128, 3), np.uint8)
    image[16:48, 16:48] = 250
    image[30:50, 68:108] = 5
    image[80:, 80:] = 240
    return image


def container(folder: Path, keys: tuple[Path, Path], batch: int | str = "N", **classifier: Any) -> Path:
    detector = fixed_detector(folder / "detector.onnx", ROWS)
    grader = brightness_classifier(folder / f"grade-{batch}.onnx", batch)
    second = Classifier(grader, GRADES, {**PLAIN, "activation": "softmax"}, **classifier)
    output = folder / "two.lnx"
    options = {**PLAIN, "resize": "stretch", "threshold": 0.4, "iou": 0.9}
    key = load_signing_key(keys[0])
    pack(detector, output, preset="yolox", labels=["screw", "nut"], images=[picture()], options=options, classifier=second, signing_key=key)
    return output


@pytest.mark.parametrize("batch", ["N", 1, 2])
def test_each_object_takes_the_label_of_the_classifier(tmp_path: Path, keys: tuple[Path, Path], batch: int | str) -> None:
    path = container(tmp_path, keys, batch, on=["screw"])
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        result = session.run(picture())
        assert sorted(o.name for o in result.objects) == ["burnt", "burnt", "good", "nut"]
        assert [o.score for o in result.objects] == sorted((o.score for o in result.objects), reverse=True)
        dark = next(o for o in result.objects if o.name == "good")
        assert dark.box == pytest.approx((68, 30, 108, 50)) and dark.first_class_id == 0
        assert dark.first_score == pytest.approx(0.72) and dark.score > 0.95
        told = result.to_dict()
        assert {item["detector"]["name"] for item in told["objects"] if item["name"] != "nut"} == {"screw"}
        assert [graph["id"] for graph in session.describe()["graphs"]] == ["main", "classifier"]
        report = session.self_test()
        assert report["passed"] and report["post_max_error"] < 1e-4, "the plain twin found the same when the model was packed"


def test_the_product_of_both_scores_and_a_margin(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = container(tmp_path, keys, score="product", margin=0.25)
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        for found in session.run(picture()).objects:
            assert found.score <= found.first_score
        assert session.self_test()["passed"]


def test_a_part_of_the_image_is_never_left_for_a_cut_out(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = container(tmp_path, keys, margin=4.0)
    image = np.full((300, 300, 3), 5, np.uint8)
    image[100:200, 100:200] = 250
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        inside = session.run(image, roi=(100, 100, 100, 100))
        assert {o.name for o in inside.objects} == {"burnt"}, "dark pixels outside the part were not seen"


def test_no_object_is_a_result_too(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = container(tmp_path, keys)
    with lnx.Session(path, device="cpu", trusted_keys=[keys[1]], threshold=0.99, events=False) as session:
        assert session.run(picture()).objects == ()


def test_cut_outs_stay_inside_and_are_never_empty() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        corners = np.sort(rng.uniform(-20, 120, (2, 2)), axis=0).reshape(-1)
        x, y, width, height = cut_out([float(v) for v in corners], float(rng.uniform(0, 2)), 100, 60)
        assert x >= 0 and y >= 0 and width >= 1 and height >= 1 and x + width <= 100 and y + height <= 60
    assert cut_out([10, 10, 20, 20], 0.0, 100, 100) == (10, 10, 10, 10)


def test_a_recipe_that_leaves_a_graph_without_work_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    path = container(tmp_path, keys)
    document = json.loads(read_container(path, trusted=[load_public_key(keys[1])]).read("manifest.json"))
    for change, message in (
        ({"stages": []}, "graphs after the first"),
        ({"stages": [{**document["stages"][0], "graph": "other"}]}, "graphs after the first"),
        ({"stages": [{**document["stages"][0], "label_ids": [0, 99]}]}, "do not exist"),
        ({"graphs": [*document["graphs"], document["graphs"][1]]}, "same id"),
    ):
        with pytest.raises(ValueError, match=message):
            Manifest.model_validate({**document, **change})


def test_a_classifier_with_another_number_of_classes_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    grader = brightness_classifier(tmp_path / "g.onnx")
    detector = fixed_detector(tmp_path / "d.onnx", ROWS)
    for labels in (["one"], ["a", "b", "c"]):
        with pytest.raises(lnx.LnxError) as caught:
            pack(
                detector,
                tmp_path / "x.lnx",
                preset="yolox",
                labels=["screw", "nut"],
                options={**PLAIN, "resize": "stretch"},
                classifier=Classifier(grader, labels, {**PLAIN}),
                signing_key=load_signing_key(keys[0]),
            )
        assert caught.value.status == 223
    assert not (tmp_path / "x.lnx").exists()


def test_two_graphs_take_no_memory_in_the_steady_state_either(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    told = count_allocations(container(tmp_path, keys, 2), keys[1], picture(), tmp_path)
    assert told["found"]["objects"] == 4
    assert {call: told["calls"][call]["core"] for call in CALLS} == dict.fromkeys(CALLS, 0), told["stacks"]
