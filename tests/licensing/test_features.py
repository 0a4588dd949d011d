"""The features of a licence through sessions: which tasks, whether a GPU, how many cameras, and what the program reads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from lnx import LnxError, Session
from lnx.container import OpenRecipient
from plant import BRIGHT, Plant, now, software_key

FEATURE = 319

HOLD = """
import sys
from lnx import Session
with Session(sys.argv[1], device="cpu", run_slots=int(sys.argv[2]), events=False):
    print("open", flush=True)
    sys.stdin.read()
"""


def licensed(plant: Plant, **features: Any) -> Path:
    """A model and its licence with these features; the licence needs no dongle. Each is of its own, since seats are of the machine."""
    key, dongle = software_key(plant.desk)
    plant.install(more_dongles=[dongle], not_after=now() + timedelta(days=60), license_id=uuid4().hex, features=features)
    (plant.folder / "licenses/plant.softkey.json").write_text(json.dumps(key))
    return plant.pack()


def test_a_licence_without_features_limits_nothing(plant: Plant) -> None:
    with plant.open(licensed(plant), run_slots=8) as session:
        assert session.license["features"] == {}


def test_only_the_tasks_that_the_licence_lists_are_opened(plant: Plant) -> None:
    error = plant.refused(licensed(plant, tools=["ocr", "anomaly"]))
    assert error.status == FEATURE and "classification" in str(error) and "one of ocr, anomaly" in str(error)
    with plant.open(licensed(plant, tools=["ocr", "classification"])) as session:
        assert session.run(BRIGHT).verdict == "NG"


def test_a_licence_without_gpu_runs_on_the_cpu_and_says_why(plant: Plant) -> None:
    model = licensed(plant, gpu=False)
    error = plant.refused(model, device="cuda:0")
    assert error.status == FEATURE and "no GPU" in str(error)
    for chosen in ({"device": "auto"}, {"device": "cuda:0", "allow_cpu_fallback": True}):
        with plant.open(model, **chosen) as session:
            told = session.describe()
            assert told["device"] == "cpu" and "no GPU" in told["fallback_reason"]
            assert session.run(BRIGHT).verdict == "NG"


def test_cameras_limits_the_run_slots_of_one_model_at_the_same_time(plant: Plant) -> None:
    model = licensed(plant, cameras=3)
    other = plant.pack(model_id="scratch")
    assert plant.refused(model, run_slots=4).status == FEATURE
    with plant.open(model, run_slots=2):
        error = plant.refused(model, run_slots=2)
        assert error.status == FEATURE and "2 of 3 being in use" in str(error)
        with plant.open(model), plant.open(other, run_slots=3):
            assert plant.refused(model).status == FEATURE
    with plant.open(model, run_slots=3) as session:
        assert session.run(BRIGHT).verdict == "NG", "ended sessions gave theirs back"


def test_cameras_are_counted_over_all_programs_and_given_back_however_one_ends(plant: Plant) -> None:
    model = licensed(plant, cameras=2)
    command = [sys.executable, "-c", HOLD, str(model), "2"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as program:
        assert program.stdout and program.stdout.readline() == "open\n"
        error = plant.refused(model)
        assert error.status == FEATURE and "2 of 2 being in use" in str(error)
        program.kill()
    with plant.open(model, run_slots=2) as session:
        assert session.run(BRIGHT).verdict == "NG"


def test_an_open_that_fails_later_gives_its_cameras_back(plant: Plant, tmp_path: Path) -> None:
    model = licensed(plant, cameras=1)
    with pytest.raises(LnxError):
        Session(model, device="cpu", runtime_dir=tmp_path / "nothing")
    with pytest.raises(LnxError):
        plant.open(model, progress=lambda stage, fraction: stage != "load")
    plant.open(model).close()


def test_sessions_that_come_and_go_in_threads_never_exceed_the_cameras(plant: Plant) -> None:
    model = licensed(plant, cameras=2)
    opened, refused, strange = [], [], []

    def work() -> None:
        for _ in range(6):
            try:
                with plant.open(model) as session:
                    opened.append(session.run(BRIGHT).verdict)
            except LnxError as error:
                (refused if error.status == FEATURE else strange).append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not strange and len(opened) + len(refused) == 24 and set(opened) == {"NG"}
    with plant.open(model, run_slots=2):
        pass


def test_the_program_reads_the_features_that_are_its_own(plant: Plant) -> None:
    features = {"cameras": 4, "gpu": True, "measure": True, "zones": ["a", "나"], "edition": "pro", "depth": -3}
    with plant.open(licensed(plant, **features)) as session:
        assert session.license["features"] == features
    with plant.open(plant.pack(model_id="open", recipients=[OpenRecipient()])) as session:
        assert session.license["features"] == {}
