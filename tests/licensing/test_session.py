"""A model that only a licence opens, in a session with real readers: what opens it, what does not, and what happens at the line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lnx import LnxError, _core  # type: ignore[attr-defined]
from lnx.container import OpenRecipient, P256Recipient
from plant import BRIGHT, CALM, Plant, now, sha256_of, software_key, wait_for
from virtual_reader import VirtualReader

MISSING, BLOCKED, SIGNATURE, NOT_YET, EXPIRED, WRONG_DONGLE = 301, 302, 305, 308, 309, 310
NOT_LICENSED, ROLLED_BACK, MAINTENANCE, CLOCK_BACK, GRACE, RUNTIME = 312, 313, 314, 315, 316, 317
SOFTWARE_KEY, NO_TOKEN = 318, 323


def test_a_model_opens_where_its_licence_and_dongle_are(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    plant.install(card)
    with plant.open(plant.pack()) as session:
        assert session.run(BRIGHT).verdict == "NG"
        state = session.license
        assert (state["phase_name"], state["license_id"], state["customer"]) == ("ok", "lic-1", "Plant 7")
        assert not state["evaluation"] and state["expires_unix"] is None and state["warning"] == ""


def test_an_open_model_needs_no_licence(plant: Plant) -> None:
    with plant.open(plant.pack(recipients=[OpenRecipient()])) as session:
        assert session.license["phase_name"] == "none"


def test_a_model_for_one_dongle_alone_opens_there_and_nowhere_else(virtual_reader: VirtualReader, plant: Plant) -> None:
    card, other = virtual_reader.insert(), virtual_reader.new_token(2)
    plant.install(card)
    key = card.state.keys[0x9E].key.public_key()
    with plant.open(plant.pack(recipients=[P256Recipient(key)])) as session:
        assert session.run(BRIGHT).verdict == "NG"
    stranger = P256Recipient(other.state.keys[0x9E].key.public_key())
    assert plant.refused(plant.pack(recipients=[stranger])).status == NOT_LICENSED


def test_without_a_licence_the_error_says_where_it_was_looked_for(virtual_reader: VirtualReader, plant: Plant) -> None:
    virtual_reader.insert()
    error = plant.refused(plant.pack())
    assert error.status == MISSING and "licenses" in str(error)


def test_the_licence_may_lie_on_the_token(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.new_token()
    card.state.objects[0x5FC120] = plant.install(card).read_bytes()
    (plant.folder / "licenses/plant.lic").unlink()
    virtual_reader.insert(card)
    with plant.open(plant.pack()) as session:
        assert session.license["phase_name"] == "ok"


def test_a_named_licence_is_taken_alone(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    path = plant.install(card).rename(plant.folder / "라이선스.lic")
    with plant.open(plant.pack(), license_file=path) as session:
        assert session.license["phase_name"] == "ok"
    assert plant.refused(plant.pack(), license_file=plant.folder / "none.lic").status == MISSING


def test_a_dongle_that_is_absent_is_waited_for_and_then_named(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.new_token(4711)
    plant.install(card)
    model = plant.pack()
    error = plant.refused(model)
    assert error.status == NO_TOKEN and "4711" in str(error)
    later = threading.Timer(0.5, virtual_reader.insert, [card])
    later.start()
    with plant.open(model, license_wait=90.0) as session:
        assert session.license["phase_name"] == "ok"
    later.join()


def test_the_wrong_dongle_is_refused_and_the_right_one_named(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.new_token(4711))
    virtual_reader.insert(virtual_reader.new_token(1))
    error = plant.refused(plant.pack())
    assert error.status == WRONG_DONGLE and "4711" in str(error)


def test_the_spare_dongle_opens_too(virtual_reader: VirtualReader, plant: Plant) -> None:
    main, spare = virtual_reader.new_token(1), virtual_reader.new_token(2)
    plant.install(main, spare)
    virtual_reader.insert(spare)
    with plant.open(plant.pack()) as session:
        assert session.license["phase_name"] == "ok"


def test_of_several_licences_the_one_whose_dongle_is_there_opens(virtual_reader: VirtualReader, plant: Plant) -> None:
    here, elsewhere = virtual_reader.new_token(1), virtual_reader.new_token(2)
    plant.install(elsewhere, name="a.lic", license_id="elsewhere", issue=9)
    plant.install(here, name="b.lic", license_id="here")
    virtual_reader.insert(here)
    with plant.open(plant.pack()) as session:
        assert session.license["license_id"] == "here"


def test_the_higher_issue_counts_and_a_revoked_one_does_not(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    plant.install(card, name="old.lic", license_id="old", issue=1)
    plant.install(card, name="new.lic", license_id="new", issue=2, not_before=now() + timedelta(days=2))
    model = plant.pack()
    assert plant.refused(model).status == NOT_YET
    plant.install(card, name="new.lic", license_id="new", issue=2)
    with plant.open(model) as session:
        assert session.license["license_id"] == "new"


@pytest.mark.parametrize(
    ("fields", "model", "status"),
    [
        ({"not_after": now() - timedelta(hours=3)}, {}, EXPIRED),
        ({"not_after": now() - timedelta(minutes=5)}, {}, GRACE),
        ({"not_before": now() + timedelta(days=1)}, {}, NOT_YET),
        ({"models": [{"model_id": "another"}]}, {}, NOT_LICENSED),
        ({"models": [{"model_id": "weld-seam", "not_after": now() - timedelta(days=1)}]}, {}, NOT_LICENSED),
        ({"models": [{"model_id": "weld-seam", "min_epoch": 8}]}, {}, ROLLED_BACK),
        ({"maintenance_until": "2026-06-30"}, {"released": "2026-07-01"}, MAINTENANCE),
        ({"runtime_sha256": ["00" * 32]}, {}, RUNTIME),
    ],
)
def test_what_the_licence_does_not_allow_is_refused(
    virtual_reader: VirtualReader, plant: Plant, fields: dict[str, Any], model: dict[str, Any], status: int
) -> None:
    plant.install(virtual_reader.insert(), **fields)
    error = plant.refused(plant.pack(**model))
    assert error.status == status, error


LOADED = """
import json, sys
import lnx
try:
    lnx.Session(sys.argv[1], device="cpu").close()
    status = 0
