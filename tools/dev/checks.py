"""The stages of `dev.py test`, in the order in which they fail fastest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.dev import machine, windows, wine
from tools.dev.machine import CACHE, PYTHON, ROOT, RUNTIMES, run, say

HEADERS_C = ("lnx/lnx.h",)
HEADERS_CPP = ("lnx/lnx.h", "lnx/lnx.hpp")
SERVICE_AREAS = ("agent", "licensing", "collector", "common")  # of tests/, not depending on ONNX Runtime's version; the longest first
NO_RUNTIME_AREAS = ("container", "decode", "handover", "image")  # the same, tested with the Python package
ONE_RUNTIME_TESTS = ("ocr/test_hangul.py",)  # long, and the graphs that they run are those of other tests
STAGE_SECONDS = 1800  # several times what one takes
TESTS_FAILED = 1  # pytest's exit status when all ran and some failed
FUZZ_TARGETS = ("container", "manifest", "license", "image", "evidence")


def sources(*suffixes: str) -> list[Path]:
    """Files of ours with these suffixes, as git knows them."""
    patterns = [f"*{suffix}" for suffix in suffixes]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).exists()]


def format_sources(*, check: bool) -> None:
    native = sources(".h", ".hpp", ".cpp", ".c")
    mode = ["--dry-run", "-Werror"] if check else ["-i"]
    run(["clang-format-19", *mode, *native])
    run([PYTHON, "-m", "ruff", "format", *(["--check"] if check else []), "."])


def lint() -> None:
    """clang-format, ruff, mypy --strict, and generated pages that are up to date."""
    format_sources(check=True)
    run([PYTHON, "-m", "ruff", "check", "."])
    run([PYTHON, "-m", "mypy"])
    run([PYTHON, "-m", "tools.docs", "--check"])


def headers() -> None:
    """The public headers as C99, C11, C++14, C++17, C++20 by gcc, clang and clang in MSVC mode, strictly."""
    include = f"-I{ROOT / 'native/include'}"
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", include]
    msvc = ["--target=x86_64-pc-windows-msvc", "-fms-compatibility", "-fms-extensions", "-fms-compatibility-version=19.30"]
    for header in HEADERS_C:
        for standard in ("c99", "c11"):
            for compiler in (["gcc"], ["clang-19"], ["clang-19", *msvc, "-ffreestanding"]):
                _compile([*compiler, f"-std={standard}", *strict, "-xc", "-"], f'#include "{header}"\nint unused;\n')
    for header in HEADERS_CPP:
        for standard in ("c++14", "c++17", "c++20"):
            for compiler in (["g++"], ["clang++-19"]):
                _compile([*compiler, f"-std={standard}", *strict, "-xc++", "-"], f'#include "{header}"\n')
    for standard in ("c++14", "c++17", "c++20"):
        _compile(["clang++-19", *msvc, "-ffreestanding", f"-std={standard}", *strict, "-xc++", "-"], '#include "lnx/lnx.h"\n')
    say("public headers compile everywhere")


def _compile(command: Sequence[str], text: str) -> None:
    finished = subprocess.run(list(command), input=text, text=True, capture_output=True, check=False)
    if finished.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{finished.stderr}")


def onnxruntime_abi() -> None:
    """Our declaration of ONNX Runtime's C ABI agrees with the official header."""
    finished = subprocess.run([str(PYTHON), str(ROOT / "native/tests/ort_abi/check.py")], cwd=ROOT, check=False)
    if finished.returncode == 77:
        say("the official header could not be had here; the ABI check did not run")
    elif finished.returncode != 0:
        sys.exit(finished.returncode)


def cuda_abi() -> None:
    """Our declaration of the CUDA driver API agrees with FFmpeg's header of it, and the embedded kernels with their sources."""
    finished = subprocess.run([str(PYTHON), str(ROOT / "native/tests/cuda_abi/check.py")], cwd=ROOT, check=False)
    if finished.returncode == 77:
        say("the header of the driver API could not be had here; the check did not run")
    elif finished.returncode != 0:
        sys.exit(finished.returncode)
    run([PYTHON, "-m", "tools.gpu_kernels", "--check"])


