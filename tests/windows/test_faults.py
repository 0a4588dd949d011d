"""What goes wrong on factory PCs, each with its documented error: the runtime, its dependencies, paths, names, and mixed builds."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lnx.container import FamilyRecipient, load_family_keys, load_signing_key, new_container_key, new_family_key
from lnx.pack import pack

from tools.demo import LABELS, MODEL, OPTIONS
from tools.dev import windows, windows_assets
from tools.dev.machine import ROOT
from tools.dev.wine import OVERRIDES, Wine, windows_path

from .conftest import NEWEST, Model, results, settings

SCRIPT = Path(__file__).parent / "on_windows/open_model.py"
GCC = "x86_64-w64-mingw32-gcc-posix"
OLD_RUNTIME = """
#include <stddef.h>
#include <stdint.h>
static const void* none(uint32_t v) { (void)v; return NULL; }
static const char* version(void) { return "1.10.0"; }
struct Base { const void* (*get)(uint32_t); const char* (*version)(void); };
__declspec(dllexport) const struct Base* OrtGetApiBase(void) { static const struct Base base = {none, version}; return &base; }
"""


def opened(wine: Wine, model: Model, runtime: Path | str | None, **env: str) -> dict[str, Any]:
    """Runs open_model.py in Windows CPython; runtime None = what the library finds by itself."""
    given = settings(model=model) | env
    del given["LNX_RUNTIME_DIR"]
    if runtime is not None:
        given["LNX_TEST_RUNTIME"] = windows_path(runtime) if isinstance(runtime, Path) else runtime
    done = wine.run(windows_assets.CPYTHON / "python.exe", SCRIPT, env=given)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def compile_dll(source: str, output: Path, *words: str) -> None:
    subprocess.run([GCC, "-shared", "-xc", "-", "-o", str(output), *words], input=source, text=True, check=True)


def folder_with(tmp_path: Path, content: bytes) -> Path:
    folder = tmp_path / "런타임"
    folder.mkdir()
    (folder / "onnxruntime.dll").write_bytes(content)
    return folder


def test_no_runtime_at_all(korean: Wine, model: Model, tmp_path: Path) -> None:
    told = opened(korean, model, tmp_path)
    assert told["status"] == 401 and tmp_path.name in told["text"]


def test_a_runtime_for_32_bit_windows(korean: Wine, model: Model, tmp_path: Path) -> None:
    image = bytearray(1024)
    image[:2], image[60:64], image[0x80:0x84] = b"MZ", struct.pack("<I", 0x80), b"PE\0\0"
    struct.pack_into("<HHIIIHH", image, 0x84, 0x14C, 0, 0, 0, 0, 224, 0x2102)
    told = opened(korean, model, folder_with(tmp_path, bytes(image)))
    assert told["status"] == 404 and "PE x86" in told["text"]


def test_a_text_file_and_a_damaged_copy(korean: Wine, model: Model, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"hello")
    assert opened(korean, model, folder)["status"] == 405
    whole = (windows_assets.runtime_folder(NEWEST) / "onnxruntime.dll").read_bytes()
    (folder / "onnxruntime.dll").write_bytes(whole[:100_000])
    assert opened(korean, model, folder)["status"] == 402


@pytest.fixture
def old_copy(korean: Wine) -> Iterator[Path]:
    """onnxruntime.dll 1.10 in System32, as Windows and other programs leave it there."""
    path = korean.system32 / "onnxruntime.dll"
    compile_dll(OLD_RUNTIME, path)
    yield path
    path.unlink()


def test_the_old_copy_in_system32_is_never_picked_up(old_copy: Path, korean: Wine, model: Model) -> None:
    good = windows_assets.runtime_folder(NEWEST)
    told = opened(korean, model, good, LNX_TEST_LOAD_FIRST="C:\\windows\\system32\\onnxruntime.dll")
    assert told["status"] == 0, told["text"]
    assert told["runtime"] == windows_path(good / "onnxruntime.dll")
    asked_for = opened(korean, model, "C:\\windows\\system32")
    assert asked_for["status"] == 403 and "1.10.0" in asked_for["text"]


def test_a_missing_visual_c_runtime_is_named(korean: Wine, installed: Path, model: Model, parts: Path) -> None:
    without = {"WINEDLLOVERRIDES": f"{OVERRIDES};msvcp140_1=;vcruntime140_1="}
    picture = sorted(parts.iterdir())[0]
    done = korean.run(installed / "inspect_c.exe", model.path, picture, model.key, env=settings() | without)
    assert done.returncode == 1
    assert "LNX-402" in done.stderr and "(Visual C++ 2015-2022 runtime)" in done.stderr
    missing = done.stderr.lower().split("; missing ")[1].splitlines()[0]
    assert "140_1.dll" in missing and "kernel32" not in missing


def test_a_visual_c_runtime_in_which_onnxruntime_would_crash_is_refused(korean: Wine, model: Model, tmp_path: Path) -> None:
    """Beside the runtime lies a msvcp140.dll that says it is of Visual Studio 2019."""
    folder = tmp_path / "옛 런타임"
    shutil.copytree(windows_assets.runtime_folder(NEWEST), folder)
    resource = tmp_path / "version.o"
    script = '1 VERSIONINFO FILEVERSION 14,22,27821,0 BEGIN BLOCK "VarFileInfo" BEGIN VALUE "Translation", 0x409, 1200 END END'
    subprocess.run(["x86_64-w64-mingw32-windres", "-O", "coff", "-o", resource], input=script, text=True, check=True)
    compile_dll("int unused;", folder / "msvcp140.dll", "-xnone", str(resource))
    as_windows = {"WINEDLLOVERRIDES": f"{OVERRIDES};msvcp140=n"}  # Wine would take its own
    told = opened(korean, model, folder, **as_windows)
    assert told["status"] == 402 and "14.22.27821.0" in told["text"] and "14.40 or later" in told["text"]


def test_missing_cuda_and_cudnn_libraries_are_named(korean: Wine, model: Model, tmp_path: Path) -> None:
    """The provider's import table names five libraries; two lie beside it."""
    folder = tmp_path / "GPU 런타임"
    shutil.copytree(windows_assets.runtime_folder(NEWEST), folder)
    needed = ["cublasLt64_13.dll", "cublas64_13.dll", "cudnn64_9.dll", "cufft64_12.dll", "cudart64_13.dll"]
    imports = []
    for i, name in enumerate(needed):
        compile_dll(f"__declspec(dllexport) int f{i}(void) {{ return {i}; }}", tmp_path / name, f"-Wl,--out-implib,{tmp_path}/{i}.a")
        imports.append(str(tmp_path / f"{i}.a"))
    calls = "".join(f"__declspec(dllimport) int f{i}(void);" for i in range(len(needed)))
    body = " + ".join(f"f{i}()" for i in range(len(needed)))
    source = f"{calls} __declspec(dllexport) int use(void) {{ return {body}; }}"
    (tmp_path / "provider.c").write_text(source)
    subprocess.run([GCC, "-shared", tmp_path / "provider.c", "-o", folder / "onnxruntime_providers_cuda.dll", *imports], check=True)
    for name in needed[:2]:
        shutil.copy(tmp_path / name, folder)
    told = opened(korean, model, folder, LNX_TEST_DOCTOR="1")
    assert told["status"] == 0, "the CPU works without them"
    assert sorted(told["doctor"]["missing"]) == sorted(needed[2:])


