"""The whole way from USB: libusb and pcscd with its CCID driver see a virtual device, and a real unplug."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from smartcard_service import SmartcardService, why_not

HERE = Path(__file__).parent
DRIVER = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle")


def why_no_usb() -> str:
    if why_not():
        return why_not()
    if shutil.which("umockdev-wrapper") is None or not DRIVER.exists():
        return "umockdev or libccid is not installed: apt-get install umockdev gir1.2-umockdev-1.0 python3-gi libccid"
    found = subprocess.run(
        ["/usr/bin/python3", "-c", "import gi; gi.require_version('UMockdev','1.0'); import cryptography"], capture_output=True, check=False
    )
    return (
        ""
        if found.returncode == 0
        else "Debian's Python lacks packages: apt-get install gir1.2-umockdev-1.0 python3-gi python3-cryptography"
    )


class UsbToken:
    """A device on a USB of its own. ``run`` starts a program that sees it."""

    def __init__(self, program: subprocess.Popen[str], environment: dict[str, str]) -> None:
        self._program = program
        self.environment = environment

    def run(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        settings = {**os.environ, **self.environment, **more}
        return subprocess.run(words, env=settings, capture_output=True, text=True, check=False, timeout=120)

    def unplug(self) -> None:
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write("unplug\n")
        self._program.stdin.flush()
        assert json.loads(self._program.stdout.readline())["unplugged"]


@contextmanager
def plugged_in(folder: Path, *options: str) -> Iterator[UsbToken]:
    if why_no_usb():
        pytest.skip(why_no_usb())
    command = ["umockdev-wrapper", "/usr/bin/python3", str(HERE / "usb_token.py"), "--folder", str(folder), *options]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as program:
        assert program.stdin and program.stdout
        try:
            yield UsbToken(program, json.loads(program.stdout.readline())["environment"])
        finally:
            program.stdin.close()
            program.wait(90)


@contextmanager
def service(token: UsbToken, folder: Path, socket_folder: Path) -> Iterator[SmartcardService]:
    running = SmartcardService(folder / "service", socket_folder, usb=token.environment)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def readers(token: UsbToken, running: SmartcardService) -> str:
    return token.run("opensc-tool", "--list-readers", **running.environment).stdout


def wait_for(says: str, token: UsbToken, running: SmartcardService, *, there: bool) -> None:
    begin = time.monotonic()
    while (says in readers(token, running)) != there:
        assert time.monotonic() - begin < 90, running.log.read_text(errors="replace")[-3000:]
        time.sleep(0.05)


def doctor(token: UsbToken, **more: str) -> dict[str, dict[str, Any]]:
    """Findings by their code."""
    program = "import sys; from lnx_licensing.cli import dongle_app; sys.argv = ['lnx', 'doctor', '--json']; dongle_app()"
    told = token.run(sys.executable, "-c", program, **more)
    assert told.stdout, told.stderr
    return {finding["code"]: finding for finding in json.loads(told.stdout)["findings"]}


def test_pcscd_finds_the_usb_token_and_other_programs_use_it(tmp_path: Path, socket_folder: Path) -> None:
    with plugged_in(tmp_path) as token, service(token, tmp_path, socket_folder) as running:
        wait_for("Yubico YubiKey", token, running, there=True)
        told = token.run("yubico-piv-tool", "--action", "status", **running.environment)
        assert "5.7.1" in told.stdout and "12345678" in told.stdout, told.stdout + told.stderr


def test_a_token_is_provisioned_over_usb(tmp_path: Path, socket_folder: Path) -> None:
    with plugged_in(tmp_path) as token, service(token, tmp_path, socket_folder) as running:
        wait_for("Yubico YubiKey", token, running, there=True)
        program = "import sys; from lnx_licensing.cli import dongle_app; sys.argv = ['lnx', *sys.argv[1:]]; dongle_app()"
        words = ("provision", "--desk", tmp_path / "desk", "--yes", "--json", "--maker-root", tmp_path / "attestation-root.pem")
        made = token.run(sys.executable, "-c", program, *words, **running.environment)
        assert made.returncode == 0, made.stdout + made.stderr
        assert json.loads(made.stdout)["serial"] == "12345678"


def test_unplugging_is_noticed_by_service_and_client(tmp_path: Path, socket_folder: Path) -> None:
    with plugged_in(tmp_path) as token, service(token, tmp_path, socket_folder) as running:
        wait_for("Yubico YubiKey", token, running, there=True)
        token.unplug()
        wait_for("Yubico YubiKey", token, running, there=False)
        assert "reader-none" in doctor(token, **running.environment)


def test_the_doctor_sees_the_token_on_usb_and_who_holds_it(tmp_path: Path, socket_folder: Path) -> None:
    with plugged_in(tmp_path) as token:
        alone = doctor(token)
        assert alone["usb-device"]["values"] | {"name": ""} == {"name": "", "id": "1050:0407", "serial": "12345678", "bus": 1, "device": 2}
        assert "usb-no-ccid" not in alone and "service-down" in alone
        with service(token, tmp_path, socket_folder) as running:
            wait_for("Yubico YubiKey", token, running, there=True)
            found = doctor(token, **running.environment)
            assert {"usb-device", "service-ok", "token-blank"} <= set(found), found


def test_the_doctor_sees_that_the_smart_card_interface_is_switched_off(tmp_path: Path) -> None:
    with plugged_in(tmp_path, "--no-ccid") as token:
        found = doctor(token)
        assert found["usb-no-ccid"]["kind"] == "problem" and "ykman config usb" in found["usb-no-ccid"]["fix"]
