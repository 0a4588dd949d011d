"""Finds a serial adapter wherever it is plugged in."""

from __future__ import annotations

from lnx_common.errors import PlantError

USB = "usb:"


def find_port(wanted: str) -> str:
    """The port of "usb:VID:PID" or "usb:VID:PID:SERIAL" (hex numbers); any other text is a port already.

    Raises PlantError 701 when no such adapter is plugged in, and says which are.
    """
    if not wanted.lower().startswith(USB):
        return wanted
    from serial.tools import list_ports  # asks much of Windows, which who names a port need not have

    parts = wanted[len(USB) :].split(":")
    vid, pid, serial = (*parts, "", "")[:3]
    seen = []
    for port in list_ports.comports():
        if port.vid is None:
            continue
        seen.append(f"{port.device} = usb:{port.vid:04x}:{port.pid:04x}:{port.serial_number or ''}")
        same = f"{port.vid:04x}" == vid.lower().rjust(4, "0") and f"{port.pid:04x}" == pid.lower().rjust(4, "0")
        if same and (not serial or serial == port.serial_number):
            return str(port.device)
    raise PlantError(701, where=wanted, found=", ".join(seen) or "no USB serial adapter", expected="the adapter to be plugged in")
