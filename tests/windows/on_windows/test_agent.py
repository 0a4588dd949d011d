"""Run by Windows CPython with our wheel installed: what the agent asks of Windows itself."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lnx_agent.secrets import DPAPI_MAGIC, load_secret, save_secret
from lnx_common.errors import PlantError
from lnx_common.files import InstanceLock, publish, write_durably

HELD_S = 1.0


def test_a_secret_is_sealed_by_windows_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "토큰.txt"
    save_secret(path, b"token of the plant")
    sealed = path.read_bytes()
    assert sealed.startswith(DPAPI_MAGIC)
    assert b"token of the plant" not in sealed
    assert load_secret(path) == b"token of the plant"
    path.write_bytes(sealed[:-20])
    with pytest.raises(PlantError) as raised:
        load_secret(path)
    assert raised.value.status == 803


def test_a_secret_that_a_person_wrote_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "token.txt"
    path.write_bytes(b"as it came by mail")
    assert load_secret(path) == b"as it came by mail"


def test_a_file_that_a_scanner_holds_is_replaced_when_it_lets_go(tmp_path: Path) -> None:
    final, temporary = tmp_path / "position", tmp_path / "position.new"
    final.write_bytes(b"old")
    temporary.write_bytes(b"new")
    scanner = final.open("rb")  # Python opens without FILE_SHARE_DELETE, as scanners do
    threading.Timer(HELD_S, scanner.close).start()
    begin = time.monotonic()
    publish(temporary, final)
    assert time.monotonic() - begin >= HELD_S * 0.5
    assert final.read_bytes() == b"new"
    assert not temporary.exists()


def test_a_second_instance_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    program = f"import sys, time; sys.path[:] = {sys.path!r}\nfrom pathlib import Path\nfrom lnx_common.files import InstanceLock\n"
    program += "lock = InstanceLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        assert first.stdout.readline().strip() == b"held"
        with pytest.raises(PlantError) as raised:
            InstanceLock(tmp_path / "lock")
        assert raised.value.status == 622
        assert f"process {first.pid}" in raised.value.found
    finally:
        first.kill()
        first.wait()
    write_durably(tmp_path / "after", b"x")
    InstanceLock(tmp_path / "lock").release()  # died with its process
