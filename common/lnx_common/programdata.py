"""The folder that everything of LNX on a Windows PC shares, and who may do what in it.

    %ProgramData%\\LNX\\
      config\\      agent.toml, collector.toml, tokens      administrators write, the services read, nobody else
      agent\\       the agent's log and keys                the service writes, nobody else reads
      collector\\   what was collected                      the service writes, users read
      events\\      programs write, the agent reads         users write
      state\\       clocks and licence state of programs    users write
      licenses\\    trust\\                                 users read

The rights are a table of SDDL strings; each folder's are its own (protected: nothing is inherited from %ProgramData%, where every user may
make files). Invariants: making the layout again changes nothing but rights that somebody altered; nothing is ever deleted here but by
`delete_data`, which takes only folders of the table.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from lnx_common.errors import PlantError

__all__ = ["FOLDERS", "config_file", "delete_data", "make_layout", "programdata", "sddl_of"]

LOG_REFUSED = 621
_FULL = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"  # the system and administrators: everything
_MODIFY, _READ = "0x1301bf", "0x1200a9"  # what Explorer calls Modify, and Read & execute
_SERVICE, _USERS = "LS", "BU"  # LocalService; the group Users
FOLDERS: dict[str, str] = {  # name -> DACL
    "config": f"{_FULL}(A;OICI;{_READ};;;{{service}})",
    "agent": f"{_FULL}(A;OICI;{_MODIFY};;;{{service}})",
    "collector": f"{_FULL}(A;OICI;{_MODIFY};;;{{service}})(A;OICI;{_READ};;;{_USERS})",
    "events": f"{_FULL}(A;OICI;{_MODIFY};;;{_USERS})(A;OICI;{_MODIFY};;;{{service}})",
    "state": f"{_FULL}(A;OICI;{_MODIFY};;;{_USERS})(A;OICI;{_MODIFY};;;{{service}})",
    "licenses": f"{_FULL}(A;OICI;{_READ};;;{_USERS})",
    "trust": f"{_FULL}(A;OICI;{_READ};;;{_USERS})",
}
_TOP = f"{_FULL}(A;OICI;{_READ};;;{_USERS})"  # nobody but administrators adds folders of his own


def programdata() -> Path:
    """``%ProgramData%\\LNX``."""
    return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "LNX"


def config_file(program: str) -> Path:
    """Where the settings of ``agent`` or ``collector`` lie on Windows."""
    return programdata() / "config" / f"{program}.toml"


def sddl_of(name: str, service_sid: str = _SERVICE) -> str:
    """The rights of one folder ("" = the top) for services that run as ``service_sid``."""
    return "D:PAI" + (FOLDERS[name] if name else _TOP).format(service=service_sid)


def make_layout(account: str = "", root: Path | None = None) -> list[Path]:
    """Makes the folders and sets their rights; returns them. PlantError 621 names the folder that the system refused.

    account: that the services run as, when it is not LocalService.
    """
    top = root or programdata()
    sid = _sid_of(account) if account else _SERVICE
    made = []
    for name in ("", *FOLDERS):
        folder = top / name if name else top
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _set_rights(folder, sddl_of(name, sid))
        except OSError as error:
            raise PlantError(LOG_REFUSED, where=str(folder), found=error.strerror or str(error)) from error
        made.append(folder)
    return made


def delete_data(name: str, root: Path | None = None) -> Path:
    """Deletes the data of ``agent`` or ``collector``, because somebody asked for it. PlantError 621 names what would not go."""
    if name not in ("agent", "collector"):
        raise ValueError(name)
    folder = (root or programdata()) / name
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise PlantError(LOG_REFUSED, where=str(error.filename or folder), found=error.strerror or str(error)) from error
    return folder


def _pywin32(name: str) -> Any:
    """A module of pywin32, which exists on Windows alone."""
    return importlib.import_module(name)


def _set_rights(folder: Path, sddl: str) -> None:
    """Replaces the access list of a folder and of what lies in it. Raises OSError."""
    if sys.platform != "win32":
        return
    security = _pywin32("win32security")
    try:
        descriptor = security.ConvertStringSecurityDescriptorToSecurityDescriptor(sddl, security.SDDL_REVISION_1)
        what = security.DACL_SECURITY_INFORMATION | security.PROTECTED_DACL_SECURITY_INFORMATION
        dacl = descriptor.GetSecurityDescriptorDacl()
        security.SetNamedSecurityInfo(str(folder), security.SE_FILE_OBJECT, what, None, None, dacl, None)
    except security.error as error:
        raise OSError(error.winerror, error.strerror, str(folder)) from error


def _sid_of(account: str) -> str:
    """The SID of an account, as text. Raises PlantError 602 for an account that the PC does not know."""
    if sys.platform != "win32":
        return account
    security = _pywin32("win32security")
    try:
        sid, _, _ = security.LookupAccountName(None, account.removeprefix(".\\"))
    except security.error as error:
        raise PlantError(602, where="--account", found=account, expected="an account of this PC or its domain") from error
    return str(security.ConvertSidToStringSid(sid))
