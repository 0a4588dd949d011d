"""Deadlines, several cameras on one queue, batches from the queue, keeping warm, several sessions at once: what a line at irregular
triggers relies on. The model is slow on purpose, so that what is waited for is still running when it is looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import lnx
import numpy as np
import pytest
from conftest import ROOT, TEXTURE_LABELS, Packer, save_model
from onnx import TensorProto, helper, numpy_helper

LATE, FULL = 511, 505


def slow_classifier(path: Path, layers: int = 40, side: int = 96) -> Path:
    """Many convolutions that change nothing, then two logits from the mean: bright images answer class 1. Some 100 ms on one core."""
    same = np.zeros((16, 16, 3, 3), np.float32)
    same[range(16), range(16), 1, 1] = 1
    weights = [
        numpy_helper.from_array(np.full((16, 3, 1, 1), 1 / 3, np.float32), "first"),
        numpy_helper.from_array(same, "same"),
        numpy_helper.from_array(np.array([[-8.0, 8.0]], np.float32).repeat(16, 0) / 16, "w"),
        numpy_helper.from_array(np.array([4.0, -4.0], np.float32), "b"),
    ]
    nodes = [helper.make_node("Conv", ["x", "first"], ["c0"])]
    nodes += [helper.make_node("Conv", [f"c{i}", "same"], [f"c{i + 1}"], pads=[1, 1, 1, 1]) for i in range(layers)]
    nodes += [
        helper.make_node("ReduceMean", [f"c{layers}"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    return save_model(path, nodes, weights, [x], [y])


@pytest.fixture
def slow(tmp_path: Path, packed: Packer) -> Path:
    model = slow_classifier(tmp_path / "slow.onnx")
    return packed(model, "classification", TEXTURE_LABELS, activation="softmax", ng=["bright"], batch=[1, 4])[0]


def grey(level: int) -> Any:
    return np.full((96, 96, 3), level, np.uint8)


def opened(model: Path, keys: tuple[Path, Path], **options: Any) -> lnx.Session:
    return lnx.Session(model, device="cpu", cpu_threads=1, trusted_keys=[keys[1]], **{"events": False, **options})


def usual_ms(session: lnx.Session) -> float:
    """How long a run of this model takes here."""
    return float(min(session.run(grey(10)).timings["total"] for _ in range(3)) / 1000)


def test_a_run_that_misses_its_deadline_ends_early_and_the_next_one_is_fine(slow: Path, keys: tuple[Path, Path]) -> None:
    with opened(slow, keys) as session:
        usual = usual_ms(session)
        took = []
        for _ in range(5):
            begin = time.perf_counter()
            with pytest.raises(lnx.LnxError) as caught:
                session.run(grey(10), deadline_ms=max(1, int(usual / 10)))
            took.append((time.perf_counter() - begin) * 1000)
            assert caught.value.status == LATE and "deadline" in str(caught.value)
        assert min(took) < 0.8 * usual, "it ended before the model would have"
        assert session.run(grey(200), deadline_ms=3_600_000).verdict == "NG"
        assert session.run(grey(10)).verdict == "OK"


def test_a_deadline_also_ends_waiting_for_a_slot(slow: Path, keys: tuple[Path, Path]) -> None:
    with opened(slow, keys) as session:
        usual = usual_ms(session)
        tickets = [session.submit(grey(10)) for _ in range(8)]
        with pytest.raises(lnx.LnxError) as caught:
            session.run(grey(10), deadline_ms=max(1, int(usual / 10)))
        assert caught.value.status == LATE
        assert [session.wait(ticket).verdict for ticket in tickets] == ["OK"] * 8


def test_a_submitted_run_is_late_from_its_submission_on(slow: Path, keys: tuple[Path, Path]) -> None:
    with opened(slow, keys) as session:
        usual = usual_ms(session)
        first = [session.submit(grey(10)) for _ in range(3)]
        late, after = session.submit(grey(10), deadline_ms=max(1, int(usual))), session.submit(grey(200), deadline_ms=3_600_000)
        assert [session.wait(ticket).verdict for ticket in first] == ["OK"] * 3
        with pytest.raises(lnx.LnxError) as caught:
            session.wait(late)
        assert caught.value.status == LATE
        assert session.wait(after).verdict == "NG"


CHILD = """
import sys
import lnx
import numpy as np
with lnx.Session(sys.argv[1], device="cpu", cpu_threads=1, trusted_keys=[sys.argv[2]]) as session:
    for deadline in (1, 1, 1, 0):
        try:
            session.run(np.full((96, 96, 3), 10, np.uint8), deadline_ms=deadline)
        except lnx.LnxError as error:
            assert error.status == 511
