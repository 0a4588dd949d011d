"""The bill of materials of the setup knows each library of others; what it names of the real programs is in test_programs_bill.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer import bundled
from installer.filelist import sha256


def test_a_library_that_nobody_knows_ends_the_build(tmp_path: Path) -> None:
    folder = tmp_path / "_internal/av.libs"
    folder.mkdir(parents=True)
    (folder / "libx264-165-0123.dll").write_bytes(b"x")
    (folder.parent / "lnx.dll").write_bytes(b"ours")
    found = list(bundled.libraries(tmp_path))
    assert [one["name"] for one in found] == ["libx264-165-0123.dll", "PyInstaller bootloader"]
    assert found[0]["hashes"] == [{"alg": "SHA-256", "content": sha256(folder / "libx264-165-0123.dll")}]
    assert found[0]["licenses"] == [{"expression": "GPL-2.0-or-later"}]
    (folder / "libnew-1.dll").write_bytes(b"y")
    with pytest.raises(SystemExit, match=r"libnew-1\.dll"):
        list(bundled.libraries(tmp_path))
