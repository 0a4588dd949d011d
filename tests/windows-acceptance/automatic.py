"""The steps of the checklist that a program can carry out. Each function takes the Case and returns facts, or raises StepError."""

from __future__ import annotations

import ctypes
import locale
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lnx
import psutil

LONG = 300  # characters of the path of `long_path`
MEGABYTE = 1 << 20


class StepError(Exception):
    """The PC does not show what is expected; the text says what it showed."""


@dataclass(frozen=True)
class Case:
    """What the steps work with."""

    model: Path
    key: Path | None
    picture: Path
    runtime: Path | None
    programs: Path
    hours: float
    start_s: float

    def session(self, device: str = "cpu", model: Path | None = None, runtime: Path | None = None) -> lnx.Session:
        keys = [self.key] if self.key else []
        return lnx.Session(model or self.model, device=device, trusted_keys=keys, runtime_dir=runtime or self.runtime, events=False)

    def verdict(self, model: Path | None = None) -> str:
        with self.session(model=model) as session:
            return str(session.run(self.picture).verdict)


def expect(holds: bool, text: str) -> None:
    if not holds:
        raise StepError(text)


def facts(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = {
        "system": platform.platform(),
        "processor": platform.processor(),
        "encoding": locale.getencoding(),
        "python": sys.version.split()[0],
        "memory_mb": psutil.virtual_memory().total // MEGABYTE,
        "doctor": lnx.doctor(case.runtime),
    }
    if sys.platform == "win32":
        found["code_page"] = ctypes.windll.kernel32.GetACP()
        found["long_paths"] = _registry(r"SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled")
        found["vc_runtime"] = _registry(r"SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\x64", "Version")
    return found


def _registry(key: str, name: str) -> Any:
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None


def self_test_cpu(case: Case) -> dict[str, Any]:
    return _self_test(case, "cpu")


def _self_test(case: Case, device: str) -> dict[str, Any]:
    with case.session(device) as session:
        report = session.self_test()
    expect(bool(report["passed"]), f"the self-test says {report}")
    return report


def first_verdict(case: Case) -> dict[str, Any]:
    """In a process of its own, so that nothing is loaded yet. The time of starting Python is taken out."""
    begin = "import sys, time; begin = time.perf_counter(); import lnx\n"
    options = "device='cpu', trusted_keys=sys.argv[3:4], runtime_dir=sys.argv[4] or None, events=False"
    program = f"{begin}with lnx.Session(sys.argv[1], {options}) as session: session.run(sys.argv[2])\nprint(time.perf_counter() - begin)"
    words = [str(case.model), str(case.picture), str(case.key or ""), str(case.runtime or "")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, done.stderr[-500:])
    seconds = float(done.stdout.split()[-1])
    expect(seconds < case.start_s, f"{seconds:.1f} s")
    return {"seconds": round(seconds, 3)}


def korean_folder(case: Case) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="검사 폴더 ") as folder:
        copy = Path(shutil.copy(case.model, Path(folder) / "모델 사본.lnx"))
        return {"verdict": _same(case, copy), "path": str(copy)}


def long_path(case: Case) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        deep = Path(folder)
        while len(str(deep)) < LONG:
            deep /= "a folder with a rather long name" * 2
        verbatim = f"\\\\?\\{deep}" if os.name == "nt" else str(deep)  # what Python itself needs where long paths are off
        Path(verbatim).mkdir(parents=True)
        shutil.copy(case.model, Path(verbatim) / "model.lnx")
        try:
            return {"verdict": _same(case, deep / "model.lnx"), "characters": len(str(deep / "model.lnx"))}
        finally:
            shutil.rmtree(f"\\\\?\\{folder}" if os.name == "nt" else folder, ignore_errors=True)
            Path(folder).mkdir(exist_ok=True)


def _same(case: Case, copy: Path) -> str:
    there, here = case.verdict(copy), case.verdict()
    expect(there == here, f"{there} there, {here} where it was")
    return there


