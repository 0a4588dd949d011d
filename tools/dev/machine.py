"""Brings a machine to the point where the project builds: system packages, the virtual environment, ONNX Runtime versions.

Invariants: system packages are installed only as root on a Debian-like system, otherwise the line to run is printed and the
command ends; nothing outside .venv, .cache and build is written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

BUILD_PACKAGES = ("g++", "cmake", "ninja-build", "nlohmann-json3-dev", "libssl-dev", "python3-dev", "python3-venv")
BUILD_REQUIREMENTS = ("setuptools>=77", "pybind11>=3.0")  # of pyproject.toml; CMake and Ninja come with BUILD_PACKAGES
TEST_PACKAGES = (
    "googletest",
    "openssl",
    "clang-19",
    "clang-tidy-19",
    "clang-format-19",
    "lld-19",
    "libclang-rt-19-dev",
    "libopencv-core-dev",
    "libopencv-imgproc-dev",
    "libopencv-imgcodecs-dev",
)

# Programs that we did not write, which the tests start and talk to. One line per area of tests/.
PEER_PACKAGES: dict[str, tuple[str, ...]] = {
    "ocr": ("fonts-dejavu-core", "fonts-nanum"),
    "collector": ("libmodbus-dev", "mbpoll", "mosquitto", "postgresql", "socat"),
    "agent": ("faketime", "mosquitto", "openssl", "systemd", "util-linux"),
    "licensing": (
        "pcscd",
        "vsmartcard-vpcd",
        "libccid",
        "libpcsclite-dev",
        "opensc",
        "yubico-piv-tool",
        "yubikey-manager",
        "umockdev",
        "gir1.2-umockdev-1.0",
        "python3-gi",
        "python3-cryptography",
        "libusb-1.0-0",
        "strace",
        "swig",  # pyscard comes as source for Linux
    ),
    "windows": (
        "g++-mingw-w64-x86-64-posix",
        "binutils-mingw-w64-x86-64",
        "mingw-w64-tools",
        "wine",
        "wine64",
        "llvm-19",
        "locales",
        "osslsigncode",
        "mono-mcs",
        "mono-runtime",
        "libmono-system-core4.0-cil",
    ),
}

# What `dev.py package` needs beside the tools of the Windows tests.
PACKAGE_PACKAGES = ("dpkg-dev", "nsis", "zstd")

# Makes the Debian 13 in a folder whose Wine 10 runs licences and dongles (tools/dev/wine_chroot.py).
WINE10_PACKAGES = ("debootstrap", "util-linux")

# What only the slow tests of `dev.py nightly` need: a photograph of 12 megapixels, the library that exports ConvNeXt, an RTSP server,
# a display for the pages of the setup program.
NIGHTLY_PACKAGES = (
    *WINE10_PACKAGES,
    "lomiri-wallpapers-16.04",
    "python3-torch",
    "python3-torchvision",
    "xvfb",
    "fonts-nanum",
    "gir1.2-gst-rtsp-server-1.0",
    "gstreamer1.0-plugins-good",
    "python3-gi",
)

# Environments of `dev.py parity`: groups of packages, installed one after the other; a group may begin with options of pip.
PARITY: dict[str, tuple[tuple[str, ...], ...]] = {
    "parity-venv": (
        ("torch==2.13.0", "torchvision==0.28.0", "timm==1.0.31", "transformers==5.23.0", "effdet==0.4.1", "anomalib==2.7.0"),
        ("pillow==11.3.0",),  # docs/decisions/pillow-order.md
        ("openvino==2026.4.1",),  # anomalib's inferencer
        (
            "onnx",
            "onnxruntime==1.31.1",
            "onnxscript",
            "six",
            "psutil",
            "loguru",
            "tabulate",
            "addict",
            "yapf",
            "termcolor",
            "terminaltables",
        ),
        ("--no-deps", "mmengine==0.10.7", "mmdet==3.3.0", "mmcv-lite==2.1.0", "shapely", "platformdirs", "thop", "psutil"),
        ("--no-deps", "--no-build-isolation", "yolox==0.3.0"),
    ),
    "paddle-venv": (
        ("paddlepaddle", "opencv-python-headless", "onnx", "onnxruntime==1.31.1", "pyyaml", "scipy", "matplotlib", "pycocotools"),
        ("requests", "shapely", "tqdm", "typeguard", "six", "scikit-learn", "pandas"),
        ("--no-deps", "paddledet==2.6.0"),
    ),
    # The exporter of PaddleDetection 2.6 fails on programs of Paddle 3.
    "paddle-export-venv": (
        ("paddlepaddle==2.6.2", "numpy==1.26.4", "opencv-python-headless==4.11.0.86", "onnx==1.17.0", "onnxruntime==1.23.2"),
        ("pyyaml", "scipy", "matplotlib", "pycocotools", "pandas", "requests", "shapely", "tqdm", "typeguard", "six", "scikit-learn"),
        ("--no-deps", "paddledet==2.6.0", "paddle2onnx==1.3.1"),
    ),
}

RUNTIMES = ("1.31.1", "1.26.0")  # ONNX Runtime versions that the product is tested with; the first is the default


def say(text: str) -> None:
    """One line of progress on stderr, so that stdout stays for results."""
    print(f"\033[1m== {text}\033[0m" if sys.stderr.isatty() else f"== {text}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
    """Runs a command and ends the program with its exit status when it fails."""
    words = [str(word) for word in command]
    finished = subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}, check=False)
    if finished.returncode != 0:
        say(f"failed with status {finished.returncode}: {' '.join(words)}")
        sys.exit(finished.returncode if finished.returncode > 0 else 1)


def system_packages(names: Sequence[str]) -> None:
    """Installs Debian packages that are missing, or prints the line that does."""
    if os.name == "nt":
        if shutil.which("cmake") is None:
            sys.exit(
                "CMake was not found. Install Visual Studio 2022 with 'Desktop development with C++', then run this again "
                "in its 'x64 Native Tools Command Prompt'."
            )
        return
    if shutil.which("dpkg-query") is None:
        say("not a Debian-like system; needed are the equivalents of: " + " ".join(names))
        return
    missing = [name for name in names if not _installed(name)]
    if not missing:
        return
    line = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        sys.exit("Packages are missing. Run this once, then the command again:\n  sudo " + " ".join(line))
    say("installing " + " ".join(missing))
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=quiet)
    run([*line, "-qq", "-o", "DPkg::Lock::Timeout=600"], env=quiet)


def _installed(name: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${Status}", name]
    found = subprocess.run(query, capture_output=True, text=True, check=False)
    return found.returncode == 0 and "install ok installed" in found.stdout


def environment(extras: str) -> None:
    """Makes .venv and installs the project into it, building the core. extras: "cpu" or "cpu,dev".

    The core is built in the folder of the preset `release`, so that the tests do not build it a second time. This is why the
    build requirements are installed into .venv and not into an environment of their own.
    """
    pip = [PYTHON, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt"]
    if not PYTHON.exists():
        say("making .venv")
        venv.create(VENV, with_pip=True)
        run([*pip, "--upgrade", "pip"])
    run([*pip, *BUILD_REQUIREMENTS])
    say("building the core and installing the Python package (a minute or two the first time)")
    run([*pip, "--no-build-isolation", "-e", f"{ROOT}[{extras}]"], env={"LNX_BUILD_DIR": str(ROOT / "build/release")})


def side_environment(name: str, groups: Sequence[Sequence[str]]) -> None:
    """Makes an environment under .cache with other people's packages, once."""
    folder = CACHE / name
    if (folder / "ready").exists():
        return
    say(f"making .cache/{name} (this downloads several GB)")
    if not folder.exists():
        venv.create(folder, with_pip=True)
    python = folder / PYTHON.relative_to(VENV)
    for group in groups:
        run([python, "-m", "pip", "install", "-q", *group])
    (folder / "ready").touch()


def runtime_folder(version: str) -> Path:
    """The folder of one ONNX Runtime version, installed beside the environment when it is not there yet."""
    target = CACHE / f"ort-{version}"
    library_folder = target / "onnxruntime" / "capi"
    if not library_folder.exists():
        say(f"fetching ONNX Runtime {version}")
        run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--target", target, f"onnxruntime=={version}"])
    return library_folder


def configure(preset: str, *, settings: Sequence[str] = ()) -> Path:
    """Configures a preset; returns its build folder."""
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", "")])
    run(["cmake", "--preset", preset, f"-DPython_EXECUTABLE={PYTHON}", "--log-level=WARNING", *settings], env={"PATH": path})
    return ROOT / "build" / preset


def cmake(preset: str, *, targets: Sequence[str] = (), settings: Sequence[str] = ()) -> Path:
    """Configures and builds a preset; returns its build folder."""
    say(f"building preset {preset}")
    build = configure(preset, settings=settings)
    path = os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", "")])
    chosen = ["--target", *targets] if targets else []
    run(["cmake", "--build", build, "-j", str(os.cpu_count() or 2), *chosen], env={"PATH": path})
    return build
