"""Compiles agreement.cpp against the official header and runs it. Exits 77 with the reason when the header cannot be had."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def main() -> int:
    fetched = subprocess.run(
        [sys.executable, str(HERE / "fetch_header.py"), str(ROOT / ".cache/ort-header")], capture_output=True, text=True, check=False
    )
    if fetched.returncode != 0:
        print(fetched.stderr.strip(), file=sys.stderr)
        return fetched.returncode
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "agreement"
        includes = ["-isystem", fetched.stdout.strip(), f"-I{ROOT / 'native/src'}"]
        compile_command = [
            "g++",
            "-std=gnu++17",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-ignored-attributes",
            *includes,
            str(HERE / "agreement.cpp"),
            "-o",
            str(program),
        ]
        compiled = subprocess.run(compile_command, check=False)
        if compiled.returncode != 0:
            return compiled.returncode
        return subprocess.run([str(program)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
