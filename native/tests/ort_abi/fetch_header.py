"""Brings the official onnxruntime_c_api.h onto this machine, from Debian's package libonnxruntime-dev.

The package is in Debian 13. On an older Debian its index is read through a private apt folder, with the mirror that this machine
already uses; nothing is installed. Prints the folder that holds the header, or a reason and exits 77.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SUITE = "trixie"
PACKAGE = "libonnxruntime-dev"
HEADER = "onnxruntime_c_api.h"


def find(folder: Path) -> Path | None:
    """The folder of the header below `folder`."""
    return next((path.parent for path in sorted(folder.rglob(HEADER))), None)


def mirror() -> str | None:
    """The Debian mirror that apt uses here."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for place in places:
        if place.is_file():
            for uri in re.findall(r"^[^#\n]*?(https?://\S+/debian)/?\s", place.read_text(encoding="utf-8"), re.MULTILINE):
                return str(uri)
    return None


def fetch(cache: Path) -> Path:
    """Downloads and unpacks the package. Raises RuntimeError with the reason when it cannot be had."""
    uri = mirror()
    if uri is None:
        raise RuntimeError("no Debian mirror is configured here")
    lists = cache / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    source = cache / "sources.list"
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    source.write_text(f"deb [signed-by={keyring}] {uri} {SUITE} main\n", encoding="utf-8")
    options = [
        f"-oDir::Etc::SourceList={source}",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::State::Lists={lists}",
        f"-oDir::Cache={cache}",
        "-oAPT::Sandbox::User=root",
    ]
    for command in (["apt-get", *options, "-qq", "update"], ["apt-get", *options, "-qq", "download", PACKAGE]):
        finished = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise RuntimeError(finished.stderr.strip() or f"{command[0]} failed")
    package = next(iter(sorted(cache.glob(f"{PACKAGE}_*.deb"))))
    subprocess.run(["dpkg", "-x", str(package), str(cache / "unpacked")], check=True)
    found = find(cache / "unpacked")
    if found is None:
        raise RuntimeError(f"{package.name} holds no {HEADER}")
    return found


def main(arguments: list[str]) -> int:
    cache = Path(arguments[0] if arguments else ".cache/ort-header").resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        print(find(cache / "unpacked") or fetch(cache))
    except (RuntimeError, OSError, StopIteration) as error:
        print(f"the official header cannot be had here: {error}", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
