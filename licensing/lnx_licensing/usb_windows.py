"""Tokens and the smart-card service on a Windows PC, without setup API, rights or anything to install.

The registry tells whether the service may start; the configuration manager (cfgmgr32.dll) lists the devices that are plugged in now.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

from lnx_licensing import pcsc
from lnx_licensing.findings import Finding, found

SERVICE_KEY = r"SYSTEM\CurrentControlSet\Services\SCardSvr"
DISABLED = 4
READER_CLASS = "{50dd5230-ba8a-11d1-bf5d-0000f805f530}"
FILTER_ENUMERATOR, FILTER_PRESENT, FILTER_CLASS = 0x001, 0x100, 0x200
TOKEN_MAKERS = {"1050": "Yubico", "20A0": "Nitrokey", "349E": "Token2", "096E": "Feitian"}
IDENTITY = re.compile(r"USB\\VID_([0-9A-F]{4})&PID_([0-9A-F]{4})\\(.*)", re.IGNORECASE)
ListDevices = Callable[[str, int], list[str]]


def start_type() -> int | None:
    """How the service starts (4 = disabled), or None when it is not installed."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, SERVICE_KEY) as key:
            return int(winreg.QueryValueEx(key, "Start")[0])
    except OSError:
        return None


def devices(wanted: str, flags: int) -> list[str]:
    """Ids of the devices of one enumerator or class, as CM_Get_Device_ID_List gives them; empty when it cannot be asked."""
    if sys.platform != "win32":
        return []
    import ctypes

    manager = ctypes.windll.cfgmgr32
    size = ctypes.c_ulong()
    if manager.CM_Get_Device_ID_List_SizeW(ctypes.byref(size), wanted, flags) != 0:
        return []
    buffer = ctypes.create_unicode_buffer(size.value)
    if manager.CM_Get_Device_ID_ListW(wanted, buffer, size, flags) != 0:
        return []
    return split(buffer[:])


def split(texts: str) -> list[str]:
    """The texts of a list in which each ends with a zero."""
    return [text for text in texts.split("\0") if text]


def tokens(identities: Iterable[str]) -> list[tuple[str, str, str]]:
    """Maker, ``vid:pid`` and serial number of the tokens among device ids; Windows makes up a serial with "&" where there is none."""
    matches = [IDENTITY.fullmatch(identity) for identity in identities]
    return [
        (TOKEN_MAKERS[match[1].upper()], f"{match[1]}:{match[2]}".lower(), "-" if "&" in match[3] else match[3])
        for match in matches
        if match and match[1].upper() in TOKEN_MAKERS
    ]


def examine(
    list_devices: ListDevices = devices,
    starts: Callable[[], int | None] = start_type,
    remote: Callable[[], bool] = pcsc.in_remote_session,
) -> list[Finding]:
    """What can be said on Windows before PC/SC is asked. A service that stands still is no fault: a reader starts it."""
    findings = [found("remote-session")] if remote() else []
    if starts() in (None, DISABLED):
        findings.append(found("service-disabled"))
    plugged = tokens(list_devices("USB", FILTER_ENUMERATOR | FILTER_PRESENT))
    if not plugged:
        findings.append(found("usb-none"))
    reader = bool(list_devices(READER_CLASS, FILTER_CLASS | FILTER_PRESENT))
    for name, identity, serial in plugged:
        findings.append(found("usb-device", name=name, id=identity, serial=serial, bus="-", device="-"))
        if not reader:
            findings.append(found("usb-no-ccid", name=name, id=identity))
    return findings
