"""Wine 10 of Debian 13 in a folder, for what Wine 8 lacks: agreement of keys (BCryptDeriveKey), smart cards (winscard), and a GPU
provider that fails without ending the process.

Each program starts in a mount namespace of its own, in which that folder is the root and the checkout and the folder for temporary files
lie where they always do. So paths are the same inside, nothing stays mounted, and removing the folder is safe at any time.

Needs root, namespaces and debootstrap; `why_not` says what is missing. The folder takes 1.5 GB and a few minutes, once.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.dev import wine
from tools.dev.machine import ROOT, run, say
from tools.dev.wine import BINARIES, Wine

SUITE = "trixie"
PACKAGES = ("wine", "wine64", "libpcsclite1")
PCSCLITE = "x86_64-linux-gnu/libpcsclite.so.1"
ENTER = """
set -e
root=$1 here=$(pwd); shift
for folder in /proc /sys /dev "$LNX_CHECKOUT" "$LNX_TEMPORARY"; do mkdir -p "$root$folder"; mount --bind "$folder" "$root$folder"; done
exec chroot "$root" /bin/sh -c 'cd "$1"; shift; unset LNX_CHECKOUT LNX_TEMPORARY; exec "$@"' sh "$here" "$@"
"""


@functools.cache
def why_not() -> str:
    """Why the folder can be neither made nor entered here; empty when it can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "Wine 10 in a folder needs root on Linux"
    tried = subprocess.run(["unshare", "-m", "mount", "--bind", "/tmp", "/mnt"], capture_output=True, check=False)
    if tried.returncode != 0:
        return "mounts are not allowed here"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    return ""


@dataclass(frozen=True)
class ChrootWine(Wine):
    """A prefix of the Wine inside `root`."""

    root: Path = Path("/")

    def launcher(self, program: str) -> list[str]:
        return [*entered(self.root), str(BINARIES / program)]


def entered(root: Path) -> list[str]:
    """The words that start a program inside the folder, in the current directory."""
    shown = [f"LNX_CHECKOUT={ROOT}", f"LNX_TEMPORARY={tempfile.gettempdir()}"]
    return ["env", *shown, "unshare", "-m", "sh", "-c", ENTER, "sh", str(root)]


def _mirror() -> str:
    """Where this machine gets Debian from."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    told = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    if not told:
        sys.exit("This machine has no Debian source in /etc/apt to make the folder from.")
    return told[0]


def _same_pcsclite(root: Path) -> None:
    """Client and service of PC/SC must be of one version: what runs inside talks to this machine's pcscd through this machine's library."""
    library = Path("/usr/lib") / PCSCLITE
    if library.exists():
        target = root / "usr/local/lib" / PCSCLITE
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, target)
        run(["chroot", root, "/sbin/ldconfig"])


def make(root: Path, prefix: Path, ucrtbase: Path) -> ChrootWine:
    """The folder and a prefix of its Wine; kept when they are already there."""
    if not (root / "lnx-ready").exists():
        say(f"making {root.relative_to(ROOT)}: Debian 13 with Wine 10")
        building = root.with_suffix(".new")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        run(["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, building, _mirror()])
        (building / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")  # nothing is started inside
        (building / "usr/sbin/policy-rc.d").chmod(0o755)
        if Path("/etc/resolv.conf").exists():
            shutil.copyfile("/etc/resolv.conf", building / "etc/resolv.conf")
        inside = [*entered(building), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
        run([*inside, "update", "-qq"], cwd=Path("/"))
        run([*inside, "install", "-y", "-qq", "--no-install-recommends", *PACKAGES], cwd=Path("/"))
        run([*inside, "clean"], cwd=Path("/"))
        _same_pcsclite(building)
        (building / "lnx-ready").touch()
        shutil.rmtree(root, ignore_errors=True)
        building.rename(root)
    own = ChrootWine(prefix, root=root)
    wine.fill_prefix(own, ucrtbase)
    return own