except lnx.LnxError as error:
    status = error.status
print(json.dumps({"status": status, "loaded": "libonnxruntime" in open("/proc/self/maps").read()}))
"""


def test_only_the_runtime_that_the_licence_names_is_loaded(plant: Plant) -> None:
    key, dongle = software_key(plant.desk)
    terms: dict[str, Any] = {"more_dongles": [dongle], "not_after": now() + timedelta(days=60)}
    plant.install(**terms)
    (plant.folder / "licenses/plant.softkey.json").write_text(json.dumps(key))
    model = plant.pack()
    with plant.open(model):
        library = Path(_core.version()["runtime_path"])

    def in_a_process() -> dict[str, Any]:
        done = subprocess.run([sys.executable, "-c", LOADED, str(model)], capture_output=True, text=True, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    plant.install(**terms, runtime_sha256=["00" * 32, sha256_of(library)])
    assert in_a_process() == {"status": 0, "loaded": True}
    plant.open(model).close()
    plant.install(**terms, runtime_sha256=["00" * 32])
    assert in_a_process() == {"status": RUNTIME, "loaded": False}, "it is looked at before it is loaded"
    error = plant.refused(model)
    assert error.status == RUNTIME and sha256_of(library) in str(error)


def test_models_within_the_maintenance_keep_working(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), maintenance_until="2026-06-30", models=[{"model_id": "weld-seam", "min_epoch": 7}])
    with plant.open(plant.pack(released="2026-06-30")) as session:
        assert session.license["phase_name"] == "ok"


def test_a_model_that_ran_once_cannot_be_put_back(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert())
    old, new = plant.pack(epoch=7), plant.pack(epoch=8)
    plant.open(old).close()
    plant.open(new).close()
    assert plant.refused(old).status == ROLLED_BACK
    (plant.folder / "state/seen-1.json").write_text("{")
    assert plant.refused(old).status == ROLLED_BACK, "the second copy remembers"


def test_a_clock_that_was_set_back_does_not_prolong_a_licence(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    plant.install(card, not_after=now() + timedelta(days=2))
    model = plant.pack()
    plant.open(model).close()
    seen = json.loads((plant.folder / "state/seen-1.json").read_text())
    seen["last_time"] += 4 * 86400
    del seen["check"]
    seen["check"] = hashlib.sha256(json.dumps(seen, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    for name in ("seen-1.json", "seen-2.json"):
        (plant.folder / "state" / name).write_text(json.dumps(seen))
    assert plant.refused(model).status == CLOCK_BACK
    plant.install(card, issue=2, issued_at=now() - timedelta(minutes=1), not_after=now() + timedelta(days=30))
    with plant.open(model) as session:
        assert session.license["phase_name"] == "ok", "a fresh licence puts it right"


def test_an_edited_licence_is_refused(virtual_reader: VirtualReader, plant: Plant) -> None:
    path = plant.install(virtual_reader.insert())
    document = json.loads(path.read_bytes())
    payload = bytearray(document["payload"].encode())
    payload[100] = ord("A") if payload[100] != ord("A") else ord("B")
    path.write_text(json.dumps({**document, "payload": payload.decode()}))
    assert plant.refused(plant.pack()).status == SIGNATURE


def test_an_evaluation_licence_shows_itself_everywhere(plant: Plant) -> None:
    key, dongle = software_key(plant.desk)
    plant.install(more_dongles=[dongle], not_after=now() + timedelta(days=60))
    model = plant.pack()
    assert plant.refused(model).status == SOFTWARE_KEY
    (plant.folder / "licenses/another.softkey.json").write_text("{")
    error = plant.refused(model)
    assert error.status == SOFTWARE_KEY and "another.softkey.json" in str(error)
    (plant.folder / "licenses/plant.softkey.json").write_text(json.dumps(key))
    with plant.open(model) as session:
        result = session.run(BRIGHT)
        assert result.to_dict()["evaluation"] is True
        assert session.license["evaluation"]
        shown = result.draw(BRIGHT)
        plain = plant.open(plant.pack(model_id="open", recipients=[OpenRecipient()])).run(BRIGHT).draw(BRIGHT)
        assert (shown != plain).any()


def test_pulling_the_dongle_gives_grace_then_blocks_and_recovers(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    plant.install(card, grace={**CALM, "unplug_s": 1})
    with plant.open(plant.pack()) as session:
        virtual_reader.remove()
        assert wait_for(lambda: session.license["phase_name"] == "blocked")
        with pytest.raises(LnxError) as caught:
            session.run(BRIGHT)
        assert caught.value.status == BLOCKED
        virtual_reader.insert(card)
        assert wait_for(lambda: session.license["phase_name"] == "ok")
        assert session.run(BRIGHT).verdict == "NG"
    phases = [state["phase_name"] for state in plant.seen]
    without_grace = ["ok", "blocked", "ok"]  # when a busy machine slept through that second
    assert phases in (["ok", "grace", "blocked", "ok"], without_grace), phases


def test_a_renewal_that_is_installed_prolongs_a_session_that_runs(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    end = now() + timedelta(days=5)
    plant.install(card, name="old.lic", license_id="old", not_after=end, grace=CALM)
    with plant.open(plant.pack()) as session:
        assert "ends in" in session.license["warning"]
        plant.install(card, name="new.lic", license_id="new", issue=2, replaces="old", not_after=end + timedelta(days=365))
        assert wait_for(lambda: session.license["license_id"] == "new")
        assert wait_for(lambda: session.license["warning"] == "")
        assert session.license["expires_unix"] == (end + timedelta(days=365)).timestamp()
        assert session.run(BRIGHT).verdict == "NG"
    assert [(state["license_id"], state["warning"] == "") for state in plant.seen] == [("old", False), ("new", True)], plant.seen


WATCHED = """
import sys, time
from lnx import Session
with Session(sys.argv[1], device="cpu") as session:
    print("open", flush=True)
    while session.license["phase_name"] != "grace":
        time.sleep(0.02)
