"""The setup program under Wine when something goes wrong: power, disk, rights, a second one, wrong answers."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from .setup_plant import ALL, FOLDER, LONG, NEW, OLD, SMALL, Pc, check_whole, wait_until


@pytest.mark.slow
def test_a_full_disk_stops_the_upgrade_before_it_begins_and_in_the_middle(pc: Pc, setups: dict[str, Path]) -> None:
    drive = pc.wine.prefix / "dosdevices/q:"
    disk = pc.wine.prefix.parent / "small-disk"
    disk.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount")
    try:
        drive.unlink(missing_ok=True)
        drive.symlink_to(disk)
        answers = SMALL.replace("C:\\설치 폴더", "Q:\\설치")
        assert pc.setup(setups[OLD], answers) == 0, pc.logged()
        old = disk / "설치/LNX Edge/versions" / OLD
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(bytes(free - (1 << 20)))
        assert pc.setup(setups[NEW], answers.replace("sdk, runtime", "sdk, runtime, docs, samples")) == 12, pc.logged()
        assert pc.version == OLD and pc.whole(old)
        filler.unlink()
        # The room is there when setup looks, and gone when it writes.
        running = pc.start(setups[NEW], answers)
        staged = old.with_name(f"{NEW}.new")
        wait_until(lambda: staged.exists() or running.poll() is not None)
        with filler.open("wb") as file:
            try:
                while running.poll() is None:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                running.wait(LONG)
        assert pc.whole(old) or pc.version == NEW
        assert pc.version in (OLD, NEW) and pc.whole(old.with_name(pc.version))
        assert not staged.exists(), "nothing half-made stays"
    finally:
        pc.wine.stop()
        drive.unlink(missing_ok=True)
        subprocess.run(["umount", "-l", str(disk)], check=False)


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
            assert pc.setup(setups[OLD], SMALL) in (19, 0)
            assert "another setup" in pc.logged() or "다른 LNX Edge" in pc.logged() or first.poll() is not None
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
