"""The virtual token is taken for a PIV token by programs that we did not write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from smartcard_service import READERS, why_not
from virtual_reader import VirtualReader


def test_opensc_finds_the_piv_application(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert()
    named = virtual_reader.run("opensc-tool", "--reader", READERS[0], "--name")
    assert named.returncode == 0, named.stderr
    assert "PIV" in named.stdout or "Personal Identity" in named.stdout, named.stdout


def test_yubico_piv_tool_reads_the_serial_number_and_firmware(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert(virtual_reader.new_token(4711))
    told = virtual_reader.run("yubico-piv-tool", "--reader", READERS[0], "--action", "status")
    assert "5.7.1" in told.stdout and "4711" in told.stdout, told.stdout + told.stderr


def test_ykman_reads_the_piv_application(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert()
    told = virtual_reader.run("ykman", "--reader", READERS[0], "piv", "info")
    assert told.returncode == 0 and "5.7.1" in told.stdout, told.stdout + told.stderr


def test_two_tokens_sit_in_two_slots_and_come_and_go(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert(virtual_reader.new_token(1), slot=0)
    virtual_reader.insert(virtual_reader.new_token(2), slot=1)
    virtual_reader.remove(slot=0)
    assert not virtual_reader.present(0) and virtual_reader.present(1)
    virtual_reader.insert(virtual_reader.new_token(3), slot=0)
    assert virtual_reader.present(0)


def test_a_token_is_there_again_after_the_service_crashed(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert()
    virtual_reader.service.kill()
    virtual_reader.service.start()
    deadline = time.monotonic() + 90
    while not virtual_reader.present() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert virtual_reader.present()


def test_pulling_a_token_that_hangs_ends_the_command(virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    card.faults.set("hang")
    command = ["opensc-tool", "--reader", READERS[0], "--send-apdu", "00A4040005A000000308"]
    with subprocess.Popen(
        command, env={**os.environ, **virtual_reader.environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        time.sleep(0.5)
        assert asking.poll() is None
        virtual_reader.slots[0].remove()
        assert asking.wait(90) != 0


def test_the_program_serves_other_languages_and_ends_by_its_pid(tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    command = [sys.executable, "-m", "virtual_token", "--folder", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parent, **pipes) as program:
        assert program.stdin and program.stdout
        hello = json.loads(program.stdout.readline())
        listed = subprocess.run(
            ["opensc-tool", "-l"], env={**os.environ, **hello["environment"]}, capture_output=True, text=True, check=True
        )
        assert " Yes " in listed.stdout
        program.stdin.write("fault hang\nremove\nfault nonsense\n")
        program.stdin.flush()
        answers = [json.loads(program.stdout.readline()) for _ in range(3)]
        assert answers[0]["fault"] == "hang" and answers[1]["inserted"] is False and "nonsense" in answers[2]["error"]
        os.kill(hello["pid"], signal.SIGKILL)
        program.wait(90)
    deadline = time.monotonic() + 90
    while Path(f"/proc/{hello['service_pid']}/comm").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{hello['service_pid']}/comm").exists()
