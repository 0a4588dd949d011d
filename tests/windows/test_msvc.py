"""What a Visual Studio user needs: headers that survive windows.h, the same structs, an import library that Microsoft's ABI links."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.dev import windows
from tools.dev.machine import ROOT
from tools.dev.wine import Wine

from .conftest import MSVC, Model, msvc_with_headers, results, settings

INCLUDE = ROOT / "native/include"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{INCLUDE}"]
# What the Windows SDK defines for C++ too, unlike mingw-w64; and names that many a header trips over.
SDK_MACROS = """
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define small char
#define interface struct
#define IN
#define OUT
#define OPTIONAL
#define ERROR 0
"""
STANDARD_HEADERS = "#include <cstdint>\n#include <stdexcept>\n#include <string>\n#include <utility>\n#include <vector>\n"


def compile_text(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("order", ["before", "after", "both"])
@pytest.mark.parametrize("standard", ["c99", "c11", "c++14", "c++17", "c++20"])
def test_headers_stand_beside_windows_h(standard: str, order: str) -> None:
    plus = standard.startswith("c++")
    header = "lnx/lnx.hpp" if plus else "lnx/lnx.h"
    parts = [
        "#include <windows.h>" if order != "after" else "",
        f'#include "{header}"',
        "#include <windows.h>" if order != "before" else "",
    ]
    words = [f"-std={standard}", "-DUNICODE", "-D_UNICODE", *STRICT, "-fsyntax-only", "-xc++" if plus else "-xc", "-"]
    text = "\n".join(parts) + "\nint unused;\n"
    compile_text(["x86_64-w64-mingw32-g++-posix" if plus else "x86_64-w64-mingw32-gcc-posix", *words], text)
    compile_text(["clang-19", "--target=x86_64-w64-mingw32", "-fms-extensions", *words], text)


@pytest.mark.parametrize("standard", ["c++14", "c++17", "c++20"])
def test_headers_stand_the_macros_of_the_windows_sdk(standard: str) -> None:
    text = f'{STANDARD_HEADERS}{SDK_MACROS}\n#include "lnx/lnx.hpp"\nvoid use(lnx::Session& s) {{ s.Wait(); }}\n'
    compile_text(["x86_64-w64-mingw32-g++-posix", f"-std={standard}", *STRICT, "-fsyntax-only", "-xc++", "-"], text)


@pytest.mark.parametrize("standard", ["c99", "c11", "c++14", "c++17", "c++20"])
def test_the_c_header_is_clean_in_msvc_mode(standard: str) -> None:
    words = [f"-std={standard}", "-ffreestanding", *STRICT, "-fsyntax-only", "-xc++" if "+" in standard else "-xc", "-"]
    compile_text(["clang-19", *MSVC, *words], f'{SDK_MACROS}\n#include "lnx/lnx.h"\nint unused;\n')


@pytest.mark.parametrize("standard", ["c++14", "c++17", "c++20"])
def test_the_c_plus_plus_header_is_clean_in_msvc_mode(standard: str) -> None:
    words = [f"-std={standard}", *STRICT, "-fsyntax-only", "-xc++", "-"]
    use = "void use(lnx::Session& s) { s.Run(lnx::Image(nullptr, 1, 1, LNX_PIXEL_BGR8)); }"
    text = f'{STANDARD_HEADERS}{SDK_MACROS}\n#include "lnx/lnx.hpp"\n{use}\n'
    compile_text(["clang-19", *msvc_with_headers(), *words], text)


def test_structs_are_the_same_for_both_abis(tmp_path: Path) -> None:
    header = (INCLUDE / "lnx/lnx.h").read_text(encoding="utf-8")
    names = re.findall(r"^typedef struct (Lnx\w+) \{", header, re.MULTILINE)
    assert len(names) > 15
    source = tmp_path / "structs.cpp"
    source.write_text('#include "lnx/lnx.h"\nunsigned long long n = ' + " + ".join(f"sizeof({name})" for name in names) + ";\n")

    def layout(target: str) -> list[str]:
        command = [
            "clang++-19",
            f"--target={target}",
            "-ffreestanding",
            f"-I{INCLUDE}",
            "-Xclang",
            "-fdump-record-layouts",
            "-fsyntax-only",
        ]
        dumped = subprocess.run([*command, source], capture_output=True, text=True, check=True).stdout
        return [re.sub(r"struct ", "", line) for line in dumped.splitlines() if re.match(r"\s+\d+ \|", line)]

    assert len(layout("x86_64-pc-windows-msvc")) > 150
    assert layout("x86_64-pc-windows-msvc") == layout("x86_64-w64-mingw32")


@pytest.fixture(scope="module")
def msvc_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """native/tests/windows/msvc_user.cpp, compiled for Microsoft's ABI and linked by LLVM's link.exe."""
    folder = tmp_path_factory.mktemp("msvc")
    functions = ["GetStdHandle", "WriteFile", "ExitProcess", "GetEnvironmentVariableW", "WideCharToMultiByte"]
    (folder / "kernel32.def").write_text("LIBRARY kernel32.dll\nEXPORTS\n" + "\n".join(functions) + "\n")
    kernel = ["llvm-dlltool-19", "-m", "i386:x86-64", "-d", folder / "kernel32.def", "-D", "kernel32.dll", "-l", folder / "kernel32.lib"]
    subprocess.run(kernel, check=True)
    source = ROOT / "native/tests/windows/msvc_user.cpp"
    options = ["-std=c++17", "-O1", "-fno-stack-protector", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}"]
    subprocess.run(["clang++-19", *MSVC, *options, "-c", source, "-o", folder / "user.obj"], check=True)
    link = ["lld-link-19", "/nologo", "/subsystem:console", "/entry:entry", "/nodefaultlib", f"/out:{folder / 'user.exe'}"]
    subprocess.run([*link, folder / "user.obj", windows.BUILD / "native/lnx.lib", folder / "kernel32.lib"], check=True)
    return folder / "user.exe"


def test_a_program_of_microsofts_abi_runs_with_our_import_library(msvc_program: Path, korean: Wine, installed: Path, model: Model) -> None:
    program = installed / "msvc 사용자.exe"
    program.write_bytes(msvc_program.read_bytes())
    done = korean.run(program, env=settings(model=model))
    assert done.returncode == 0, done.stdout
    (line,) = results(done.stdout)
    told = json.loads(line)
    assert told["image"] == {"width": 256, "height": 256} and told["verdict"] in ("OK", "NG", "REVIEW")


def test_it_gets_the_whole_text_of_an_error(msvc_program: Path, korean: Wine, installed: Path, model: Model) -> None:
    program = installed / "msvc 사용자.exe"
    program.write_bytes(msvc_program.read_bytes())
    done = korean.run(program, env={**settings(), "LNX_TEST_MODEL": "C:\\없는 모델.lnx", "LNX_TEST_KEY": ""})
    assert done.returncode == 1
    assert "LNX-" in done.stdout and "docs/errors/" in done.stdout
