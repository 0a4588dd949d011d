"""A virtual USB token: a umockdev testbed with the token in it, answering usbfs live. Runs with Debian's Python, which has umockdev.

    umockdev-wrapper /usr/bin/python3 usb_token.py --folder DIR [--no-ccid]

It prints one JSON line ``{"environment"}`` for the programs that shall see the device (libusb, udev, sysfs), then obeys lines on stdin:
``unplug``, ``quit``. It ends with its stdin. A testbed cannot be plugged in again; start another.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402
from virtual_token.attestation import Maker  # noqa: E402
from virtual_token.ccid import BULK_IN, PRODUCT, STRINGS, VENDOR, Ccid, configuration_descriptor, device_descriptor, string_descriptor  # noqa: E402
from virtual_token.state import State  # noqa: E402
from virtual_token.yubico import YubiKey  # noqa: E402

NODE = "/dev/bus/usb/001/002"
DEVICE = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1"
SERIAL = 12345678
CONTROL, BULK = 2, 3


def _ioctl(direction: int, number: int, size: int) -> int:
    """Request numbers of linux/usbdevice_fs.h."""
    return direction << 30 | size << 16 | ord("U") << 8 | number


GET_CAPABILITIES = _ioctl(2, 26, 4)
SUBMIT, REAP, REAP_NOW, DISCARD = _ioctl(2, 10, 56), _ioctl(1, 12, 8), _ioctl(1, 13, 8), _ioctl(0, 11, 0)
GET_DRIVER, KERNEL_DRIVER = _ioctl(1, 8, 260), _ioctl(3, 18, 16)
CLAIM, RELEASE, CLEAR_HALT, RESET = _ioctl(2, 15, 4), _ioctl(2, 16, 4), _ioctl(2, 21, 4), _ioctl(0, 20, 0)
SET_CONFIGURATION, DISCONNECT_CLAIM = _ioctl(2, 5, 4), _ioctl(2, 27, 264)
AGREED = (CLAIM, RELEASE, CLEAR_HALT, RESET, SET_CONFIGURATION, DISCONNECT_CLAIM)
# struct usbdevfs_urb on 64 bits
URB_STATUS, URB_BUFFER, URB_LENGTH, URB_ACTUAL = 4, 16, 24, 28


class UsbFs:
    """Answers the ioctls of libusb on the device file."""

    def __init__(self, ccid: Ccid, configuration: bytes) -> None:
        self._ccid = ccid
        self._configuration = configuration
        self._lock = threading.RLock()
        self._gone = False
        self._waiting: list[tuple[Any, Any, int]] = []  # requests that wait for an answer of the token: urb, buffer, length
        self._done: list[Any] = []

    def on_ioctl(self, _: object, client: Any) -> bool:
        request, argument = client.get_request() & 0xFFFFFFFF, client.get_arg()
        with self._lock:
            try:
                result, error = self._gone_answer(request, argument) if self._gone else self._answer(request, argument)
            except Exception as problem:  # reported to the program as an I/O error, as a device would
                print(f"usb token: {problem!r}", file=sys.stderr)
                result, error = -1, errno.EIO
        client.complete(result, error)
        return True

    def unplug(self) -> None:
        """Requests under way end with ESHUTDOWN; libusb would wait for ever otherwise."""
        with self._lock:
            self._gone = True
            for urb, _, _ in self._waiting:
                self._finish(urb, -errno.ESHUTDOWN, 0)
            self._waiting = []

    def _gone_answer(self, request: int, argument: Any) -> tuple[int, int]:
        if request in (REAP, REAP_NOW) and self._done:
            argument.resolve(0, 8).set_ptr(0, self._done.pop(0))
            return 0, 0
        return -1, errno.ENODEV

    def _answer(self, request: int, argument: Any) -> tuple[int, int]:
        if request == GET_CAPABILITIES:
            argument.resolve(0, 4).update(0, list(struct.pack("<I", 1)))
            return 0, 0
        if request in AGREED:
            return 0, 0
        if request in (GET_DRIVER, KERNEL_DRIVER):
            return -1, errno.ENODATA
        if request == SUBMIT:
            self._submit(argument)
            return 0, 0
        if request in (REAP, REAP_NOW):
            if not self._done:
                return -1, errno.EAGAIN
            argument.resolve(0, 8).set_ptr(0, self._done.pop(0))
            return 0, 0
        if request == DISCARD:
            return self._discard(argument)
        return -1, errno.ENOTTY

    def _submit(self, argument: Any) -> None:
        urb = argument.resolve(0, 56)
        raw = bytes(urb.retrieve())
        kind, endpoint = raw[0], raw[1]
        length = struct.unpack_from("<i", raw, URB_LENGTH)[0]
        buffer = urb.resolve(URB_BUFFER, length) if length else None
        data = bytes(buffer.retrieve()) if buffer else b""
        if kind == CONTROL:
            answer = self._control(data)
            if answer is None:
                self._finish(urb, -errno.EPIPE, 0)
                return
            if answer and buffer:
                buffer.update(8, list(answer))
            self._finish(urb, 0, len(answer))
        elif endpoint & 0x80:
            self._waiting.append((urb, buffer, length if endpoint == BULK_IN else 0))
            self._hand_out()
        else:
            self._ccid.receive(data)
            self._finish(urb, 0, len(data))
            self._hand_out()

    def _control(self, setup: bytes) -> bytes | None:
        request_type, request, value, _, length = struct.unpack_from("<BBHHH", setup)
        if (request_type, request) != (0x80, 6):
            return b""
        kind, index = value >> 8, value & 255
        described = {1: device_descriptor(), 2: self._configuration}.get(kind)
        if kind == 3:
            described = string_descriptor(index, SERIAL)
        return described[:length] if described is not None else None

    def _hand_out(self) -> None:
        """Answers of the token go to the requests that wait for them; requests of the interrupt pipe wait for ever."""
        for entry in list(self._waiting):
            urb, buffer, length = entry
            if length and self._ccid.answers:
                message = self._ccid.answers.pop(0)
                buffer.update(0, list(message[:length]))
                if len(message) > length:
                    self._ccid.answers.insert(0, message[length:])
                self._waiting.remove(entry)
                self._finish(urb, 0, min(length, len(message)))

    def _discard(self, argument: Any) -> tuple[int, int]:
        address = argument.resolve(0, 56).client_addr
        for entry in self._waiting:
            if entry[0].client_addr == address:
                self._waiting.remove(entry)
                self._finish(entry[0], -errno.ENOENT, 0)
                return 0, 0
        return -1, errno.EINVAL

    def _finish(self, urb: Any, status: int, actual: int) -> None:
        urb.update(URB_STATUS, list(struct.pack("<i", status)))
        urb.update(URB_ACTUAL, list(struct.pack("<i", actual)))
        self._done.append(urb)


def description(configuration: bytes, ccid: bool) -> str:
    """The device as umockdev reads it: sysfs attributes and udev properties of the device and of its interface."""
    described = (device_descriptor() + configuration).hex().upper()
    product = f"{VENDOR:x}/{PRODUCT:x}/543"
    kind = ("0b", "11/0/0", "usbfs") if ccid else ("03", "3/0/0", "usbhid")
    device = [
        f"P: {DEVICE.removeprefix('/sys')}",
        f"N: {NODE.removeprefix('/dev/')}={described}",
        *(
            "E: " + pair
            for pair in ("BUSNUM=001", "DEVNUM=002", f"DEVNAME={NODE}", "DEVTYPE=usb_device", "DRIVER=usb", "MAJOR=189", "MINOR=1")
        ),
        *("E: " + pair for pair in (f"ID_SERIAL_SHORT={SERIAL}", f"PRODUCT={product}", "SUBSYSTEM=usb")),
        *("A: " + pair for pair in ("bConfigurationValue=1", "bDeviceClass=00", "bMaxPacketSize0=64", "bNumConfigurations=1")),
        *("A: " + pair for pair in ("busnum=1", "devnum=2", "devpath=1", f"idProduct={PRODUCT:04x}", f"idVendor={VENDOR:04x}")),
        *(
            "A: " + pair
            for pair in (f"manufacturer={STRINGS[1]}", f"product={STRINGS[2]}", f"serial={SERIAL}", "speed=12", "version= 2.00")
        ),
        f"H: descriptors={described}",
        "L: driver=../../../../../bus/usb/drivers/usb",
    ]
    interface = [
        f"P: {DEVICE.removeprefix('/sys')}/1-1:1.0",
        *(
            "E: " + pair
            for pair in ("DEVTYPE=usb_interface", f"DRIVER={kind[2]}", f"INTERFACE={kind[1]}", f"PRODUCT={product}", "SUBSYSTEM=usb")
        ),
        *("A: " + pair for pair in ("bInterfaceNumber=00", f"bInterfaceClass={kind[0]}", "bInterfaceSubClass=00", "bInterfaceProtocol=00")),
        *("A: " + pair for pair in ("bAlternateSetting= 0", f"bNumEndpoints={'03' if ccid else '00'}", "interface=CCID")),
    ]
    return "\n".join(device) + "\n\n" + "\n".join(interface) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="usb_token")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--no-ccid", action="store_true", help="the smart-card interface is switched off")
    options = parser.parse_args()
    card = YubiKey(State(SERIAL, options.folder / "usb-token.json"), Maker.load(options.folder))
    configuration = configuration_descriptor(ccid=not options.no_ccid)
    usb = UsbFs(Ccid(card), configuration)
    bed = UMockdev.Testbed.new()
    bed.add_from_string(description(configuration, not options.no_ccid))
    base = UMockdev.IoctlBase.new()
    base.connect("handle-ioctl", usb.on_ioctl)
    bed.attach_ioctl(NODE, base)
    loop = GLib.MainLoop()

    def unplug() -> bool:
        usb.unplug()
        bed.uevent(f"{DEVICE}/1-1:1.0", "remove")
        bed.uevent(DEVICE, "remove")
        bed.remove_device(DEVICE)
        print(json.dumps({"unplugged": True}), flush=True)
        return False

    def obey() -> None:
        for line in sys.stdin:
            if line.split() == ["unplug"]:
                GLib.idle_add(unplug)
            elif line.split() == ["quit"]:
                break
        GLib.idle_add(loop.quit)

    environment = {"UMOCKDEV_DIR": bed.get_root_dir(), "LD_PRELOAD": os.environ["LD_PRELOAD"]}
    print(json.dumps({"environment": environment}), flush=True)
    threading.Thread(target=obey, daemon=True).start()
    loop.run()
    bed.detach_ioctl(NODE)


main()
