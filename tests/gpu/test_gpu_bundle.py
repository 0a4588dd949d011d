"""The runtime for a GPU machine without a network: what is kept of it, and the way there and back."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from tools import gpu_bundle
from tools.dev.gpu import table

NAMES = b"\0.nv_fatbin\0.shstrtab\0"


def entry(kind: int, arch: int, payload: bytes) -> bytes:
    """One entry of a group: kind 2 is machine code, 1 is PTX."""
    return struct.pack("<HHIQ", kind, 0x101, 64, len(payload)) + bytes(12) + struct.pack("<I", arch) + bytes(32) + payload


def group(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return gpu_bundle.FATBIN + struct.pack("<HHQ", 1, 16, len(body)) + body


def elf(fatbin: bytes) -> bytes:
    """An ELF file of two sections, as far as the bundler reads it."""
    at, names = 64, 64 + len(fatbin)
    table_at = names + len(NAMES)
    head = bytearray(64)
    head[:4] = b"\x7fELF"
    struct.pack_into("<Q", head, 0x28, table_at)
    struct.pack_into("<HHH", head, 0x3A, 64, 3, 2)
    rows = [(0, 0, 0), (1, at, len(fatbin)), (12, names, len(NAMES))]
    headers = b"".join(struct.pack("<IIQQQQ", name, 1, 0, 0, offset, size).ljust(64, b"\0") for name, offset, size in rows)
    return bytes(head) + fatbin + NAMES + headers


LIBRARY = elf(
    group(entry(2, 75, b"T" * 96), entry(2, 90, b"H" * 64), entry(1, 90, b"P" * 40)) + bytes(8) + group(entry(2, 86, b"A" * 72)) + bytes(8)
)


def test_only_the_machine_code_of_one_gpu_is_kept_and_nothing_moves() -> None:
    pruned = gpu_bundle.prune(LIBRARY, 90)
    assert len(pruned) == len(LIBRARY)
    position, size = gpu_bundle.section(pruned, b".nv_fatbin")
    assert (position, size) == gpu_bundle.section(LIBRARY, b".nv_fatbin")
    kept = entry(2, 90, b"H" * 64)
    assert pruned[position + 16 : position + 16 + len(kept)] == kept
    assert struct.unpack_from("<Q", pruned, position + 8) == (len(kept),), "the group tells its new length"
    second = LIBRARY.index(gpu_bundle.FATBIN, position + 4)
    assert pruned[second : second + 8] == LIBRARY[second : second + 8], "the next group lies where it lay"
    assert struct.unpack_from("<Q", pruned, second + 8) == (0,)
    assert not any(letter in pruned[position : position + size] for letter in (b"TT", b"PP", b"AA"))
    assert pruned[:position] == LIBRARY[:position] and pruned[position + size :] == LIBRARY[position + size :]
    with pytest.raises(LookupError, match="nothing"):
        gpu_bundle.section(LIBRARY, b"nothing")


def test_a_bundle_is_made_of_the_package_and_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real pip, from a folder instead of a registry."""
    wheels, made = tmp_path / "wheels", tmp_path / "bundle"
    wheels.mkdir()
    runtime, shared = os.urandom(3000), b"shared" * 10
    with zipfile.ZipFile(wheels / "onnxruntime_gpu-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl", "w") as wheel:
        for name, content in {"providers_cuda.so": LIBRARY, "providers_shared.so": shared, "providers_tensorrt.so": b"unused"}.items():
            wheel.writestr(f"onnxruntime/capi/libonnxruntime_{name}", content)
        wheel.writestr("onnxruntime/capi/libonnxruntime.so.1.31.1", runtime)
        wheel.writestr("onnxruntime_gpu-1.31.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.31.1\n")
        wheel.writestr("onnxruntime_gpu-1.31.1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_28_x86_64\n")
        wheel.writestr("onnxruntime_gpu-1.31.1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    gpu_bundle.make(made, "1.31.1", "3.12", 90)
    assert sorted(path.name for path in made.iterdir()) == [
        "libonnxruntime.so.1.31.1.xz",
        "libonnxruntime_providers_cuda.so.xz",
        "libonnxruntime_providers_shared.so",
    ]
    there = gpu_bundle.unpack(made, tmp_path / "there")
    assert (there / "libonnxruntime.so.1.31.1").read_bytes() == runtime
    assert (there / "libonnxruntime_providers_cuda.so").read_bytes() == gpu_bundle.prune(LIBRARY, 90)
    assert (there / "libonnxruntime_providers_shared.so").read_bytes() == shared
    touched = {path.name: path.stat().st_mtime_ns for path in there.iterdir()}
    assert gpu_bundle.unpack(made, there) == there
    assert {path.name: path.stat().st_mtime_ns for path in there.iterdir()} == touched
    assert gpu_bundle.unpack(there, tmp_path / "other") == there, "a pack that is not compressed is taken as it is"


def test_without_a_gpu_every_figure_says_that_it_is_not_measured() -> None:
    import lnx

    if lnx.doctor()["gpus"]:
        pytest.skip("there is a GPU: dev.py gpu measures")
    script = ROOT / "benchmarks/gpu_matrix.py"
    told = json.loads(subprocess.run([sys.executable, str(script), "--json"], capture_output=True, text=True, check=True).stdout)
    assert told["claims"] == [] and len(told["rows"]) >= 8
    assert all(row["value"] == "not yet measured" and row["reason"] for row in told["rows"])
    assert table(told).count("not yet measured") == len(told["rows"])
