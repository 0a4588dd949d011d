"""Everything that a process and its children write, by strace: bytes to files, pipes and sockets, and files mapped for sharing.

A claim that something is never written holds only if the trace sees all ways to write, so the tests also trace a program that leaks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WRITES = "write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg"
UNSEEN = "sendfile,copy_file_range,splice,tee,vmsplice,io_uring_setup,process_vm_writev"
MAPPED = re.compile(r"mmap\([^,]*, [^,]*, [A-Z_|]*PROT_WRITE[A-Z_|]*, MAP_SHARED[^,]*, \d+<([^>]*)>")
BYTES = re.compile(r"\\x([0-9a-f]{2})")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Trace:
    """``written``: the bytes of each call. ``mapped``: files mapped for shared writing. ``unseen``: calls that move bytes out of sight."""

    written: list[bytes]
    mapped: list[str]
    unseen: list[str]

    def leaks(self, secrets: Mapping[str, bytes]) -> set[str]:
        """Names of the secrets of which any 16 bytes in a row were written."""
        pieces = {name: [secret[at : at + 16] for at in range(0, max(1, len(secret) - 15), 16)] for name, secret in secrets.items()}
        return {name for name, parts in pieces.items() if any(part in data for data in self.written for part in parts)}


def why_not() -> str:
    if shutil.which("strace") is None:
        return "strace is not installed: apt-get install strace"
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "processes cannot be traced here (ptrace)"


def trace(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> tuple[subprocess.CompletedProcess[str], Trace]:
    """Runs a program to its end under the trace."""
    log = folder / "strace.log"
    calls = f"trace={WRITES},{UNSEEN},mmap"
    strace = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", calls, "-o", str(log)]
    settings = {**os.environ, **environment}
    done = subprocess.run([*strace, *map(str, command)], env=settings, capture_output=True, text=True, check=False, timeout=300)
    lines = log.read_text(encoding="ascii", errors="replace").splitlines()
    log.unlink()
    written, mapped, unseen = [], [], []
    for line in lines:
        if "mmap(" in line:
            # paths of descriptors are printed in hex like all texts
            found = MAPPED.search(BYTES.sub(lambda match: chr(int(match[1], 16)), line))
            mapped += [found[1]] if found else []
        elif any(f"{name}(" in line for name in UNSEEN.split(",")):
            unseen.append(line)
        else:
            written += [bytes.fromhex(text.replace("\\x", "")) for text in TEXT.findall(line) if text]
    return done, Trace(written, mapped, unseen)


def files_with(folder: Path, secrets: Mapping[str, bytes]) -> list[str]:
    """Files below a folder that hold a piece of a secret: the second look, at what is left."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if any(secret[at : at + 16] in data for secret in secrets.values() for at in range(0, max(1, len(secret) - 15), 16)):
                found.append(str(path))
    return found
