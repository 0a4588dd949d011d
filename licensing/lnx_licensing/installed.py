"""Licences on this machine: where they lie, which count, and how a new one is installed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lnx.container.trust import Trust
from lnx.errors import LnxError

from lnx_licensing import licence
from lnx_licensing.files import write_whole
from lnx_licensing.licence import Licence


def licence_folder() -> Path:
    """``LNX_LICENSE_DIR``, else ``%ProgramData%\\LNX\\licenses`` or ``/var/lib/lnx/licenses``."""
    chosen = os.environ.get("LNX_LICENSE_DIR")
    if chosen:
        return Path(chosen)
    if os.name == "nt":
        return Path(os.environ.get("ProgramData", "")) / "LNX" / "licenses"  # noqa: SIM112 - its real name
    return Path("/var/lib/lnx/licenses")


@dataclass(frozen=True)
class Found:
    """A licence file and what became of reading it: the licence, or the reason why it does not count."""

    path: Path
    licence: Licence | None
    error: LnxError | None


def find(trust: Trust, folder: Path | None = None) -> list[Found]:
    """Every ``*.lic`` of the folder, in order of name."""
    found = []
    for path in sorted((folder or licence_folder()).glob("*.lic")):
        try:
            found.append(Found(path, licence.read(path, trust), None))
        except LnxError as error:
            found.append(Found(path, None, error))
    return found


def install(data: bytes, name: str, folder: Path | None = None) -> Path:
    """Puts a licence into the folder under ``name``.lic, complete or not at all. The caller has verified it."""
    target = (folder or licence_folder()) / f"{name}.lic"
    write_whole(target, data)
    return target
