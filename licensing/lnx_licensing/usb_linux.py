"""Tokens on the USB of a Linux PC, without opening one: is it there, is its smart-card interface on, who holds it, with which rights.

Devices come from libusb (pyusb); serial number and driver from sysfs, which tells them without rights; holders from /proc.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnx_licensing.findings import Finding, found

CCID = 0x0B
TOKEN_MAKERS = {0x1050: "Yubico", 0x20A0: "Nitrokey", 0x349E: "Token2", 0x096E: "Feitian"}
SERVICES = ("pcscd",)


@dataclass(frozen=True)
class UsbToken:
    """``interface`` is the number of the smart-card interface, None when the device has none."""

    vendor: int
    product: int
    bus: int
    device: int
    interface: int | None

    @property
    def node(self) -> Path:
        return Path(f"/dev/bus/usb/{self.bus:03d}/{self.device:03d}")


def tokens() -> list[UsbToken]:
    """Every device with a smart-card interface, and every device of a maker of tokens. RuntimeError when USB cannot be looked at."""
    try:
        import usb.core
    except ImportError:
        raise RuntimeError("the Python package pyusb is not installed") from None
    try:
        devices = list(usb.core.find(find_all=True))
    except usb.core.NoBackendError:
        raise RuntimeError("libusb was not found") from None
    listed = []
    for device in devices:
        interface = _ccid_interface(device)
        if interface is not None or device.idVendor in TOKEN_MAKERS:
            listed.append(UsbToken(device.idVendor, device.idProduct, device.bus, device.address, interface))
    return listed


def _ccid_interface(device: object) -> int | None:
    import usb.core

    try:
        for configuration in device:  # type: ignore[attr-defined]
            for interface in configuration:
                if interface.bInterfaceClass == CCID:
                    return int(interface.bInterfaceNumber)
    except usb.core.USBError:
        return None
    return None


def examine() -> list[Finding]:
    """What can be said about USB."""
    try:
        listed = tokens()
    except RuntimeError as reason:
        return [found("usb-no-backend", reason=str(reason))]
    if not listed:
        return [found("usb-none")]
    return [finding for token in listed for finding in _about(token)]


def _about(token: UsbToken) -> Iterator[Finding]:
    place = _sysfs(token)
    name = " ".join(filter(None, (_read(place, "manufacturer") or TOKEN_MAKERS.get(token.vendor), _read(place, "product")))) or "token"
    number = f"{token.vendor:04x}:{token.product:04x}"
    serial = _read(place, "serial") or "-"
    yield found("usb-device", name=name, id=number, serial=serial, bus=token.bus, device=token.device)
    if token.interface is None:
        yield found("usb-no-ccid", name=name, id=number)
        return
    driver = _driver(place, token.interface)
    if driver:
        yield found("usb-driver", driver=driver)
    if not os.access(token.node, os.R_OK | os.W_OK):
        yield found("usb-no-rights", path=str(token.node))
    held = list(holders(token.node))
    for pid, process in held:
        yield found("usb-held-service" if process in SERVICES else "usb-held-other", process=process, pid=pid)
    if not held:
        yield found("usb-held-nobody")


def _sysfs(token: UsbToken) -> Path | None:
    for place in Path("/sys/bus/usb/devices").glob("*"):
        if _read(place, "busnum") == str(token.bus) and _read(place, "devnum") == str(token.device):
            return place
    return None


def _read(place: Path | None, name: str) -> str:
    try:
        return (place / name).read_text(errors="replace").strip() if place else ""
    except OSError:
        return ""


def _driver(place: Path | None, interface: int) -> str:
    """The kernel's driver of the interface; "usbfs" while a program has claimed it."""
    if place is None:
        return ""
    for entry in place.glob(f"*:*.{interface}"):
        try:
            return (entry / "driver").readlink().name
        except OSError:
            for line in _read(entry, "uevent").splitlines():
                if line.startswith("DRIVER="):
                    return line.removeprefix("DRIVER=")
    return ""


def holders(node: Path) -> Iterator[tuple[int, str]]:
    """Processes that have the device open, as far as this account may see them."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            handles = list((process / "fd").iterdir())
        except OSError:
            continue
        for handle in handles:
            try:
                target = handle.readlink()
            except OSError:
                continue
            if target == node:
                yield int(process.name), _read(process, "comm") or "?"
                break
