"""Checks our declarations of the CUDA driver API against FFmpeg's header of it, from Debian's package libffmpeg-nvenc-dev.

Exits 77 where the header cannot be had. Needs g++ and apt; nothing is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TABLE = ROOT / "native/src/runtime/cuda/driver_functions.inc"
PACKAGE = "libffmpeg-nvenc-dev"
# Not in FFmpeg's header, which has no use for them; checked by hand against NVIDIA's reference of the driver API.
ELSEWHERE = {
    "cuDriverGetVersion",
    "cuDeviceTotalMem_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuEventElapsedTime",
}


def header(folder: Path) -> Path | None:
    """The folder to include from."""
    installed = Path("/usr/include")
    if (installed / "ffnvcodec/dynlink_cuda.h").exists():
        return installed
    done = subprocess.run(["apt-get", "-qq", "download", PACKAGE], cwd=folder, capture_output=True, text=True, check=False)
    package = next(iter(sorted(folder.glob(f"{PACKAGE}_*.deb"))), None)
    if done.returncode != 0 or package is None:
        return None
    subprocess.run(["dpkg", "-x", str(package), str(folder / "unpacked")], check=True)
    return folder / "unpacked/usr/include"


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        include = header(folder)
        if include is None:
            print(f"{PACKAGE} cannot be had here", file=sys.stderr)
            return 77
        known = set(re.findall(r"\btcu(\w+)\(", (include / "ffnvcodec/dynlink_cuda.h").read_text(encoding="utf-8")))
        ours = re.findall(r'^F\((\w+), "cu(\w+)", \((.*)\)\)$', TABLE.read_text(encoding="utf-8"), re.MULTILINE)
        missing = {f"cu{symbol}" for _, symbol, _ in ours if symbol not in known}
        if missing != ELSEWHERE:
            print(f"not in the header: {sorted(missing)}; expected: {sorted(ELSEWHERE)}", file=sys.stderr)
            return 1
        lines = [
            f'static_assert(Agree<tcu{symbol}, Result({arguments})>::value, "cu{symbol} has another signature");\n'
            for _, symbol, arguments in ours
            if symbol in known
        ]
        (folder / "declared.inc").write_text("".join(lines), encoding="utf-8")
        command = ["g++", "-std=c++17", "-Wall", "-Werror", f"-I{folder}", "-isystem", str(include), str(HERE / "agreement.cpp")]
        compiled = subprocess.run([*command, "-o", str(folder / "agreement")], check=False)
        if compiled.returncode != 0:
            return compiled.returncode
        print(f"{len(lines)} functions checked")
        return subprocess.run([str(folder / "agreement")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
