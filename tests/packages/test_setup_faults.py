"""The setup program under Wine when something goes wrong: power, disk, rights, a second one, wrong answers."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .setup_plant import ALL, FOLDER, LONG, NEW, OLD, SMALL, Pc, check_whole, wait_until


@pytest.fixture
def small_drive(pc: Pc) -> Iterator[Path]:
    """Drive Q: of 40 MB."""
    drive = pc.wine.prefix / "dosdevices/q:"
    disk = pc.wine.prefix.parent / "small-disk"
    disk.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount")
    try:
        drive.unlink(missing_ok=True)
        drive.symlink_to(disk)
        yield disk
    finally:
        pc.wine.stop()
        drive.unlink(missing_ok=True)
        subprocess.run(["umount", "-l", str(disk)], check=False)


def fill_while_it_writes(pc: Pc, program: Path, answers: str, staged: Path, filler: Path) -> None:
    """The room is there when setup looks, and gone when it writes."""
    running = pc.start(program, answers)
    wait_until(lambda: staged.exists() or running.poll() is not None)
    with filler.open("wb") as file:
        try:
            while running.poll() is None:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            running.wait(LONG)


@pytest.mark.slow
def test_a_full_disk_stops_install_and_upgrade_before_they_begin_and_in_the_middle(
    pc: Pc, small_drive: Path, setups: dict[str, Path]
) -> None:
    answers, filler = SMALL.replace("C:\\설치 폴더", "Q:\\설치"), small_drive / "filler"
    versions = small_drive / "설치/LNX Edge/versions"

    def leave(free: int) -> None:
        filler.unlink(missing_ok=True)
        filler.write_bytes(bytes(shutil.disk_usage(small_drive).free - free))

    leave(1 << 20)
    assert pc.setup(setups[OLD], answers) == 12, pc.logged()
    assert pc.version == "" and not versions.exists()
    filler.unlink()
    fill_while_it_writes(pc, setups[OLD], answers, versions / f"{OLD}.new", filler)
    assert pc.version in ("", OLD) and not (versions / f"{OLD}.new").exists(), "nothing half-made stays"
    assert pc.whole(versions / OLD) == (pc.version == OLD)
    filler.unlink()

    assert pc.setup(setups[OLD], answers) == 0, pc.logged()
    leave(1 << 20)
    assert pc.setup(setups[NEW], answers.replace("sdk, runtime", "sdk, runtime, docs, samples")) == 12, pc.logged()
    assert pc.version == OLD and pc.whole(versions / OLD)
    filler.unlink()
    fill_while_it_writes(pc, setups[NEW], answers, versions / f"{NEW}.new", filler)
    assert pc.version in (OLD, NEW) and pc.whole(versions / pc.version)
    assert not (versions / f"{NEW}.new").exists(), "nothing half-made stays"


def test_bad_answers_and_a_pack_that_does_not_fit_end_with_their_status(pc_with_old: Pc, setups: dict[str, Path]) -> None:
    pc = pc_with_old
    assert pc.setup(setups[NEW], "[setup]\ncomponents = everything\n") == 10
    assert pc.setup(setups[NEW], f"[setup]\n{FOLDER}pack = cu13\n") == 14, "this one does not carry it"
    assert (pc.version, pc.versions()) == (OLD, [OLD])


def test_an_unwritable_programdata_is_told_before_anything_is_copied(pc_with_old: Pc, setups: dict[str, Path]) -> None:
    pc = pc_with_old
    place = pc.wine.prefix / "drive_c/ProgramData/LNX"
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(exist_ok=True)
    place.write_text("a file where the folder belongs", encoding="ascii")  # root may write everywhere, so rights do not do
    try:
        assert pc.setup(setups[NEW], SMALL) == 15, pc.logged()
        assert (pc.version, pc.versions()) == (OLD, [OLD])
    finally:
        place.unlink()


@pytest.mark.slow
def test_a_second_setup_is_refused_while_one_runs(pc: Pc, setups: dict[str, Path]) -> None:
    first = pc.start(setups[OLD], ALL)
    try:
        wait_until(lambda: "into" in pc.logged() or first.poll() is not None)
        if first.poll() is None:
            status = pc.setup(setups[OLD], SMALL)
            assert status == 19 or first.poll() is not None
            assert status != 19 or "다른 LNX Edge" in pc.logged()
    finally:
        assert first.wait(LONG) == 0
    check_whole(pc, OLD)


def cut(pc: Pc, setups: dict[str, Path], chance: random.Random) -> None:
    """An upgrade whose power is cut at some moment; the old or the new version counts, whole. Then the upgrade again."""
    begin = time.monotonic()
    running = pc.start(setups[NEW], SMALL)
    try:
        running.wait(chance.uniform(0.0, cut.longest))  # type: ignore[attr-defined]
    except subprocess.TimeoutExpired:
        pc.wine.stop()
        running.kill()
    else:
        cut.longest = max(1.0, time.monotonic() - begin)  # type: ignore[attr-defined]
    running.wait(60)
    assert pc.version in (OLD, NEW)
    check_whole(pc, pc.version)
    assert pc.setup(setups[NEW], SMALL) == 0, pc.logged()
    check_whole(pc, NEW)
    assert pc.versions() == [NEW]


cut.longest = 8.0  # type: ignore[attr-defined]  # seconds that an upgrade takes; learnt


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]) for seed in range(2, 22))])
def test_a_power_cut_in_an_upgrade_leaves_the_old_or_the_new_version(pc_with_old: Pc, setups: dict[str, Path], seed: int) -> None:
    cut(pc_with_old, setups, random.Random(seed))
