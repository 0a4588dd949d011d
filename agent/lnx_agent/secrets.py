"""Where secrets lie: sealed by Windows for this machine (DPAPI), or in a file that only the service's account may read.

A secret that systemd hands over (`LoadCredential=`, encrypted with `systemd-creds`) wins over the file of the same name.
Format of a sealed file on Windows: "LNXDPAPI1\n" and the blob of CryptProtectData.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lnx_common.errors import PlantError
from lnx_common.files import write_durably

SECRET_UNREADABLE, SECRET_OPEN = 803, 804
DPAPI_MAGIC = b"LNXDPAPI1\n"


def save_secret(path: Path, data: bytes) -> None:
    """Stores a secret durably."""
    if sys.platform == "win32":
        data = DPAPI_MAGIC + _dpapi("CryptProtectData", data)
    write_durably(path, data, private=True)


def load_secret(path: Path) -> bytes:
    """Reads a secret. Raises PlantError 803 when it cannot be read here, 804 when other accounts can read it too."""
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    if handed and (Path(handed) / path.name).exists():
        return (Path(handed) / path.name).read_bytes()
    try:
        data = path.read_bytes()
        mode = path.stat().st_mode & 0o077
    except OSError as error:
        raise PlantError(SECRET_UNREADABLE, where=str(path), found=error.strerror or str(error)) from error
    if sys.platform == "win32":
        return _dpapi("CryptUnprotectData", data.removeprefix(DPAPI_MAGIC)) if data.startswith(DPAPI_MAGIC) else data
    if mode:
        raise PlantError(SECRET_OPEN, where=str(path), found=f"mode {path.stat().st_mode & 0o777:o}", expected="600")
    return data


def _dpapi(function: str, data: bytes) -> bytes:
    """CryptProtectData or CryptUnprotectData with the machine's key."""
    if sys.platform != "win32":
        raise AssertionError("Windows only")
    import ctypes
    from ctypes import wintypes

    class Blob(ctypes.Structure):
        _fields_ = [("size", wintypes.DWORD), ("data", ctypes.POINTER(ctypes.c_char))]

    buffer = ctypes.create_string_buffer(data, len(data))
    given = Blob(len(data), ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)))
    result = Blob()
    local_machine, no_window = 0x4, 0x1
    crypt32 = ctypes.WinDLL("crypt32", use_last_error=True)
    call = getattr(crypt32, function)
    if not call(ctypes.byref(given), None, None, None, None, local_machine | no_window, ctypes.byref(result)):
        raise PlantError(SECRET_UNREADABLE, found=f"{function} failed with error {ctypes.get_last_error()}")
    try:
        return ctypes.string_at(result.data, result.size)
    finally:
        ctypes.WinDLL("kernel32").LocalFree(result.data)
