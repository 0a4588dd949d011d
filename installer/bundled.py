"""Libraries of others in the packaged programs that are no Python packages: named for the bill of materials, with licence and hash.

A wheel brings them in its own folder and says little about them. One that is not listed here ends the build: somebody has to look.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installer.filelist import sha256

OURS = ("lnx.dll",)
# pattern of the file's name -> (library, licence as SPDX says it)
KNOWN: dict[str, tuple[str, str]] = {
    "python3*.dll": ("CPython", "Python-2.0"),
    "libcrypto-*.dll": ("OpenSSL", "Apache-2.0"),
    "libssl-*.dll": ("OpenSSL", "Apache-2.0"),
    "libffi-*.dll": ("libffi", "MIT"),
    "sqlite3.dll": ("SQLite", "blessing"),
    "pywintypes*.dll": ("pywin32", "PSF-2.0"),
    "vcruntime140*.dll": ("Microsoft Visual C++ runtime", "LicenseRef-Microsoft-Visual-Cpp-Runtime"),
    "msvcp140*.dll": ("Microsoft Visual C++ runtime", "LicenseRef-Microsoft-Visual-Cpp-Runtime"),
    "arrow*.dll": ("Apache Arrow", "Apache-2.0"),
    "parquet.dll": ("Apache Arrow", "Apache-2.0"),
    "libscipy_openblas64_-*.dll": ("OpenBLAS", "BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1"),
    "opencv_videoio_ffmpeg*.dll": ("FFmpeg of OpenCV", "LGPL-2.1-or-later"),
    **{
        f"{name}-*.dll": ("FFmpeg of PyAV", "LGPL-3.0-or-later")
        for name in ("avcodec", "avdevice", "avfilter", "avformat", "avutil", "swresample", "swscale")
    },
    "libx264-*.dll": ("x264", "GPL-2.0-or-later"),
    "libx265-*.dll": ("x265", "GPL-2.0-or-later"),
    "libSvtAv1Enc-*.dll": ("SVT-AV1", "BSD-3-Clause-Clear"),
    "libdav1d-*.dll": ("dav1d", "BSD-2-Clause"),
    "libvpx-*.dll": ("libvpx", "BSD-3-Clause"),
    "libvpl-*.dll": ("Intel VPL", "MIT"),
    "libopus-*.dll": ("Opus", "BSD-3-Clause"),
    "libmp3lame-*.dll": ("LAME", "LGPL-2.0-or-later"),
    "libopencore-amr*.dll": ("OpenCORE AMR", "Apache-2.0"),
    "libwebp*.dll": ("libwebp", "BSD-3-Clause"),
    "libsharpyuv-*.dll": ("libwebp", "BSD-3-Clause"),
    "libiconv-*.dll": ("GNU libiconv", "LGPL-2.1-or-later"),
    "libgcc_s_seh-*.dll": ("GCC runtime", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "libstdc++-*.dll": ("GCC runtime", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "libwinpthread-*.dll": ("mingw-w64 winpthreads", "MIT AND BSD-3-Clause-Clear"),
    "zlib1-*.dll": ("zlib", "Zlib"),
}
BOOTLOADER = "GPL-2.0-or-later WITH Bootloader-exception"


def libraries(programs: Path) -> Iterator[dict[str, Any]]:
    """A CycloneDX component for each library of others in the folder of the packaged programs, and one for PyInstaller's start-up code."""
    unknown = []
    for path in sorted(programs.rglob("*.dll")):
        if path.name in OURS:
            continue
        known = next((told for pattern, told in KNOWN.items() if fnmatch.fnmatchcase(path.name, pattern)), None)
        if known is None:
            unknown.append(path.name)
            continue
        place = path.relative_to(programs).as_posix()
        yield {
            "type": "file",
            "bom-ref": f"file:lnx-edge/{place}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": sha256(path)}],
            "licenses": [{"expression": known[1]}],
            "description": f"{known[0]}, at lnx-edge/{place}",
        }
    if unknown:
        sys.exit(f"nobody has said what these libraries are and under which licence (installer/bundled.py): {', '.join(unknown)}")
    yield {
        "type": "library",
        "bom-ref": "pyinstaller-bootloader",
        "name": "PyInstaller bootloader",
        "licenses": [{"license": {"name": BOOTLOADER}}],
        "description": "the start of lnx.exe, lnx-agent.exe and lnx-collector.exe",
    }


def packages(programs: Path) -> list[str]:
    """Names of the Python packages that are inside, as their own metadata in the folder tells."""
    return sorted(path.name.split("-")[0].replace("_", "-").lower() for path in programs.glob("_internal/*.dist-info"))
