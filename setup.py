"""Builds the native core with CMake as part of `pip install` and puts it beside the Python package.

The wheel carries the extension modules lnx/_core, with the shared library that it links, and lnx_agent/_scan. An editable install
puts them into sdk/lnx and agent/lnx_agent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent


class CMakeBuild(build_ext):
    """Configures, builds and installs the CMake components `python` (package lnx) and `agent` (package lnx_agent)."""

    def build_extension(self, ext: Extension) -> None:
        import pybind11

        # setuptools wants the module in build_lib in any case; an editable install runs from sdk/, so both go there too.
        library = Path(self.build_lib).resolve()
        targets = [("python", library), ("agent", library)]
        if self.inplace or self.editable_mode:
            targets += [("python", ROOT / "sdk"), ("agent", ROOT / "agent")]
        prebuilt = os.environ.get("LNX_PREBUILT")  # folders lnx and lnx_agent with what was cross-built for another system
        if prebuilt:
            for path in sorted(Path(prebuilt).glob("*/*")):
                shutil.copy2(path, library / path.parent.name / path.name)
            return
        build = Path(os.environ.get("LNX_BUILD_DIR", ROOT / "build" / f"python-{sys.implementation.cache_tag}")).resolve()
        configure = [
            "cmake",
            "-S",
            str(ROOT),
            "-B",
            str(build),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DLNX_BUILD_PYTHON=ON",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        ]
        if sys.platform != "win32":
            # Named each time: an isolated build brings its own, whose folder is gone afterwards.
            configure += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}"]
        elif os.environ.get("VCPKG_ROOT"):
            toolchain = Path(os.environ["VCPKG_ROOT"]) / "scripts/buildsystems/vcpkg.cmake"
            configure += [f"-DCMAKE_TOOLCHAIN_FILE={toolchain}", "-DVCPKG_TARGET_TRIPLET=x64-windows-static"]
        subprocess.run(configure, check=True)
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 2))
        subprocess.run(["cmake", "--build", str(build), "--config", "Release", "--target", "lnx", "_core", "_scan", "-j", jobs], check=True)
        for component, target in targets:
            install = ["cmake", "--install", str(build), "--config", "Release", "--component", component, "--prefix", str(target)]
            subprocess.run(install, check=True)


class BinaryDistribution(Distribution):
    """The wheel is for one platform, although setuptools sees no C sources."""

    def has_ext_modules(self) -> bool:
        return True


setup(ext_modules=[Extension("lnx._core", sources=[])], cmdclass={"build_ext": CMakeBuild}, distclass=BinaryDistribution)