def test_a_gpu_that_is_not_there_is_an_error_and_never_the_cpu(korean: Wine, model: Model) -> None:
    told = opened(korean, model, windows_assets.runtime_folder(NEWEST), LNX_TEST_DEVICE="cuda:0")
    assert told["status"] == 412 and "no NVIDIA driver" in told["text"] and "docs/errors/LNX-412.md" in told["text"]


FALSE_WINSCARD = """
#include <windows.h>
BOOL WINAPI DllMain(HINSTANCE own, DWORD reason, LPVOID reserved) {
  (void)own; (void)reserved;
  if (reason == DLL_PROCESS_ATTACH) CloseHandle(CreateFileA("was-loaded", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
  return TRUE;
}
"""
CARELESS = """
#include <windows.h>
int main(void) { return LoadLibraryA("winscard.dll") == NULL; }
"""


def test_a_false_winscard_beside_the_program_is_never_loaded(korean: Wine, installed: Path, parts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "프로그램"
    folder.mkdir()
    compile_dll(FALSE_WINSCARD, folder / "winscard.dll")
    for name in ("inspect_c.exe", "lnx.dll"):
        shutil.copy(installed / name, folder)
    private, public = new_container_key(tmp_path, "supplier")
    family = load_family_keys(new_family_key(tmp_path, "fam-2026A"))[0]
    signing = load_signing_key(private)
    needs_licence = folder / "용접.lnx"
    pack(
        MODEL,
        needs_licence,
        preset="segmentation",
        labels=LABELS,
        options=OPTIONS,
        signing_key=signing,
        recipients=[FamilyRecipient(*family)],
    )
    as_windows = {"WINEDLLOVERRIDES": f"{OVERRIDES};winscard=n,b"}  # the folder of the program comes first, as on Windows
    words = (needs_licence, sorted(parts.iterdir())[0], public)
    done = korean.run(folder / "inspect_c.exe", *words, env=settings() | as_windows, cwd=folder)
    assert "LNX-301" in done.stderr and "the tokens" in done.stderr, "the core looked for a licence on the tokens"
    assert not (folder / "was-loaded").exists()
    source = tmp_path / "careless.c"
    source.write_text(CARELESS)
    subprocess.run([GCC, source, "-o", folder / "careless.exe"], check=True)
    assert korean.run(folder / "careless.exe", cwd=folder, env=as_windows).returncode == 0
    assert (folder / "was-loaded").exists(), "a program that loads it by its bare name falls for it"


def test_a_user_with_a_korean_name(korean: Wine, model: Model) -> None:
    home = korean.prefix / "drive_c/users/홍길동"
    events = home / "AppData/Local/LNX 이벤트"
    events.mkdir(parents=True, exist_ok=True)
    inside = "C:\\users\\홍길동"
    names = {"USERPROFILE": inside, "TEMP": f"{inside}\\Temp", "LOCALAPPDATA": f"{inside}\\AppData\\Local"}
    told = opened(korean, model, windows_assets.runtime_folder(NEWEST), **names, LNX_EVENT_DIR=f"{inside}\\AppData\\Local\\LNX 이벤트")
    assert told["status"] == 0, told["text"]
    lines = [json.loads(line) for path in events.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    shutil.rmtree(home)
    assert "lnx.session.start" in [line["event"] for line in lines]


def test_paths_beyond_260_characters(korean: Wine, model: Model, tmp_path: Path) -> None:
    deep = tmp_path
    while len(str(deep)) < 420:
        deep = deep / ("아주 긴 폴더 이름 " * 3).strip()
    deep.mkdir(parents=True)
    far = Model(Path(shutil.copy(model.path, deep / "모델.lnx")), Path(shutil.copy(model.key, deep / "열쇠.pem")))
    told = opened(korean, far, windows_assets.runtime_folder(NEWEST), LNX_EVENT_DIR=windows_path(deep / "이벤트"))
    assert told["status"] == 0, told["text"]
    assert list((deep / "이벤트").glob("*.jsonl"))
    shutil.copytree(windows_assets.runtime_folder(NEWEST), deep / "런타임")
    assert opened(korean, far, deep / "런타임")["status"] == 0


def test_a_debug_host_links_the_release_library(korean: Wine, installed: Path, model: Model, parts: Path) -> None:
    """No object of a C++ library crosses the border, so the host's debug containers (another layout) do no harm."""
    output = installed / "debug_host.exe"
    source = ROOT / "examples/cpp/inspect_folder.cpp"
    debug = ["-O0", "-g", "-D_DEBUG", "-D_GLIBCXX_DEBUG", "-D_GLIBCXX_DEBUG_PEDANTIC", "-std=c++17", f"-I{ROOT / 'native/include'}"]
    link = ["-static", "-municode", str(windows.BUILD / "native/lnx.lib")]
    subprocess.run(["x86_64-w64-mingw32-g++-posix", *debug, str(source), "-o", str(output), *link], check=True)
    words = (model.path, parts, model.key)
    done = korean.run(output, *words, env=settings(), timeout=180)
    assert done.returncode == 0, done.stderr
    assert results(done.stdout) == results(korean.run(installed / "inspect_folder_cpp.exe", *words, env=settings(), check=True).stdout)
