"""Brings ONNX Runtime's CUDA provider to a GPU machine that has no network, within a small transfer.

    python3 -m tools.gpu_bundle make FOLDER [--version 1.31.1] [--python 3.12] [--arch 90]     (here, with a network)
    python3 dev.py gpu --runtime FOLDER                                                          (there)

The provider's file holds machine code for every GPU, packed inside. Only that of one architecture is kept; file size and offsets stay, the
rest of each group becomes zeros and is compressed away: 285 MB become about 50. A GPU of another architecture fails with
"no kernel image".
"""

from __future__ import annotations

import argparse
import lzma
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

FATBIN = b"\x50\xed\x55\xba"
MACHINE_CODE = 2  # kind of an entry of a group


def section(elf: bytes, name: bytes) -> tuple[int, int]:
    """Offset and size of a section of an ELF file. LookupError when it has none of that name."""
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    entry_size, count, names_at = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + i * entry_size) for i in range(count)]
    names = headers[names_at][4]
    for own_name, _, _, _, offset, size in headers:
        end = elf.index(b"\0", names + own_name)
        if elf[names + own_name : end] == name:
            return offset, size
    raise LookupError(f"no section {name.decode()}")


def prune(elf: bytes, arch: int) -> bytes:
    """The file with the machine code of one architecture: 90 for compute capability 9.0."""
    image = bytearray(elf)
    position, size = section(elf, b".nv_fatbin")
    end_of_section = position + size
    while position < end_of_section - 16:
        if image[position : position + 4] != FATBIN:
            position += 8
            continue
        header, body = struct.unpack_from("<HQ", image, position + 6)
        start, end, kept = position + header, position + header + body, bytearray()
        entry = start
        while entry < end:
            kind, _, entry_header, payload = struct.unpack_from("<HHIQ", image, entry)
            (entry_arch,) = struct.unpack_from("<I", image, entry + 28)
            if kind == MACHINE_CODE and entry_arch == arch:
                kept += image[entry : entry + entry_header + payload]
            entry += entry_header + payload
        image[start:end] = kept + bytes(body - len(kept))
        struct.pack_into("<Q", image, position + 8, len(kept))
        position = end
    return bytes(image)


def make(folder: Path, version: str, python: str, arch: int) -> None:
    """Fetches the wheel and writes the three libraries, compressed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", python]
        command += ["--platform", "manylinux_2_28_x86_64", "-d", name, f"onnxruntime-gpu=={version}"]
        subprocess.run(command, check=True)
        wheel = zipfile.ZipFile(next(Path(name).glob("*.whl")))
        for member in wheel.namelist():
            file = PurePosixPath(member).name
            if file == "libonnxruntime_providers_shared.so":
                (folder / file).write_bytes(wheel.read(member))
            elif file == "libonnxruntime_providers_cuda.so":
                (folder / f"{file}.xz").write_bytes(lzma.compress(prune(wheel.read(member), arch), preset=6))
            elif file.startswith("libonnxruntime.so."):
                (folder / f"{file}.xz").write_bytes(lzma.compress(wheel.read(member), preset=6))


def unpack(folder: Path, into: Path) -> Path:
    """The libraries of a bundle, ready to be loaded. A folder without compressed files is taken as it is."""
    if not list(folder.glob("*.xz")):
        return folder
    into.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        target = into / path.name.removesuffix(".xz")
        if target.exists():
            continue
        if path.suffix != ".xz":
            shutil.copyfile(path, target)
            continue
        partial = target.with_suffix(".partial")
        with lzma.open(path) as packed, partial.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        partial.rename(target)
    return into


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", default="1.31.1")
    parser.add_argument("--python", default="3.12")
    parser.add_argument("--arch", type=int, default=90)
    options = parser.parse_args()
    make(options.folder, options.version, options.python, options.arch)
    for path in sorted(options.folder.iterdir()):
        print(f"{path.stat().st_size / 2**20:7.1f} MiB  {path.name}")


if __name__ == "__main__":
    main()
