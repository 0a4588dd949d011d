"""Which runtime pack the setup chooses, and what it says about the Visual C++ runtime, under Wine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from installer import setup
from tools.dev import wine
from tools.dev.machine import ROOT

from .setup_plant import LONG, OLD, SMALL, Pc

DRIVER = r"""
#include <stdlib.h>
#include <string.h>
#define API __declspec(dllexport) int
static int number(const char* name, int otherwise) { const char* text = getenv(name); return text ? atoi(text) : otherwise; }
#ifdef NVML
API nvmlInit_v2(void) { return 0; }
API nvmlShutdown(void) { return 0; }
API nvmlSystemGetDriverVersion(char* out, unsigned n) {
  const char* text = getenv("FAKE_DRIVER");
  strncpy(out, text ? text : "", n);
  return !text;
}
#else
API cuInit(unsigned flags) { return (int)flags; }
API cuDriverGetVersion(int* out) { *out = number("FAKE_CUDA", 0); return 0; }
API cuDeviceGetCount(int* out) { *out = 1; return 0; }
API cuDeviceGet(int* out, int i) { *out = i; return 0; }
API cuDeviceGetName(char* out, int n, int d) { strncpy(out, "RTX", (size_t)n + (size_t)d); return 0; }
API cuDeviceGetAttribute(int* out, int which, int d) { (void)d; *out = number(which == 75 ? "FAKE_MAJOR" : "FAKE_MINOR", 0); return 0; }
API cuDeviceTotalMem_v2(size_t* out, int d) { (void)d; *out = 8u << 20; return 0; }
#endif
"""


def driver_source() -> str:
    """The driver that answers, and the rest of the functions that a driver must have, which nobody calls here."""
    named = re.findall(r'"(cu\w+)"', (ROOT / "native/src/runtime/cuda/driver_functions.inc").read_text(encoding="utf-8"))
    rest = "\n".join(f"API {name}(void) {{ return 801; }}" for name in named if f"API {name}(" not in DRIVER)
    return f"{DRIVER}\n#ifndef NVML\n{rest}\n#endif\n"


@pytest.mark.parametrize(
    ("driver", "cuda", "capability", "pack"),
    [
        ("527.41", "12000", "8.6", "cu12"),
        ("566.36", "12070", "12.0", "cpu"),
        pytest.param("522.06", "11080", "8.6", "cpu", marks=pytest.mark.slow),
        pytest.param("570.65", "12080", "12.0", "cu12", marks=pytest.mark.slow),
        pytest.param("580.88", "13000", "12.0", "cu13", marks=pytest.mark.slow),
    ],
)
def test_the_pack_follows_what_the_driver_says(shared_pc: Pc, driver: str, cuda: str, capability: str, pack: str) -> None:
    """nvcuda.dll and nvml.dll with the driver's own functions, which answer as told: no machine of ours has an NVIDIA card and Windows."""
    files = {"nvcuda.dll": [], "nvml.dll": ["-DNVML"]}
    try:
        for name, words in files.items():
            target = shared_pc.wine.system32 / name
            compiler = ["x86_64-w64-mingw32-gcc-posix", "-shared", "-xc", "-", *words, "-o", f"{target}.new"]
            subprocess.run(compiler, input=driver_source(), text=True, check=True)
            Path(f"{target}.new").replace(target)
        major, minor = capability.split(".")
        told = {"FAKE_DRIVER": driver, "FAKE_CUDA": cuda, "FAKE_MAJOR": major, "FAKE_MINOR": minor}
        env = {**shared_pc.environment, **told, "WINEDLLOVERRIDES": wine.OVERRIDES + ";nvcuda=n;nvml=n"}
        result = shared_pc.wine.prefix / "drive_c/result.ini"
        shared_pc.wine.run(setup.STEP, "--result", "C:\\result.ini", "choose-pack", "cpu", "cu12", "cu13", env=env, timeout=LONG)
        text = result.read_bytes().decode("utf-16")
        assert f"code={pack}" in text, text
        if pack == "cpu":
            assert driver in text and ("527.41" in text or "570.65" in text), text
        done = shared_pc.wine.run(setup.STEP, "--result", "C:\\result.ini", "serves", "cu12", env=env, timeout=LONG)
        assert (done.returncode == 0) == (pack != "cpu")
    finally:
        for name in files:
            (shared_pc.wine.system32 / name).unlink(missing_ok=True)


RESOURCE = """
1 VERSIONINFO
FILEVERSION 14,{minor},0,0
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904B0" BEGIN VALUE "FileVersion", "14.{minor}" END
  END
END
"""
VC_REDIST = r"""
#include <windows.h>
#include <stdio.h>
/* Puts the newer runtime that lies beside it into Windows and writes down how it was asked. */
int wmain(int count, wchar_t** words) {
  FILE* told = fopen("C:\\vc_redist.txt", "w");
  for (int i = 1; i < count; ++i) fprintf(told, "%ls ", words[i]);
  fclose(told);
  return !CopyFileW(L"C:\\newer.dll", L"C:\\windows\\system32\\msvcp140.dll", FALSE);
}
"""


def runtime_of(minor: int, target: Path, folder: Path) -> None:
    """A library that says of itself that it is the Visual C++ runtime 14.minor."""
    resource = folder / f"{minor}.o"
    windres = ["x86_64-w64-mingw32-windres", "-O", "coff", "-o", str(resource)]
    subprocess.run(windres, input=RESOURCE.format(minor=minor), text=True, check=True)
    target.unlink(missing_ok=True)  # a link to the other prefix's
    compiler = ["x86_64-w64-mingw32-gcc-posix", "-shared", "-xc", "-", "-xnone", str(resource), "-o", str(target)]
    subprocess.run(compiler, input="int one(void) { return 1; }", text=True, check=True)


def test_an_old_visual_cpp_runtime_is_told_and_brought_up_to_date_when_its_setup_lies_beside(
    pc_with_old: Pc, setups: dict[str, Path], tmp_path: Path
) -> None:
    pc = pc_with_old
    library = pc.wine.system32 / "msvcp140.dll"
    before = library.read_bytes() if library.exists() else None
    pc.settings["WINEDLLOVERRIDES"] = wine.OVERRIDES + ";msvcp140=n"  # the file, not Wine's own
    try:
        runtime_of(29, library, tmp_path)
        status, told = pc.step("vcruntime")
        assert (status, told["code"], told["version"]) == (1, "too-old", "14.29.0")
        runtime_of(44, pc.wine.prefix / "drive_c/newer.dll", tmp_path)
        beside = tmp_path / "설치"
        beside.mkdir()
        program = beside / setups[OLD].name
        shutil.copyfile(setups[OLD], program)
        compiler = ["x86_64-w64-mingw32-gcc-posix", "-municode", "-xc", "-", "-o", str(beside / "vc_redist.x64.exe")]
        subprocess.run(compiler, input=VC_REDIST, text=True, check=True)
        assert pc.setup(program, SMALL) == 0, pc.logged()
        assert (pc.wine.prefix / "drive_c/vc_redist.txt").read_text("ascii").split() == ["/install", "/quiet", "/norestart"]
        assert pc.step("vcruntime")[1]["code"] == "new-enough"
    finally:
        pc.settings.clear()
        library.unlink(missing_ok=True)
        if before is not None:
            library.write_bytes(before)
