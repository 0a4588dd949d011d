"""Lines in the Application log of Windows.

The source is registered with the message file that .NET puts on every Windows 10 and 11 (any event is "%1" there), so the log never
holds a file of ours open and an update can replace all of them. A line that Windows does not take is dropped: nothing depends on it.
"""

from __future__ import annotations

import contextlib
import sys

__all__ = ["ERROR", "INFORMATION", "SOURCES", "WARNING", "register", "report", "unregister"]

ERROR, WARNING, INFORMATION = 1, 2, 4
SOURCES = r"SYSTEM\CurrentControlSet\Services\EventLog\Application"
MESSAGES = r"%SystemRoot%\Microsoft.NET\Framework64\v4.0.30319\EventLogMessages.dll"
EVENT = 1
MOST = 31_000  # characters that ReportEvent takes in one string


def register(source: str) -> None:
    """Makes a source known, so that Event Viewer shows our text as it is. Raises OSError without the rights for it."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, f"{SOURCES}\\{source}") as key:
            winreg.SetValueEx(key, "EventMessageFile", 0, winreg.REG_EXPAND_SZ, MESSAGES)
            winreg.SetValueEx(key, "TypesSupported", 0, winreg.REG_DWORD, ERROR | WARNING | INFORMATION)


def unregister(source: str) -> None:
    """Forgets a source."""
    if sys.platform == "win32":
        import winreg

        with contextlib.suppress(OSError):
            winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, f"{SOURCES}\\{source}")


def report(source: str, kind: int, text: str) -> bool:
    """Writes one event; False when Windows did not take it."""
    if sys.platform != "win32":
        return False
    import ctypes
    from ctypes import wintypes

    library = ctypes.WinDLL("advapi32", use_last_error=True)
    library.RegisterEventSourceW.restype = wintypes.HANDLE
    library.RegisterEventSourceW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR]
    library.ReportEventW.argtypes = [
        wintypes.HANDLE,
        wintypes.WORD,
        wintypes.WORD,
        wintypes.DWORD,
        ctypes.c_void_p,
        wintypes.WORD,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.LPCWSTR),
        ctypes.c_void_p,
    ]
    library.DeregisterEventSource.argtypes = [wintypes.HANDLE]
    handle = library.RegisterEventSourceW(None, source)
    if not handle:
        return False
    try:
        strings = (wintypes.LPCWSTR * 1)(text[:MOST])
        return bool(library.ReportEventW(handle, kind, 0, EVENT, None, 1, 0, strings, None))
    finally:
        library.DeregisterEventSource(handle)