"""


def test_each_change_is_an_event(virtual_reader: VirtualReader, plant: Plant) -> None:
    plant.install(virtual_reader.insert(), grace=CALM)
    words = [sys.executable, "-c", WATCHED, str(plant.pack())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout and program.stdout.readline() == "open\n"
        virtual_reader.remove()
        assert program.wait(90) == 0
    lines = [json.loads(line) for file in (plant.folder / "events").iterdir() for line in file.read_text().splitlines()]
    told = [line["attributes"] for line in lines if line["event"] == "lnx.license.state"]
    assert [(event["phase"], event["status"]) for event in told] == [("ok", 0), ("grace", NO_TOKEN)]
    assert told[0]["license_id"] == "lic-1"


def test_a_dongle_that_is_back_within_the_grace_time_costs_nothing(virtual_reader: VirtualReader, plant: Plant) -> None:
    card = virtual_reader.insert()
    plant.install(card, grace=CALM)
    model = plant.pack()
    with plant.open(model) as session:
        virtual_reader.remove()
        assert wait_for(lambda: session.license["phase_name"] == "grace")
        assert session.run(BRIGHT).verdict == "NG", "runs go on in the grace time"
        assert 0 < session.license["grace_seconds_left"] <= 600
        assert plant.refused(model).status == GRACE, "no further model is opened"
        virtual_reader.insert(card)
        assert wait_for(lambda: session.license["phase_name"] == "ok")
        assert session.run(BRIGHT).verdict == "NG"
    assert [state["phase_name"] for state in plant.seen if state["phase_name"] != "grace"] == ["ok", "ok"], plant.seen
