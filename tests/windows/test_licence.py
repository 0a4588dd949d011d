"""Licences and dongles on Windows: a model that only a licence opens, in Windows CPython under Wine 10, with a token behind pcscd.

Wine 8 has neither winscard nor the agreement of keys, so these tests start in the Debian 13 of tools/dev/wine_chroot.py, which
`python3 dev.py windows --wine10` makes. They are slow, and skipped with the reason where that folder is not or cannot be entered.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lnx.container import OpenRecipient, P256Recipient

from tools.dev import windows, windows_assets, wine_chroot
from tools.dev.machine import ROOT
from tools.dev.wine import SYSTEM_UTF8, Wine, windows_path
from tools.dev.wine_chroot import ChrootWine

from .conftest import NEWEST, Model, settings

sys.path.insert(0, str(ROOT / "tests/licensing"))
from plant import Plant, now, software_key
from smartcard_service import why_not
from supplier_desk import new_desk
from virtual_reader import VirtualReader, exclusive_holder

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parent / "on_windows/licensed.py"
FOLDERS = {"trust": "LNX_TRUST_DIR", "licenses": "LNX_LICENSE_DIR", "state": "LNX_STATE_DIR", "events": "LNX_EVENT_DIR"}
OK, GRACE, BLOCKED = 2, 3, 4  # LnxLicensePhase


@pytest.fixture(scope="module")
def wine10() -> Iterator[Wine]:
    reason = wine_chroot.why_not() or why_not()
    if not reason and not (windows.PREFIX10 / "lnx-ready").exists():
        reason = "Wine 10 is not prepared: python3 dev.py windows --wine10"
    if reason:
        pytest.skip(reason)
    wine = ChrootWine(windows.PREFIX10, SYSTEM_UTF8, root=windows.DEBIAN13)
    yield wine
    wine.stop()


@pytest.fixture
def reader(tmp_path: Path, socket_folder: Path) -> Iterator[VirtualReader]:
    folder = tmp_path / "reader"
    folder.mkdir()
    with VirtualReader(folder, socket_folder) as service:
        yield service


@pytest.fixture
def plant(tmp_path: Path, classifier: Path) -> Plant:
    installed = Plant(tmp_path / "공장", new_desk(), classifier.with_suffix(".onnx"))
    for name in FOLDERS:
        (installed.folder / name).mkdir(parents=True)
    installed.install_trust()
    return installed


class Program:
    """licensed.py under Wine 10: what it told so far, and a way to wait for more."""

    def __init__(self, wine: Wine, plant: Plant, reader: VirtualReader | None, *words: str | Path) -> None:
        env = {name: windows_path(plant.folder / folder) for folder, name in FOLDERS.items()}
        env["LNX_RUNTIME_DIR"] = windows_path(windows_assets.runtime_folder(NEWEST))
        env |= reader.environment if reader else {"PCSCLITE_CSOCK_NAME": "/nowhere/pcscd.comm"}
        self.told: list[dict[str, Any]] = []
        self._noise: list[str] = []
        self._process = wine.start(*words, env=env)
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = 90) -> dict[str, Any]:
        """The first line from now on that is wanted."""
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"never told; {self.told} {''.join(self._noise)[-2000:]}")
            if not line.startswith("{"):
                self._noise.append(line)
                continue
            self.told.append(json.loads(line))
            if wanted(self.told[-1]):
                return self.told[-1]

    def opened(self) -> dict[str, Any]:
        return self.until(lambda line: "opened" in line)

    def run(self) -> Any:
        assert self._process.stdin
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self.until(lambda line: "run" in line)["run"]

    def phase(self, name: str) -> None:
        self.until(lambda line: line.get("phase") == name)

    def close(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.close()
        assert self._process.wait(60) == 0, self._noise

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._process.kill()


def opened(wine: Wine, plant: Plant, reader: VirtualReader | None, model: Path, wait: float = 1.0) -> Program:
    return Program(wine, plant, reader, windows_assets.CPYTHON / "python.exe", SCRIPT, model, str(wait))


def refusal(wine: Wine, plant: Plant, reader: VirtualReader | None, model: Path) -> tuple[int, str]:
    with opened(wine, plant, reader, model) as program:
        told = program.opened()
    return told["opened"], told.get("text", "")


def test_a_model_opens_where_its_licence_and_dongle_are(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    plant.install(reader.insert())
    with opened(wine10, plant, reader, plant.pack()) as program:
        told = program.opened()
        assert told["opened"] == 0, told
        assert told["license"] == {"phase_name": "ok", "license_id": "lic-1", "customer": "Plant 7", "evaluation": False}
        assert program.run() == "NG"
    events = [json.loads(line) for path in (plant.folder / "events").iterdir() for line in path.read_text("utf-8").splitlines()]
    assert "lnx.license.state" in [event["event"] for event in events]


def test_a_model_for_one_dongle_alone_opens_there(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    card = reader.insert()
    plant.install(card)
    with opened(wine10, plant, reader, plant.pack(recipients=[P256Recipient(card.state.keys[0x9E].key.public_key())])) as program:
        assert program.opened()["opened"] == 0
        assert program.run() == "NG"


def test_the_licence_may_lie_on_the_token(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    card = reader.new_token()
    path = plant.install(card)
    card.state.objects[0x5FC120] = path.read_bytes()
    path.unlink()
    reader.insert(card)
    with opened(wine10, plant, reader, plant.pack(), wait=20) as program:  # the first answer of Wine's winscard takes its time
        told = program.opened()
        assert told["opened"] == 0, told


def test_each_obstacle_has_its_own_error(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    model = plant.pack()
    assert refusal(wine10, plant, reader, plant.pack(model_id="open", recipients=[OpenRecipient()]))[0] == 0, "an open model needs none"
    assert refusal(wine10, plant, reader, model)[0] == 301, "no licence"
    card = reader.new_token(4711)
    path = plant.install(card)
    status, text = refusal(wine10, plant, reader, model)
    assert status in (322, 323) and "4711" in text, "no dongle"
    reader.insert(reader.new_token(1))
    status, text = refusal(wine10, plant, reader, model)
    assert status == 310 and "4711" in text, "the wrong dongle"
    reader.insert(card)
    plant.install(card, not_after=now() - timedelta(hours=3))
    assert refusal(wine10, plant, reader, model)[0] == 309, "expired"
    plant.install(card, models=[{"model_id": "another"}])
    assert refusal(wine10, plant, reader, model)[0] == 312, "another model"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "payload": document["payload"][:-8] + "AAAAAAA="}))
    assert refusal(wine10, plant, reader, model)[0] in (303, 305), "edited"
    plant.install(card)
    reader.service.stop()
    assert refusal(wine10, plant, reader, model)[0] == 320, "the smart-card service does not run"
    reader.service.start()


def test_a_token_that_another_program_holds_is_named(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    pytest.importorskip("smartcard", reason="the other program needs pyscard (extra `dongle`)")
    plant.install(reader.insert())
    with exclusive_holder(reader):
        assert refusal(wine10, plant, reader, plant.pack())[0] == 325


def test_a_dongle_that_comes_late_is_waited_for(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    card = reader.new_token()
    plant.install(card)
    with opened(wine10, plant, reader, plant.pack(), wait=60) as program:
        threading.Timer(4, reader.insert, [card]).start()
        assert program.opened()["opened"] == 0


def test_the_spare_dongle_opens_too(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    main, spare = reader.new_token(1), reader.new_token(2)
    plant.install(main, spare)
    reader.insert(spare, slot=1)
    assert refusal(wine10, plant, reader, plant.pack())[0] == 0


def test_an_evaluation_licence_opens_with_its_key_file(wine10: Wine, plant: Plant) -> None:
    key, dongle = software_key(plant.desk)
    plant.install(more_dongles=[dongle], not_after=now() + timedelta(days=60))
    model = plant.pack()
    assert refusal(wine10, plant, None, model)[0] == 318
    (plant.folder / "licenses/plant.softkey.json").write_text(json.dumps(key))
    with opened(wine10, plant, None, model) as program:
        assert program.opened()["license"]["evaluation"] is True


def test_pulling_the_dongle_gives_grace_then_blocks_and_recovers(wine10: Wine, reader: VirtualReader, plant: Plant) -> None:
    card = reader.insert()
    plant.install(card)
    with opened(wine10, plant, reader, plant.pack()) as program:
        assert program.opened()["opened"] == 0
        reader.remove()
        program.phase("grace")
        program.phase("blocked")
        assert program.run() == 302
        reader.insert(card)
        program.phase("ok")
        assert program.run() == "NG"
    phases = [line["phase"] for line in program.told if "phase" in line]
    assert [phase for i, phase in enumerate(phases) if i == 0 or phases[i - 1] != phase][-4:] == ["ok", "grace", "blocked", "ok"]


def test_the_mfc_sample_waits_for_the_dongle_and_leaves_no_part_out(
    wine10: Wine, reader: VirtualReader, plant: Plant, installed: Path, parts: Path, tmp_path: Path
) -> None:
    card = reader.new_token()
    plant.install(card)
    words = [installed / "windows_inspection_window.exe", "1000", tmp_path / "o.bmp", plant.pack(), parts]
    env = {name: windows_path(plant.folder / folder) for folder, name in FOLDERS.items()}
    env |= {"LNX_RUNTIME_DIR": windows_path(windows_assets.runtime_folder(NEWEST)), **reader.environment}
    program = wine10.start(*words, env=env)
    assert program.stdout
    lines: list[str] = []

    def until(wanted: Callable[[str], bool]) -> str:
        assert program.stdout
        for line in program.stdout:
            lines.append(line)
            if wanted(line):
                return line
        raise AssertionError("".join(lines[-20:]))

    def inspected() -> int:
        return sum(line.startswith("inspected ") for line in lines)

    assert " 32" in until(lambda line: line.startswith("state retrying")), "no dongle yet: it tries again"
    reader.insert(card)
    until(lambda line: line.startswith("inspected "))
    reader.remove()
    until(lambda line: line.startswith("state ") and line.split()[3] == str(GRACE))
    until(lambda line: line.startswith("state blocked"))
    before = inspected()
    reader.insert(card)
    until(lambda line: line.startswith("state running"))
    until(lambda line: line.startswith("inspected "))
    openings = until(lambda line: line.startswith("inspected ")) and [line.split()[4] for line in lines if line.startswith("state running")]
    assert inspected() > before and set(openings) == {"1"}, "the session was not opened a second time"
    tell = [json.loads(line.removeprefix("inspected ")) for line in lines if line.startswith("inspected ")]
    assert [result["sequence"] for result in tell] == list(range(1, len(tell) + 1)), "every frame once, none left out"
    program.kill()
    program.wait(30)


@pytest.mark.parametrize("name", ["test_crypto.exe", "test_token.exe", "test_license.exe"])
def test_unit_tests_that_wine_8_cannot_run(name: str, wine10: Wine, installed: Path, plain_model: Model) -> None:
    # Wine lets a point that is not on the curve in, and refuses it when it is used; Windows and OpenSSL refuse it at once.
    gap = ["--gtest_filter=-Ecdh.RefusesWhatIsNotOnTheCurve"] if name == "test_crypto.exe" else []
    done = wine10.run(installed / name, "--gtest_brief=1", *gap, env=settings(model=plain_model), cwd=installed, timeout=300)
    assert done.returncode == 0 and "[  PASSED  ]" in done.stdout, done.stdout + done.stderr
    assert "SKIPPED" not in done.stdout
