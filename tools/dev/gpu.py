"""`dev.py gpu`: builds on a machine with an NVIDIA GPU, runs the tests that need one and the benchmark matrix, writes the figures down."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

from tools import gpu_bundle
from tools.dev import machine
from tools.dev.machine import PYTHON, ROOT, run, say


def _environment(runtime: Path | None) -> dict[str, str]:
    """What the tests and benchmarks need to find the runtime."""
    env = {"ORT_DISABLE_TELEMETRY": "1"}
    if runtime is not None:
        folder = gpu_bundle.unpack(runtime.resolve(), machine.CACHE / "gpu-runtime")
        env["LNX_RUNTIME_DIR"] = str(folder)
        env["LD_LIBRARY_PATH"] = os.pathsep.join([str(folder), os.environ.get("LD_LIBRARY_PATH", "")])
    return env


def _doctor(env: dict[str, str]) -> str:
    """Why the GPU cannot be used, "" when it can."""
    program = "import json, lnx; print(json.dumps(lnx.doctor()))"
    done = subprocess.run([str(PYTHON), "-c", program], capture_output=True, text=True, env={**os.environ, **env}, check=False)
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1]
    told = json.loads(done.stdout)
    if not told["gpus"]:
        return str(told["driver"]["reason"])
    if "CUDAExecutionProvider" not in (told["runtime"] or {"providers": []})["providers"]:
        return str(told["problem"]) or f"the runtime at {told['runtime']['path']} is the CPU build"
    say(f"{told['gpus'][0]['name']}, ONNX Runtime {told['runtime']['version']}; missing: {', '.join(told['missing']) or 'nothing'}")
    return ""


def table(told: dict[str, object]) -> str:
    """The figures as Markdown."""
    rows, claims = told["rows"], told["claims"]
    assert isinstance(rows, list) and isinstance(claims, list)
    lines = ["| claim | value | target | holds |", "|---|---|---|---|"]
    lines += [f"| {c['name']} | {c['value']} {c['unit']} | {c['target']} | {'yes' if c['holds'] else 'no'} |" for c in claims]
    lines += ["", "```", *("  ".join(f"{key} {value}" for key, value in row.items()) for row in rows), "```", ""]
    return "\n".join(lines)


def command(options: argparse.Namespace) -> None:
    """Build, test and measure on a machine with an NVIDIA GPU; figures go to benchmarks/results/."""
    if options.no_install:
        if not PYTHON.exists():
            sys.exit(f"--no-install needs {PYTHON}")
    else:
        machine.system_packages([*machine.BUILD_PACKAGES, "googletest"])
        machine.environment(f"{options.pack},dev")
        machine.cmake("release", targets=["lnx_testing"])
    env = _environment(options.runtime)
    reason = _doctor(env)
    if reason:
        say(f"no GPU can be used here: {reason}")
        say("the GPU tests will be skipped, and the figures stay 'not yet measured'")
    run([PYTHON, "-m", "pytest", "-q", "-rs", "-m", "gpu", "tests/gpu"], env=env)
    script = ROOT / "benchmarks/gpu_matrix.py"
    done = subprocess.run([str(PYTHON), str(script), "--json"], capture_output=True, text=True, env={**os.environ, **env}, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    print(table(told))
    if reason:
        return
    results = options.output or ROOT / "benchmarks/results"
    results.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.date.today().isoformat()}-gpu"
    (results / f"{name}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    (results / f"{name}.md").write_text(f"# {name}: {told['rows'][0].get('name', 'GPU')}\n\n{table(told)}", encoding="utf-8")
    say(f"written: {results / name}.md and .json")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", choices=["gpu", "gpu-cu12"], default="gpu", help="extra to install: CUDA 13 (gpu) or CUDA 12")
    parser.add_argument("--runtime", type=Path, help="folder of a runtime pack, or of a bundle made by tools.gpu_bundle")
    parser.add_argument("--no-install", action="store_true", help="use .venv as it is: a machine without a network")
    parser.add_argument("--output", type=Path, help="folder for the figures (default: benchmarks/results)")