def missing_runtime(case: Case) -> dict[str, Any]:
    """In a process of its own: one process has one ONNX Runtime."""
    program = (
        "import lnx, sys\ntry:\n    lnx.Session(sys.argv[1], device='cpu', trusted_keys=sys.argv[3:4], runtime_dir=sys.argv[2])\n"
        "except lnx.LnxError as error:\n    print(error.status); sys.stdout.buffer.write(error.text().encode())\n"
    )
    with tempfile.TemporaryDirectory(prefix="empty") as folder:
        words = [sys.executable, "-c", program, str(case.model), folder, str(case.key or "")]
        done = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", check=False)
        status, _, text = done.stdout.partition("\n")
        expect(status.strip() == "401" and Path(folder).name in text, f"{done.stdout}{done.stderr}"[:500])
    return {"status": 401}


def unload(case: Case) -> dict[str, Any]:
    library = case.programs / "lnx.dll"
    expect(library.exists(), f"no lnx.dll and tests in {case.programs}: give --programs FOLDER")
    env = {**os.environ, "LNX_TEST_MODEL": str(case.model), "LNX_TEST_KEY": str(case.key or "")}
    if case.runtime:
        env["LNX_RUNTIME_DIR"] = str(case.runtime)
    ways = [["windows_unload.exe", how, str(library)] for how in ("idle", "sessions")]
    ways += [["windows_exit_order.exe", how] for how in ("open", "in-flight", "static", "atexit", "thread", "queue")]
    for words in ways:
        done = subprocess.run(
            [str(case.programs / words[0]), *words[1:]], env=env, capture_output=True, text=True, timeout=300, check=False
        )
        expect(done.returncode == 0, f"{' '.join(words[:2])}: status {done.returncode} {done.stdout}{done.stderr}"[:500])
    return {"ways": len(ways)}


def gpu_doctor(case: Case) -> dict[str, Any]:
    told = lnx.doctor(case.runtime)
    expect(bool(told["gpus"]), f"no GPU: {told['driver']}")
    expect(not told["missing"], f"missing: {told['missing']}")
    expect("CUDAExecutionProvider" in told["runtime"]["providers"], f"providers: {told['runtime']['providers']}")
    return {"gpus": told["gpus"], "driver": told["driver"]}


def gpu_run(case: Case) -> dict[str, Any]:
    report = _self_test(case, "cuda:0")
    with case.session("cuda:0") as session:
        image = lnx.read_image(case.picture)
        provider = session.run(image).to_dict()["provider"]
        expect(provider == "cuda", f"provider {provider}")
        times = sorted(_seconds(lambda: session.run(image)) for _ in range(300))
    return {"median_ms": round(statistics.median(times) * 1e3, 3), "p99_ms": round(times[296] * 1e3, 3), "self_test": report}


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def endurance(case: Case) -> dict[str, Any]:
    process, samples = psutil.Process(), []
    with case.session() as session:
        image, begin = lnx.read_image(case.picture), time.monotonic()
        end, runs = begin + case.hours * 3600, 0
        while time.monotonic() < end or runs < 50:
            session.run(image)
            runs += 1
            if len(samples) < 1 + 100 * (time.monotonic() - begin) / max(case.hours * 3600, 1) or runs % 1000 == 0:
                samples.append((_private(process), _handles(process)))
    settled, last = samples[len(samples) // 10], samples[-1]
    found = {
        "runs": runs,
        "hours": case.hours,
        "memory_mb": [settled[0] // MEGABYTE, last[0] // MEGABYTE],
        "handles": [settled[1], last[1]],
    }
    expect(last[0] - settled[0] < 16 * MEGABYTE and last[1] - settled[1] < 16, f"memory or handles grew: {found}")
    return found


def _private(process: psutil.Process) -> int:
    told = process.memory_info()
    return int(getattr(told, "private", told.rss))


def _handles(process: psutil.Process) -> int:
    return int(process.num_handles() if sys.platform == "win32" else process.num_fds())