"""


def test_late_runs_are_counted_in_the_event_log(slow: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    """In a process of its own, since a process keeps to the folder of its first event."""
    environment = {**os.environ, "LNX_EVENT_DIR": str(tmp_path / "events")}
    subprocess.run([sys.executable, "-c", CHILD, str(slow), str(keys[1])], env=environment, check=True)
    lines = [json.loads(line) for path in (tmp_path / "events").glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    summaries = [line["attributes"] for line in lines if line["event"] == "lnx.run.summary"]
    assert sum(summary["late"] for summary in summaries) == 3 and sum(summary["runs"] for summary in summaries) == 1


def test_a_camera_that_floods_the_queue_delays_no_other(slow: Path, keys: tuple[Path, Path]) -> None:
    with opened(slow, keys, queue_depth=6) as session:
        flood = [session.submit(grey(10), source=1, tag=1) for _ in range(6)]
        with pytest.raises(lnx.LnxError) as caught:
            session.submit(grey(10), source=1)
        assert caught.value.status == FULL and "source 1" in str(caught.value)
        other = session.wait(session.submit(grey(200), source=2, tag=2))
        assert other.verdict == "NG" and other.sequence <= 4, "in turn, not behind the six"
        told = [session.wait(ticket) for ticket in flood]
        assert [result.sequence for result in told] == sorted(result.sequence for result in told)
        assert {result.tag for result in told} == {1}
        with pytest.raises(lnx.LnxError) as caught:
            session.submit(grey(10), source=64)
        assert caught.value.status == 103


def test_waiting_images_run_as_one_batch_and_each_ticket_gets_its_own_answer(slow: Path, keys: tuple[Path, Path]) -> None:
    levels = [10, 200, 20, 220, 30, 240, 40, 250]
    with opened(slow, keys, submit_batch=4) as session:
        alone = [session.run(grey(level)) for level in levels]
        tickets = [session.submit(grey(level), tag=level) for level in levels]
        together = [session.wait(ticket) for ticket in tickets]
    assert [result.tag for result in together] == levels
    assert [result.verdict for result in together] == [result.verdict for result in alone]
    for one, other in zip(alone, together, strict=True):
        assert abs(one.classes[0].score - other.classes[0].score) < 1e-5
    shared = [result.timings["infer"] for result in together]
    assert len(set(shared)) < len(shared), "several came out of the same inference"


def test_a_bad_image_in_a_batch_spoils_only_its_own_answer(slow: Path, keys: tuple[Path, Path]) -> None:
    good, bad = np.full((3, 96, 96), 0.9, np.float32), np.full((3, 96, 96), np.nan, np.float32)
    with opened(slow, keys, submit_batch=4) as session:
        tickets = [session.submit(picture, pixel_format="F32_PLANAR") for picture in (good, good, bad, good)]
        assert [session.wait(ticket).verdict for ticket in tickets[:2]] == ["NG"] * 2
        with pytest.raises(lnx.LnxError) as caught:
            session.wait(tickets[2])
        assert caught.value.status == 502
        assert session.wait(tickets[3]).verdict == "NG"


@pytest.mark.parametrize("submit_batch", [5, 65])
def test_more_together_than_the_model_takes_is_refused(slow: Path, keys: tuple[Path, Path], submit_batch: int) -> None:
    with pytest.raises(lnx.LnxError) as caught:
        opened(slow, keys, submit_batch=submit_batch)
    assert caught.value.status in (103, 117)


def idle_runs(session: lnx.Session) -> int:
    return int(session.describe()["keep_warm"]["idle_runs"])


def until(condition: Any, what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def test_a_warm_session_runs_when_idle_and_never_in_the_way(slow: Path, keys: tuple[Path, Path]) -> None:
    with opened(slow, keys, keep_warm=0.001) as session:
        until(lambda: idle_runs(session) >= 3, "idle runs while nothing comes")
        waited = []
        for level in [10, 200] * 3:
            seen = idle_runs(session)
            until(lambda seen=seen: idle_runs(session) > seen, "idle runs go on between real ones")
            result = session.run(grey(level))
            assert result.verdict == ("NG" if level == 200 else "OK")
            waited.append(result.timings["queue"] / result.timings["infer"])
        assert result.sequence == 6, "idle runs are not counted as runs"
        assert float(np.median(waited)) < 0.05, "a real run waits for no idle one: it has a slot and cores of its own"
    with opened(slow, keys) as session:
        assert "keep_warm" not in session.describe()


def test_sessions_side_by_side_take_turns_and_answer_as_alone(slow: Path, keys: tuple[Path, Path]) -> None:
    answers: dict[int, list[tuple[str, float]]] = {}

    def work(number: int, session: lnx.Session) -> None:
        results = [session.run(grey(level)) for level in (10, 200, 120, 250)]
        answers[number] = [(result.verdict, result.classes[0].score) for result in results]

    sessions = [lnx.Session(slow, device="cpu", trusted_keys=[keys[1]], events=False) for _ in range(3)]
    work(-1, sessions[0])
    threads = [threading.Thread(target=work, args=(i, session)) for i, session in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.close()
    assert all(answers[i] == answers[-1] for i in range(3))


def test_an_idle_run_is_ended_by_a_run_of_any_session(slow: Path, keys: tuple[Path, Path]) -> None:
    """The idle runs of one session hold no core that another waits for."""
    with opened(slow, keys, keep_warm=0.001) as warm, opened(slow, keys, keep_warm=0.001, run_slots=2) as both, opened(slow, keys) as busy:
        until(lambda: idle_runs(warm) >= 2 and idle_runs(both) >= 2, "two sessions keep warm at once")
        for _ in range(5):
            result = busy.run(grey(10))
            assert result.timings["queue"] < 0.5 * result.timings["infer"], "nobody holds a core"
        assert both.run(grey(200)).verdict == "NG" and warm.run(grey(10)).verdict == "OK"


FIRST_RUN = """
import json, resource, sys
import lnx
import numpy as np
picture = np.load(sys.argv[3])
size = None if sys.argv[4] == "golden" else (picture.shape[1], picture.shape[0])
with lnx.Session(sys.argv[1], device="cpu", cpu_threads=1, trusted_keys=[sys.argv[2]], events=False, warm_up_size=size) as session:
    faults, regions = [], []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        result = session.run(picture)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
        regions.append(len(result.regions))
print(json.dumps({"faults": faults, "regions": regions, "sequence": result.sequence}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="counts page faults")
@pytest.mark.parametrize("told", ["golden", "size"])
def test_the_first_run_touches_no_memory_that_warming_up_has_not(tmp_path: Path, told: str) -> None:
    """Memory that is touched for the first time is what makes a first run slow; it is counted, which no load of the machine changes."""
    sys.path.insert(0, str(ROOT))
    from tools.demo import PARTS, pack_demo

    small = lnx.read_image(PARTS / "06.png")
    picture = small if told == "golden" else cv2.resize(small, (1600, 1200))
    model, _, public, _ = pack_demo(tmp_path)
    np.save(tmp_path / "picture.npy", picture)
    command = [sys.executable, "-c", FIRST_RUN, str(model), str(public), str(tmp_path / "picture.npy"), told]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answer["sequence"] == 3 and answer["regions"][0] > 0, "runs to warm up are not counted"
    assert answer["faults"][0] < 60, f"pages of the first run: {answer['faults']}"
