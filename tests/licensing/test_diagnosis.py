"""What the doctor concludes from what it sees, where the thing itself cannot be had here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lnx import LnxError
from lnx_licensing import diagnosis, pcsc, usb_windows
from lnx_licensing.findings import WORDS, found

YUBIKEY = r"USB\VID_1050&PID_0407\7&12AB34CD&0&2"
NITROKEY = r"USB\VID_20A0&PID_42B2\A1B2C3D4"
CAMERA = r"USB\VID_2BA2&PID_4D55\DEV_0001"


def codes(*usb: str, readers: list[str] | None = None, starts: int | None = 3, remote: bool = False) -> list[str]:
    def listed(_: str, flags: int) -> list[str]:
        assert flags & usb_windows.FILTER_PRESENT, "devices that were plugged in some day are no finding"
        return (readers or []) if flags & usb_windows.FILTER_CLASS else list(usb)

    return [finding.code for finding in usb_windows.examine(listed, lambda: starts, lambda: remote)]


def test_windows_a_plugged_in_token_with_its_reader_is_well() -> None:
    assert codes(CAMERA, NITROKEY, readers=["x"]) == ["usb-device"]


def test_windows_a_token_without_a_reader_has_its_smart_card_interface_switched_off() -> None:
    assert codes(YUBIKEY) == ["usb-device", "usb-no-ccid"]


def test_windows_a_remote_session_and_a_disabled_service_are_named() -> None:
    assert codes(NITROKEY, readers=["x"], starts=4, remote=True) == ["remote-session", "service-disabled", "usb-device"]
    assert codes(starts=None) == ["service-disabled", "usb-none"]


def test_windows_serial_numbers_are_read_where_the_device_has_one() -> None:
    assert usb_windows.tokens([NITROKEY, YUBIKEY, CAMERA, "HID\\X"]) == [
        ("Nitrokey", "20a0:42b2", "A1B2C3D4"),
        ("Yubico", "1050:0407", "-"),
    ]
    assert usb_windows.split("a\0b c\0\0\0") == ["a", "b c"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_linux_the_process_that_holds_a_device_is_named(tmp_path: Path) -> None:
    from lnx_licensing.usb_linux import holders

    node = tmp_path / "002"
    node.touch()
    assert list(holders(node)) == []
    with subprocess.Popen(["sleep", "60"], stdin=node.open()) as holder:
        assert list(holders(node)) == [(holder.pid, "sleep")]
        holder.kill()


def test_every_finding_can_be_told_in_both_languages() -> None:
    usb = ["name", "id", "serial", "bus", "device", "path", "process", "pid", "driver"]
    others = ["reason", "reader", "status", "found", "fix", "fix_ko", "keyid", "folder", "phase", "days"]
    everything = dict.fromkeys(usb + others, "x")
    for code in WORDS:
        finding = found(code, **everything)
        for korean in (False, True):
            assert "{" not in finding.text(korean) + finding.fix(korean)


def test_without_the_extra_packages_each_look_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("smartcard", "usb", "usb.core"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LnxError) as caught:
        pcsc.readers()
    assert caught.value.status == 320 and "lnx-edge[dongle]" in caught.value.fix
    if sys.platform.startswith("linux"):
        assert [finding.code for finding in diagnosis.usb_linux.examine()] == ["usb-no-backend"]
    assert any(finding.kind == "problem" for finding in diagnosis.diagnose())
