"""Fixtures of the packages: the packaged programs in a folder with a Korean name, Wine with its service manager, the Debian package.

`python3 dev.py package` makes what is tested here, CI a smaller form of it. Started alone, the tests use what lies there already, and
are skipped when there is nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/agent")]

from installer import onedir, setup  # noqa: E402
from installer.packs import command as packs_command  # noqa: E402
from tools.dev import windows, wine  # noqa: E402
from tools.dev.wine import BINARIES, Wine, windows_path  # noqa: E402

from .setup_plant import NEW, OLD, SMALL, Pc, check_whole  # noqa: E402

CHOICES = (onedir.PROGRAMS, onedir.QUICK)  # all programs where they are made, else those that CI makes
REQUIRED = os.environ.get("LNX_PACKAGES") == "required"


@pytest.fixture(scope="session")
def made_for_windows() -> Path:
    """build/dist/windows/lnx-edge."""
    folder = next((one for one in map(onedir.folder_of, ["windows"] * 2, CHOICES) if one.is_dir()), onedir.folder_of("windows"))
    if not (folder / "lnx-agent.exe").exists() and not REQUIRED:
        pytest.skip("not made: python3 dev.py package --only windows")
    return folder


def packaged_for_linux() -> Path:
    """build/dist/linux/lnx-edge, or what CI makes of it."""
    return next((one for one in map(onedir.folder_of, ["linux"] * 2, CHOICES) if one.is_dir()), onedir.folder_of("linux"))


def need(programs: Path, program: str) -> None:
    """Skips a test of a program that CI does not make."""
    if not (programs / f"{program}.exe").exists():
        pytest.skip(f"{program} was not made: python3 dev.py package --only windows")


def linked_copy(folder: Path, target: Path) -> Path:
    """A copy of a folder of programs by hard links: its own names, nobody's own bytes."""
    shutil.copytree(folder, target, copy_function=os.link, symlinks=True)
    return target


@pytest.fixture(scope="session")
def programs(made_for_windows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged programs, moved to a folder with a Korean name on the disk where they were made."""
    folder = made_for_windows.parent / "설치된 프로그램"
    shutil.rmtree(folder, ignore_errors=True)
    yield linked_copy(made_for_windows, folder / "LNX 엣지")  # type: ignore[misc]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def korean() -> Wine:
    """Wine in code page 949, as on a Korean PC."""
    return Wine(windows.PREFIX, wine.KOREAN)


@pytest.fixture(scope="session")
def manager(korean: Wine) -> Iterator[Wine]:
    """Wine with its service manager kept alive: it ends with the last program that is no service."""
    keeper = subprocess.Popen(
        [str(BINARIES / "wine64"), windows_path(onedir.WINDOWS_PYTHON / "python.exe"), "-c", "print('up', flush=True); input()"],
        env=korean.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert keeper.stdin is not None and keeper.stdout is not None
    assert (
        keeper.stdout.readline().strip() == b"up"
    )  # whoever starts Wine's services lends them its pipes, and would be waited for for ever
    yield korean
    keeper.stdin.close()
    keeper.wait(60)
    korean.stop()


@pytest.fixture
def programdata(korean: Wine) -> Iterator[Path]:
    """%ProgramData%\\LNX of the prefix, empty before and after."""
    folder = korean.prefix / "drive_c/ProgramData/LNX"
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def setups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version -> its setup program, without the packaged programs and uncompressed, so that making it takes seconds."""
    if not setup.STEP.exists() or shutil.which("makensis") is None:
        assert not REQUIRED, "setup_step.exe or makensis is missing"
        pytest.skip("not made: python3 dev.py package --only installer")
    folder = tmp_path_factory.mktemp("setups")
    packs = tuple(packs_command.packs())
    sdk = setup.sdk(folder / "sdk")
    made = {}
    for version in (OLD, NEW):
        (sdk / "version.txt").write_text(version, encoding="ascii")  # so that versions differ in a file
        output = folder / f"lnx-edge-{version}-setup.exe"
        made[version] = setup.build(setup.Inputs(sdk, None, packs), output, version=version, compressor="off", work=folder / version)
    return made


@pytest.fixture(scope="session")
def shared_pc(setups: dict[str, Path]) -> Iterator[Pc]:
    prefix = wine.copied(windows.PREFIX, wine.of_this_worker(windows.PREFIX.with_name("setup-prefix")))
    pc = Pc(Wine(prefix, wine.KOREAN), setup.STEP)
    pc.name_the_user()
    yield pc
    pc.wine.stop()


@pytest.fixture
def pc(shared_pc: Pc) -> Pc:
    """A PC with nothing of ours on it."""
    shared_pc.wipe()
    return shared_pc


@pytest.fixture
def pc_with_old(shared_pc: Pc, setups: dict[str, Path]) -> Pc:
    """A PC with the older version on it, whole: the one that the test before left, when that is how it left it."""
    if shared_pc.version != OLD or shared_pc.versions() != [OLD]:
        shared_pc.wipe()
        assert shared_pc.setup(setups[OLD], SMALL) == 0, shared_pc.logged()
    check_whole(shared_pc, OLD)
    return shared_pc
