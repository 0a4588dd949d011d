"""What goes wrong with a dongle while sessions run: no wrong verdict, no run lost, no deadlock, and the way back without a restart."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from lnx import LnxError
from onnx import TensorProto, helper, numpy_helper
from plant import BRIGHT, PATIENCE_S, Plant, wait_for
from token_holder import hold
from virtual_reader import VirtualReader

BLOCKED, NO_SERVICE, BUSY, HANGS = 302, 320, 325, 327
SHORT = {"boot_s": 2, "unplug_s": 1, "expired_h": 1}
LONG = {"boot_s": 2, "unplug_s": 60, "expired_h": 1}


def nudge(virtual_reader: VirtualReader) -> None:
    """Another token comes: the core asks at once instead of within half a minute."""
    virtual_reader.slots[1].insert(virtual_reader.new_token(2))


def patient_classifier(path: Path) -> Path:
    """Bright pictures (mean above 0.8) take many rounds of work, others none; bright = NG as with any other."""
    rounds = numpy_helper.from_array(np.array([100000.0], np.float32), "rounds")
    level = numpy_helper.from_array(np.array([0.8], np.float32), "level")
    work = numpy_helper.from_array(np.eye(256, dtype=np.float32), "work")
    square = numpy_helper.from_array(np.ones((256, 256), np.float32), "square")
    two = numpy_helper.from_array(np.array([[1.0, -1.0]], np.float32), "two")
    half = numpy_helper.from_array(np.array([0.5], np.float32), "half")
    nothing = numpy_helper.from_array(np.array([0.0], np.float32), "nothing")
    first = numpy_helper.from_array(np.array(0, np.int64), "first")
    body = helper.make_graph(
        [helper.make_node("MatMul", ["s", "work"], ["t"]), helper.make_node("Identity", ["go"], ["on"])],
        "round",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, [256, 256]),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("t", TensorProto.FLOAT, [256, 256])],
    )
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sub", ["mean", "level"], ["above"]),
        helper.make_node("Relu", ["above"], ["part"]),
        helper.make_node("Mul", ["part", "rounds"], ["count_f"]),
        helper.make_node("Cast", ["count_f"], ["counts"], to=TensorProto.INT64),
        helper.make_node("Gather", ["counts", "first"], ["count"]),
        helper.make_node("Loop", ["count", "", "square"], ["worked"], body=body),
        helper.make_node("ReduceMin", ["worked"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "nothing"], ["none"]),
        helper.make_node("Sub", ["half", "mean"], ["dark"]),
        helper.make_node("Add", ["dark", "none"], ["dark_f"]),
        helper.make_node("Unsqueeze", ["dark_f", "axis"], ["column"]),
        helper.make_node("Mul", ["column", "two"], ["y"]),
    ]
    axis = numpy_helper.from_array(np.array([1], np.int64), "axis")
    graph = helper.make_graph(
        nodes,
        "patient",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [rounds, level, work, square, two, half, nothing, first, axis],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def grey(level: int) -> Any:
    return np.full((40, 50, 3), level, np.uint8)


def test_a_run_in_flight_finishes_although_the_dongle_is_pulled_and_the_licence_blocked(
    virtual_reader: VirtualReader, plant: Plant, tmp_path: Path
) -> None:
    card = virtual_reader.insert()
    plant.install(card, grace={"boot_s": 5, "unplug_s": 0, "expired_h": 1})
    plant.model = patient_classifier(tmp_path / "patient.onnx")
    with plant.open(plant.pack(batch=[1]), cpu_threads=1) as session:
        for level in (215, 230, 255):  # the more work, the faster the machine is
            answers: list[str] = []
            inspecting = threading.Thread(target=lambda level=level, answers=answers: answers.append(session.run(grey(level)).verdict))
            inspecting.start()
            virtual_reader.slots[0].remove()
            assert wait_for(lambda: session.license["phase_name"] == "blocked"), session.license
            with pytest.raises(LnxError) as caught:
                session.run(BRIGHT)
            assert caught.value.status == BLOCKED
            in_flight = inspecting.is_alive()
            inspecting.join(300)
            assert answers == ["NG"], "a run that began is finished"
            if in_flight:
                return
            virtual_reader.insert(card)
            assert wait_for(lambda: session.license["phase_name"] == "ok"), session.license
    raise AssertionError("the pictures were too easy for this claim")


def test_a_service_that_does_not_run_is_named_at_the_start(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert())
    virtual_reader.service.kill()
    error = plant.refused(plant.pack())
    assert error.status == NO_SERVICE and "pcscd" in str(error)


def test_a_service_that_stays_dead_blocks_after_the_grace_time(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), grace=SHORT)
    with plant.open(plant.pack()) as session:
        virtual_reader.service.kill()
        assert wait_for(lambda: session.license["phase_name"] == "blocked"), session.license
        assert session.license["status"] == NO_SERVICE
        with pytest.raises(LnxError) as caught:
            session.run(BRIGHT)
        assert caught.value.status == BLOCKED and "smart-card service" in str(caught.value)


def test_the_spare_takes_over_without_a_grace_time(virtual_reader: VirtualReader, plant: Plant) -> None:
    main, spare = virtual_reader.insert(virtual_reader.new_token(1)), virtual_reader.new_token(2)
    plant.install(main, spare, grace=LONG)
    virtual_reader.insert(spare, slot=1)
    with plant.open(plant.pack()) as session:
        virtual_reader.remove(0)
        time.sleep(2.5)  # long enough for two failures, if there were any
        assert session.run(BRIGHT).verdict == "NG"
        assert session.license["phase_name"] == "ok"
    assert [state["phase_name"] for state in plant.seen] == ["ok"], "it was never worse than that"


def test_an_exclusive_holder_is_named_at_the_start(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert())
    with hold(virtual_reader, "exclusive", 120) as program:
        error = plant.refused(plant.pack())
        assert error.status == BUSY and "another program" in str(error), error
        program.kill()


def test_an_exclusive_holder_during_a_session_costs_grace_and_is_survived(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), grace=SHORT)
    with plant.open(plant.pack()) as session:
        with hold(virtual_reader, "exclusive", 120) as program:
            nudge(virtual_reader)
            assert wait_for(lambda: session.license["phase_name"] in ("grace", "blocked")), session.license
            assert session.license["status"] == BUSY
            assert wait_for(lambda: session.license["phase_name"] == "blocked"), session.license
            program.kill()
        assert wait_for(lambda: session.license["phase_name"] == "ok"), session.license
        assert session.run(BRIGHT).verdict == "NG"


def test_a_token_that_others_keep_busy_is_waited_for(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), grace=SHORT)
    with hold(virtual_reader, "transaction", 1.0), plant.open(plant.pack(), license_wait=60.0) as session:
        with hold(virtual_reader, "transaction", 2.0) as program:
            nudge(virtual_reader)
            assert session.run(BRIGHT).verdict == "NG", "runs do not wait for tokens"
            program.wait(60)
        assert session.license["phase_name"] == "ok"
    assert {state["phase_name"] for state in plant.seen} == {"ok"}


@pytest.mark.parametrize("fault", ["wrong-key", "replay", "garbage", "sw:6F00", pytest.param("hang", marks=pytest.mark.slow)])
def test_a_dongle_that_goes_bad_blocks_after_the_grace_time(virtual_reader: VirtualReader, plant: Plant, fault: str) -> None:
    card = virtual_reader.insert()
    plant.install(card, grace=SHORT)
    with plant.open(plant.pack()) as session:
        card.faults.set(fault)
        nudge(virtual_reader)
        begin = time.monotonic()
        assert session.run(BRIGHT).verdict == "NG"
        assert fault != "hang" or time.monotonic() - begin < 10, "runs do not wait for tokens"
        assert wait_for(lambda: session.license["phase_name"] == "blocked"), session.license
        assert fault != "hang" or session.license["status"] == HANGS
        card.faults.set(None)
        virtual_reader.slots[1].remove()
        assert wait_for(lambda: session.license["phase_name"] == "ok"), session.license
        assert session.run(BRIGHT).verdict == "NG"


def test_a_service_that_is_restarted_is_survived(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), grace=LONG)
    with plant.open(plant.pack()) as session:
        virtual_reader.service.kill()
        assert wait_for(lambda: session.license["phase_name"] == "grace")
        assert session.license["status"] == NO_SERVICE
        virtual_reader.service.start()
        assert wait_for(lambda: session.license["phase_name"] == "ok")


def flap(virtual_reader: VirtualReader, plant: Plant, seconds: float) -> dict[str, int]:
    """Pulls and plugs the dongle, ever slower, while eight threads inspect. How often they did, and were told that it is blocked."""
    card = virtual_reader.insert()
    plant.install(card, grace={"boot_s": 5, "unplug_s": 1, "expired_h": 1})
    strange: list[str] = []
    counts = {"ok": 0, "blocked": 0, "pulled": 0}
    stop = threading.Event()
    with plant.open(plant.pack(), run_slots=4) as session:

        def work() -> None:
            while not stop.is_set():
                try:
                    verdict = session.run(BRIGHT).verdict
                    counts["ok"] += 1
                    if verdict != "NG":
                        strange.append(verdict)
                except LnxError as error:
                    counts["blocked"] += 1
                    if error.status != BLOCKED:
                        strange.append(str(error))
                    time.sleep(0.01)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        pause = 0.1
        while time.monotonic() < end or (counts["ok"] <= 100 and time.monotonic() < end + PATIENCE_S):
            virtual_reader.slots[0].remove()
            counts["pulled"] += 1
            time.sleep(pause)
            virtual_reader.insert(card)
            time.sleep(0.2)
            pause = 0.1 if pause > 2 else pause * 1.7
        stop.set()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), "a deadlock"
        assert wait_for(lambda: session.license["phase_name"] == "ok")
        assert session.run(BRIGHT).verdict == "NG"
    assert not strange, strange[:3]
    assert counts["ok"] > 100, counts
    return counts


def test_eight_threads_run_while_the_dongle_flaps(virtual_reader: VirtualReader, plant: Plant) -> None:
    flap(virtual_reader, plant, 5)


@pytest.mark.slow
def test_eight_threads_run_for_a_minute_while_the_dongle_flaps(virtual_reader: VirtualReader, plant: Plant) -> None:
    counts = flap(virtual_reader, plant, 60)
    print(counts)
    assert counts["blocked"] > 0, "some of the pauses are longer than the grace time"
