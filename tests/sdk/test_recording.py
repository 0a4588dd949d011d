"""Runs are kept, saved encrypted when something happens, opened with the private key alone, and run again bit for bit."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import lnx
import numpy as np
import pytest
from conftest import Packer, fixed_detector, segmenter, threshold_segmenter
from lnx.cli import app
from lnx.container import load_signing_key
from lnx.container.keys import new_recording_key
from lnx.recording import environment, open_for, read_head, read_recording, replay
from typer.testing import CliRunner

RNG = np.random.default_rng(4)
Keys = tuple[Path, Path]


def pictures(count: int, seed: int = 1, shape: tuple[int, ...] = (48, 70, 3)) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, np.uint8) for _ in range(count)]


@pytest.fixture
def recording_key(tmp_path: Path) -> Keys:
    return new_recording_key(tmp_path / "recording", "plant")


@pytest.fixture
def model(tmp_path: Path, packed: Packer) -> Path:
    return packed(segmenter(tmp_path / "s.onnx"), "segmentation", ["none", "dark", "bright"], min_area_px=3)[0]


def opened(model: Path, keys: Keys, **options: Any) -> lnx.Session:
    return lnx.Session(model, device="cpu", trusted_keys=[keys[1]], events=False, cpu_threads=1, **options)


def test_what_was_recorded_is_run_again_bit_for_bit(tmp_path: Path, model: Path, keys: Keys, recording_key: Keys) -> None:
    """Batches, parts, formats, bits, planes, changed parameters and thresholds of one run: everything that decides an answer."""
    with opened(model, keys, run_slots=2, max_batch=3) as session:
        session.record(tmp_path / "kept", key=recording_key[1], on=(), runs=20)
        expected = [[session.run(pictures(1)[0], tag=7).digest]]
        expected.append([r.digest for r in session.run(pictures(3, 2), want=["label_map", "score_map", "rle"])])
        expected.append(
            [r.digest for r in session.run(pictures(1, 3)[0], roi=[(0, 0, 30, 20), (5, 6, 64, 40), (1, 1, 20, 20), (2, 3, 9, 9)])]
        )
        expected.append([session.run(pictures(1, 4)[0], roi=(3, 4, 50, 40), min_area_px=11, threshold=0.61).digest])
        session.params["class_threshold/bright"] = 0.1 + 0.2  # no float32
        session.params["max_objects"] = 2
        expected.append([session.run(pictures(1, 5, (48, 70))[0]).digest])
        wide = RNG.integers(0, 4096, (50, 60)).astype(np.uint16)
        expected.append([session.run(wide, valid_bits=12).digest])
        expected.append([session.run(pictures(1, 6, (60, 40))[0], pixel_format="NV12").digest])
        expected.append([session.wait(session.submit(np.ascontiguousarray(pictures(1, 7)[0][:, ::-1]))).digest])
        path = session.save_recording("shift end")
        assert session.recording["runs_saved"] == len(expected)
        assert session.recording["runs_kept"] == 0
        assert session.save_recording() == ""
    recording = read_recording(path, load_signing_key(recording_key[0]))
    assert [[r["digest"] for r in run.results] for run in recording.runs] == expected
    assert recording.runs[0].images[0]["user_tag"] == 7
    assert len(recording.runs[2].pictures) == 1
    with open_for(recording, model, device="cpu", trusted_keys=[keys[1]]) as session:
        assert environment(recording, session) == []
        told = replay(recording, session)
        assert [one.same for one in told] == [True] * len(expected)
        assert not any(one.differences for one in told)


def test_another_model_gives_another_answer_and_the_difference_is_told(
    tmp_path: Path, model: Path, keys: Keys, recording_key: Keys, packed: Packer
) -> None:
    with opened(model, keys) as session:
        session.record(tmp_path / "kept", key=recording_key[1], on=())
        session.run(pictures(1)[0])
        recording = read_recording(session.save_recording(), load_signing_key(recording_key[0]))
    other = packed(segmenter(tmp_path / "other.onnx"), "segmentation", ["none", "dark", "bright"], min_area_px=9)[0]
    with open_for(recording, other, device="cpu", trusted_keys=[keys[1]]) as session:
        (told,) = replay(recording, session)
    assert told.same  # the recorded parameters are in force, not those that it was packed with
    detector = packed(fixed_detector(tmp_path / "d.onnx", [[9, 9, 8, 8, 1, 0.9, 0, 0]]), "yolox", ["none", "dark", "bright"])[0]
    with open_for(recording, detector, device="cpu", trusted_keys=[keys[1]]) as session:
        (told,) = replay(recording, session)
    assert not told.same
    assert any(line.startswith("objects") for line in told.differences)
    assert any(line.startswith("task") for line in told.differences)


def wait_for(session: lnx.Session, name: str, value: int) -> None:
    """The files are written by a thread of the core."""
    end = time.monotonic() + 60
    while session.recording[name] < value:
        assert time.monotonic() < end, session.recording
        time.sleep(0.01)


def test_ng_review_and_errors_save_what_came_before_them_and_each_run_once(
    tmp_path: Path, packed: Packer, keys: Keys, recording_key: Keys
) -> None:
    path, _ = packed(threshold_segmenter(tmp_path / "t.onnx"), "segmentation", ["background", "defect"], guard=0.1)
    good, bad = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    folder = tmp_path / "kept"
    with opened(path, keys) as session:
        session.record(folder, key=recording_key[1], on=("ng", "error"), runs=4)
        for image in [good] * 6 + [bad] + [good] * 2 + [bad]:
            session.run(image)
        wait_for(session, "files_saved", 2)
        assert session.recording["runs_saved"] == 4 + 3  # of the six good ones, three were left in a ring of four
    private = load_signing_key(recording_key[0])
    files = sorted(folder.glob("*.lnxrec"))
    verdicts = [[run.results[0]["result"]["verdict"] for run in read_recording(file, private).runs] for file in files]
    assert verdicts == [["OK", "OK", "OK", "NG"], ["OK", "OK", "NG"]]
    assert all(file.name.endswith("-ng.lnxrec") and read_head(file)["reason"] == "ng" for file in files)


def test_a_run_that_fails_is_kept_with_its_error_and_fails_again(tmp_path: Path, packed: Packer, keys: Keys, recording_key: Keys) -> None:
    """A graph whose logarithm has no value for a black picture."""
    import onnx
    from onnx import helper

    source = threshold_segmenter(tmp_path / "t.onnx")
    graph = onnx.load(source)
    graph.graph.node[0].output[0] = "c"
    graph.graph.node.append(helper.make_node("Log", ["c"], ["y"]))
    onnx.save(graph, source)
    path, _ = packed(source, "segmentation", ["background", "defect"])
    white, black = np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)
    with opened(path, keys) as session:
        session.record(tmp_path / "kept", key=recording_key[1], on=("error",))
        session.run(white)
        with pytest.raises(lnx.LnxError) as caught:
            session.run(black)
        assert caught.value.status == 502
        with pytest.raises(lnx.LnxError):
            session.run(np.zeros((64, 64, 3), np.uint8), roi=(60, 60, 30, 30))  # the caller's mistake is no run
        wait_for(session, "files_saved", 1)
    (file,) = (tmp_path / "kept").glob("*-error.lnxrec")
    recording = read_recording(file, load_signing_key(recording_key[0]))
    assert [run.status for run in recording.runs] == [0, 502]
    with open_for(recording, path, device="cpu", trusted_keys=[keys[1]]) as session:
        assert [one.same for one in replay(recording, session)] == [True, True]


def test_a_recording_shows_nothing_without_its_key_and_every_change_is_noticed(
    tmp_path: Path, model: Path, keys: Keys, recording_key: Keys
) -> None:
    image = pictures(1, 9)[0]
    with opened(model, keys) as session:
        session.record(tmp_path / "kept", key=recording_key[1], on=())
        for _ in range(120):  # more than one chunk
            session.run(image)
        session.record(tmp_path / "kept", key=recording_key[1], on=(), runs=200)
        for _ in range(120):
            session.run(image)
        path = Path(session.save_recording())
    whole = path.read_bytes()
    assert len(whole) > 1 << 20
    assert image[10].tobytes() not in whole
    assert b"verdict" not in whole
    other, _ = new_recording_key(tmp_path / "other", "other")
    private = load_signing_key(recording_key[0])
    with pytest.raises(lnx.LnxError) as caught:
        read_recording(path, load_signing_key(other))
    assert caught.value.status == 212
    damaged = tmp_path / "damaged.lnxrec"
    size = 12 + int.from_bytes(whole[8:12], "little")
    for at in (20, size - 3, size + 5, size + (1 << 20) + 40, len(whole) - 1):
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(lnx.LnxError) as caught:
            read_recording(damaged, private)
        assert caught.value.status in (203, 205, 212, 214), at
    for end in (5, size - 1, size, size + 100, size + (1 << 20) + 16, len(whole) - 1):
        damaged.write_bytes(whole[:end])
        with pytest.raises(lnx.LnxError) as caught:
            read_recording(damaged, private)
        assert caught.value.status in (203, 214), end
    assert len(read_recording(path, private).runs) == 120


def test_memory_and_folder_stay_within_their_bounds(tmp_path: Path, model: Path, keys: Keys, recording_key: Keys) -> None:
    folder = tmp_path / "kept"
    image = pictures(1)[0]
    with opened(model, keys) as session:
        session.record(folder, key=recording_key[1], on=(), runs=10, max_memory=3 * image.nbytes + 10)
        for _ in range(9):
            session.run(image)
        assert session.recording["runs_kept"] == 3
        session.run(pictures(1, 2, (200, 300, 3))[0])  # larger than all of it
        assert session.recording["runs_skipped"] == 1
        assert session.recording["runs_kept"] == 3
        session.run(pictures(1, 2, (90, 60, 3))[0])  # takes the place of older ones
        assert 1 <= session.recording["runs_kept"] <= 2
        session.record(folder, key=recording_key[1], on=(), max_folder=60_000)
        for _ in range(8):
            session.run(image)
            session.run(image)
            session.save_recording()
        files = sorted(folder.glob("*.lnxrec"))
        assert sum(file.stat().st_size for file in files) < 60_000
        assert 1 <= len(files) <= 3
        assert not list(folder.glob("*.part"))


def test_runs_of_many_threads_are_all_kept_or_counted(tmp_path: Path, model: Path, keys: Keys, recording_key: Keys) -> None:
    with opened(model, keys, run_slots=4) as session:
        session.record(tmp_path / "kept", key=recording_key[1], on=(), runs=8)

        def work(seed: int) -> None:
            for image in pictures(15, seed):
                session.run(image)
                if seed == 0:
                    session.save_recording()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.save_recording()
        saved = session.recording["runs_saved"]
        session.stop_recording()
        assert not session.recording["active"]
        session.run(pictures(1)[0])
    private = load_signing_key(recording_key[0])
    recordings = [read_recording(file, private) for file in (tmp_path / "kept").glob("*.lnxrec")]
    assert sum(len(recording.runs) for recording in recordings) == saved <= 60
    with open_for(recordings[0], model, device="cpu", trusted_keys=[keys[1]]) as session:
        assert all(one.same for recording in recordings for one in replay(recording, session))


def test_recording_is_refused_without_a_key_or_a_folder(tmp_path: Path, model: Path, keys: Keys, recording_key: Keys) -> None:
    with opened(model, keys) as session:
        with pytest.raises(lnx.LnxError) as caught:
            session.save_recording()
        assert caught.value.status == 115
        session.stop_recording()
        (tmp_path / "file").write_text("")
        for wrong, status in (
            ({"folder": tmp_path / "a", "key": tmp_path / "none.pem"}, 227),
            ({"folder": tmp_path / "a", "key": recording_key[0]}, 227),  # the private one
            ({"folder": tmp_path / "file" / "a", "key": recording_key[1]}, 510),
            ({"folder": tmp_path / "a", "key": recording_key[1], "runs": 5000}, 103),
            ({"folder": tmp_path / ("x" * 1000), "key": recording_key[1]}, 103),
            ({"folder": tmp_path / "a", "key": recording_key[1], "on": ["sunday"]}, 103),
        ):
            with pytest.raises(lnx.LnxError) as caught:
                session.record(**wrong)
            assert caught.value.status == status, wrong
        session.record(tmp_path / "gone", key=recording_key[1], on=())
        session.run(pictures(1)[0])
        (tmp_path / "gone").rmdir()
        with pytest.raises(lnx.LnxError) as caught:
            session.save_recording()
        assert caught.value.status == 510
        assert session.recording["files_failed"] == 1
        assert session.recording["last_error"]


def test_equal_answers_have_equal_fingerprints_and_others_do_not(model: Path, keys: Keys) -> None:
    a, b = pictures(2, 11)
    with opened(model, keys) as session:
        plain = session.run(a)
        assert session.run(a, tag=5).digest == plain.digest
        assert session.run(b).digest != plain.digest
        assert session.run(a, want=["label_map"]).digest != plain.digest
        assert session.run(a, threshold=0.5000001).digest != plain.digest
        assert len(bytes.fromhex(plain.digest)) == 32


def test_the_command_replays_and_exports(tmp_path: Path, model: Path, keys: Keys) -> None:
    run = CliRunner().invoke
    assert run(app, ["keys", "new", "recording", "--name", "plant", "--out", str(tmp_path)]).exit_code == 0
    private, public = tmp_path / "plant.recording-key.pem", tmp_path / "plant.recording-pub.pem"
    shown = run(app, ["keys", "show", str(public)])
    assert "recording, public" in shown.output
    images = tmp_path / "images"
    images.mkdir()
    for i, image in enumerate(pictures(3, 12)):
        lnx.write_image(images / f"{i}.png", image)
    common = ["--trust", str(keys[1]), "--device", "cpu"]
    done = run(app, ["run", str(model), str(images), *common, "--record", str(tmp_path / "kept"), "--record-key", str(public)])
    assert done.exit_code == 0, done.output
    export = tmp_path / "out"
    words = ["replay", str(tmp_path / "kept"), "--key", str(private), "--model", str(model), "--export", str(export), "--json", *common]
    done = run(app, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["recordings"]
    assert sum(row["runs"] for row in told) == sum(row["same"] for row in told) == 3
    made = sorted(export.rglob("*.png"))
    assert len(made) == 3
    assert np.array_equal(lnx.read_image(made[0]), lnx.read_image(images / "0.png"))
    done = run(app, ["replay", str(tmp_path / "images"), "--key", str(private), "--json"])
    assert done.exit_code == 3
