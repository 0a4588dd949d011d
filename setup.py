"""Builds the native core with CMake as part of `pip install` and puts it beside the Python package.

The wheel carries lnx/_core (extension module) and the shared library that it links. An editable install puts them into sdk/lnx.
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
    """Configures, builds and installs the CMake component `python`."""

    def build_extension(self, ext: Extension) -> None:
        import pybind11

        # setuptools wants the module in build_lib in any case; an editable install runs from sdk/, so both go there too.
        targets = [Path(self.build_lib).resolve()]
        if self.inplace or self.editable_mode:
            targets.append(ROOT / "sdk")
        prebuilt = os.environ.get("LNX_PREBUILT")  # a folder with the extension and the library of another system, cross-built
        if prebuilt:
            for path in sorted(Path(prebuilt).iterdir()):
                shutil.copy2(path, targets[0] / "lnx" / path.name)
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
        subprocess.run(["cmake", "--build", str(build), "--config", "Release", "--target", "lnx", "_core", "-j", jobs], check=True)
        for target in targets:
            install = ["cmake", "--install", str(build), "--config", "Release", "--component", "python", "--prefix", str(target)]
            subprocess.run(install, check=True)


class BinaryDistribution(Distribution):
    """The wheel is for one platform, although setuptools sees no C sources."""

    def has_ext_modules(self) -> bool:
        return True


setup(ext_modules=[Extension("lnx._core", sources=[])], cmdclass={"build_ext": CMakeBuild}, distclass=BinaryDistribution)