def tidy() -> None:
    """clang-tidy over the core."""
    build = machine.configure("tidy")
    commands = json.loads((build / "compile_commands.json").read_text("utf-8"))
    units = [Path(command["file"]) for command in commands]  # each room's files as one, and the few that are compiled alone
    say(f"clang-tidy on {len(units)} units")

    def one(unit: Path) -> tuple[Path, int, str]:
        checks = "--checks=-bugprone-suspicious-include"  # a unit includes the files of its room
        command = ["clang-tidy-19", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", checks, "-p", str(build), str(unit)]
        command.append("--extra-arg=-Wno-unknown-warning-option")
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return unit, finished.returncode, finished.stdout

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        failed = [(path, text) for path, status, text in pool.map(one, units) if status != 0]
    for path, text in failed:
        print(f"{path.relative_to(ROOT)}\n{text}", file=sys.stderr)
    if failed:
        sys.exit(f"clang-tidy: {len(failed)} units")


def _demo_model() -> dict[str, str]:
    """The demo model, packed for tests that are not written in Python."""
    folder = CACHE / "test-model"
    model, key = folder / "surface.lnx", folder / "keys/demo.container-pub.pem"
    run([PYTHON, "-c", f"from pathlib import Path; from tools.demo import pack_demo; pack_demo(Path({str(folder)!r}))"])
    return {"LNX_TEST_MODEL": str(model), "LNX_TEST_KEY": str(key)}


def _ctest(preset: str, version: str, *, rooms: str = "", env: dict[str, str] | None = None) -> None:
    chosen = ["-R", rooms] if rooms else []
    folder = machine.runtime_folder(version)
    env = {**_demo_model(), **(env or {})}
    say(f"unit tests, preset {preset}, ONNX Runtime {version}")
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", "")])  # the ctest of the cmake that configured
    settings = {"PATH": path, "LNX_RUNTIME_DIR": str(folder), "LNX_TEST_RUNTIME_DIRS": str(folder), **(env or {})}
    run(
        ["ctest", "--test-dir", ROOT / "build" / preset, "--output-on-failure", "--timeout", "600", "-j", "2", *chosen],
        env=settings,
    )


def native() -> None:
    """Unit tests of the core, release build, on every supported ONNX Runtime."""
    machine.cmake("release")
    for version in RUNTIMES:
        _ctest("release", version)


def sanitizers() -> None:
    """The same under AddressSanitizer and UndefinedBehaviorSanitizer; threads under ThreadSanitizer."""
    machine.cmake("asan")
    leaks = {"LSAN_OPTIONS": f"suppressions={ROOT / 'native/tests/lsan.supp'}", "ASAN_OPTIONS": "detect_leaks=1"}
    _ctest("asan", RUNTIMES[0], env=leaks)
    rooms = ("api", "session", "event", "result", "token", "license")
    machine.cmake("tsan", targets=[f"test_{room}" for room in rooms])
    races = {"TSAN_OPTIONS": f"suppressions={ROOT / 'native/tests/tsan.supp'} halt_on_error=1"}
    _ctest("tsan", RUNTIMES[0], rooms="^(api|session|event|result|token)\\.|^license\\.(Guards|Openers|RunningSessions)", env=races)


def fuzz(seconds: int) -> None:
    """libFuzzer on the parsers, from the committed seeds, one core each."""
    build = machine.cmake("asan", targets=[f"fuzz_{target}" for target in FUZZ_TARGETS])

    def one(target: str) -> None:
        corpus = CACHE / "fuzz" / target
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "native/fuzz/seeds" / target
        program = next(path for path in build.rglob(f"fuzz_{target}") if path.is_file())
        words = ROOT / "native/fuzz" / f"{target}.dict"
        limits = [f"-dict={words}"] if words.exists() else []
        limits += [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048"]
        limits += ["-print_final_stats=1", "-print_funcs=0", "-verbosity=0"]
        say(f"fuzzing {target} for {seconds} s")
        run([program, corpus, seeds, *limits], cwd=corpus)

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        list(pool.map(one, FUZZ_TARGETS))


def fuzz_briefly() -> None:
    """Ten seconds of fuzzing for each parser; `dev.py fuzz` takes ten minutes."""
    fuzz(10)


def pytest_run(*words: str, env: dict[str, str], seconds: int = STAGE_SECONDS) -> None:
    """Runs pytest. Tests that failed beside others run once more, alone: what a crowded machine did is told from what is wrong.

    A test that fails alone fails the stage; the first failure stays in the output. ``seconds``: for the first run.
    """
    command = [str(PYTHON), "-m", "pytest", "-q", "--durations=8", *words]
    beside = ["--cache-clear", "--timeout-method=thread"]  # a worker that hangs in C ends, and the others go on
    try:
        first = subprocess.run([*command, *beside], cwd=ROOT, env={**os.environ, **env}, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        sys.exit(f"pytest did not end within {seconds} s")
    if first.returncode == TESTS_FAILED:
        say("once more, alone: the tests that failed")
        run([*command, "-n", "0", "--last-failed", "--last-failed-no-failures", "none"], env=env)
    elif first.returncode != 0:
        sys.exit(first.returncode)


def python() -> None:
    """The Python tests on every supported ONNX Runtime."""
    build = machine.cmake("release")
    for version in reversed(RUNTIMES):
        say(f"Python tests, ONNX Runtime {version}")
        folder = machine.runtime_folder(version)
        env = {"LNX_RUNTIME_DIR": str(folder), "LNX_BUILD_DIR": str(build), "LNX_TESTING_DIR": str(build / "native/python")}
        once = (*NO_RUNTIME_AREAS, *ONE_RUNTIME_TESTS) if version != RUNTIMES[0] else ()
        elsewhere = [f"--ignore=tests/{area}" for area in (*SERVICE_AREAS, "windows", "packages", *once)]
        pytest_run("-m", "not slow", "-n", "2", "--dist", "loadfile", "tests", *elsewhere, env=env)


def services() -> None:
    """Licensing, collector and agent against real servers, readers and tools; once, four tests at a time."""
    build = machine.cmake("release")
    folder = machine.runtime_folder(RUNTIMES[0])
    env = {"LNX_BUILD_DIR": str(build), "LNX_TESTING_DIR": str(build / "native/python"), "LNX_RUNTIME_DIR": str(folder)}
    areas = [f"tests/{area}" for area in SERVICE_AREAS if (ROOT / "tests" / area).exists()]
    if areas:
        pytest_run("-m", "not slow", "-n", "4", "--dist", "loadfile", "--no-loadscope-reorder", *areas, env=env)


def slow() -> None:
    """The tests that CI leaves out for their length."""
    build = machine.cmake("release")
    env = {"LNX_BUILD_DIR": str(build), "LNX_TESTING_DIR": str(build / "native/python")}
    env["LNX_RUNTIME_DIR"] = str(machine.runtime_folder(RUNTIMES[0]))
    services = [f"tests/{area}" for area in SERVICE_AREAS]  # two runs: files of tests in both have the same names
    elsewhere = [f"--ignore={folder}" for folder in (*services, "tests/windows", "tests/packages")]
    for folders in (services, ["tests", *elsewhere]):
        run([PYTHON, "-m", "pytest", "-q", "-m", "slow", *folders], env=env)


def packages() -> None:
    """The Debian package of the agent: made, installed, run under systemd, upgraded, removed."""
    from installer import onedir

    onedir.linux_programs(onedir.QUICK)
    package_tests(["tests/packages/test_debian.py", "tests/packages/test_service_programs.py"])


def all_packages() -> None:
    """All packaged programs for Windows and Linux; run as services under Wine and systemd."""
    from installer import onedir

    with ThreadPoolExecutor(2) as pool:  # each of them keeps one core busy
        made = [pool.submit(make) for make in (onedir.windows_programs, onedir.linux_programs)]
    for one in made:
        one.result()
    package_tests(["tests/packages"])


def package_tests(what: Sequence[str]) -> None:
    """Tests of the packages that were made."""
    try:
        run([PYTHON, "-m", "pytest", "-q", *what], env={"LNX_PACKAGES": "required"})
    finally:
        wine.Wine(windows.PREFIX).stop()


STAGES: dict[str, Callable[[], None]] = {
    "lint": lint,
    "headers": headers,
    "onnxruntime-abi": onnxruntime_abi,
    "cuda-abi": cuda_abi,
    "tidy": tidy,
    "native": native,
    "sanitizers": sanitizers,
    "fuzz": fuzz_briefly,
    "python": python,
    "services": services,
    "windows": windows.stage,
    "packages": packages,
}


def run_stages(only: list[str] | None) -> None:
    """Runs the stages, says how long each took, stops at the first that fails. What `windows` downloads comes meanwhile."""
    took: list[tuple[str, float]] = []
    chosen = [name for name in STAGES if not only or name in only]
    network = ThreadPoolExecutor(1)
    fetched = network.submit(windows.fetch) if "windows" in chosen else None
    for name in chosen:
        say(f"stage {name}: {(STAGES[name].__doc__ or '').strip()}")
        begin = time.monotonic()
        if name == "windows" and fetched:
            fetched.result()
        STAGES[name]()
        took.append((name, time.monotonic() - begin))
    say("all stages passed: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in took))
