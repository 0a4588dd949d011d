"""The MFC sample: worker, camera and overlay run under Wine; what needs MFC is compiled against its documented declarations."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import lnx
import numpy as np
import pytest
from lnx import attribution

from tools.dev.machine import ROOT
from tools.dev.wine import Wine

from .conftest import Model, msvc_with_headers, results, settings

SAMPLE = ROOT / "examples/mfc"
DECLARED = Path(__file__).parent / "mfc_headers"
STRICT = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
DEFINED = ["-DUNICODE", "-D_UNICODE", "-DNOMINMAX", "-D_WIN32_WINNT=0x0A00"]
NAMESPACE = {"m": "http://schemas.microsoft.com/developer/msbuild/2003"}


def compiled(source: Path, *folders: Path) -> subprocess.CompletedProcess[str]:
    include = [f"-I{folder}" for folder in (*folders, SAMPLE, ROOT / "native/include")]
    clang = ["clang++-19", *msvc_with_headers(), *STRICT]
    return subprocess.run([*clang, *DEFINED, *include, "-isystem", DECLARED, source], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLE.glob("*.cpp")))
def test_it_compiles_in_msvc_mode_against_the_documented_declarations_of_mfc(name: str) -> None:
    done = compiled(SAMPLE / name)
    assert done.returncode == 0, done.stderr


def test_a_handler_with_a_wrong_signature_would_not_compile(tmp_path: Path) -> None:
    for name in ("InspectDlg.h", "InspectDlg.cpp"):
        text = (SAMPLE / name).read_text("utf-8")
        assert "OnInspected(WPARAM, LPARAM message)" in text
        (tmp_path / name).write_text(
            text.replace("OnInspected(WPARAM, LPARAM message)", "OnInspected(WPARAM, const void* message)"), "utf-8"
        )
    done = compiled(tmp_path / "InspectDlg.cpp", tmp_path)
    assert done.returncode != 0 and "static_cast" in done.stderr


def test_the_dialog_has_every_control_that_the_sources_name(tmp_path: Path) -> None:
    used = set(re.findall(r"\bID[CD]_\w+", (SAMPLE / "InspectDlg.cpp").read_text("utf-8")))
    declared = set(re.findall(r"#define (ID[CD]_\w+)", (SAMPLE / "resource.h").read_text("utf-8")))
    placed = set(re.findall(r"\bID[CD]_\w+", (SAMPLE / "Inspect.rc").read_text("utf-8")))
    assert used <= declared == placed
    windres = ["x86_64-w64-mingw32-windres", f"-I{SAMPLE}", SAMPLE / "Inspect.rc", "-O", "coff", "-o", tmp_path / "resources.o"]
    subprocess.run(windres, check=True)
    resources = (tmp_path / "resources.o").read_bytes()
    assert "검사".encode("utf-16-le") in resources
    for sentence in (attribution.KOREAN, attribution.ENGLISH):  # of the programme that supported the development: in the about box
        assert sentence.encode("utf-16-le") in resources


def test_the_project_lists_every_file_and_the_solution_the_project() -> None:
    project = ElementTree.parse(SAMPLE / "Inspect.vcxproj")
    listed = {
        item.get("Include") for kind in ("ClCompile", "ClInclude", "ResourceCompile") for item in project.findall(f".//m:{kind}", NAMESPACE)
    }
    assert listed - {None} == {path.name for path in SAMPLE.iterdir() if path.suffix in (".cpp", ".h", ".rc")}
    solution = (SAMPLE / "Inspect.sln").read_text("utf-8")
    guid = project.findtext(".//m:ProjectGuid", namespaces=NAMESPACE)
    assert guid and f'"Inspect", "Inspect.vcxproj", "{guid}"' in solution
    for configuration in ("Debug|x64", "Release|x64"):
        assert f"{guid}.{configuration}.Build.0 = {configuration}" in solution
    assert {"Unicode", "Dynamic", "v143"} <= {element.text for element in project.iter()}


def test_every_picture_is_inspected_counted_and_posted(korean: Wine, installed: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    count = len(list(parts.iterdir()))
    overlay = tmp_path / "그림.bmp"
    words = (str(count), overlay, model.path, parts, model.key)
    done = korean.run(installed / "windows_inspection_window.exe", *words, env=settings(), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    told = "\n".join(line.removeprefix("inspected ") for line in done.stdout.splitlines() if line.startswith("inspected "))
    expected = korean.run(installed / "inspect_folder_cpp.exe", model.path, parts, model.key, env=settings(), check=True).stdout

    def findings(text: str) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in results(text)]
        return [(line["verdict"], json.dumps(line["regions"])) for line in lines]

    assert findings(told) == findings(expected)
    verdicts = [verdict for verdict, _ in findings(told)]
    counts = [int(word) for word in done.stdout.splitlines()[-1].split()[1:]]
    assert counts == [verdicts.count("OK"), verdicts.count("NG"), verdicts.count("REVIEW"), 0, 0, 0]
    states = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("state ")]
    assert states[0] == "opening" and "running" in states and states[-1] == "stopped"
    assert " | 라이선스 불필요 · no licence needed | CPU" in done.stdout


def test_the_picture_is_painted_with_banner_and_findings(korean: Wine, installed: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    ng = next(
        path
        for path, line in zip(
            sorted(parts.iterdir()),
            results(korean.run(installed / "inspect_folder_cpp.exe", model.path, parts, model.key, env=settings(), check=True).stdout),
            strict=True,
        )
        if json.loads(line)["verdict"] == "NG"
    )
    folder = tmp_path / "하나"
    folder.mkdir()
    shutil.copy(ng, folder)
    overlay = tmp_path / "그림.bmp"
    done = korean.run(installed / "windows_inspection_window.exe", "1", overlay, model.path, folder, model.key, env=settings())
    assert done.returncode == 0, done.stdout + done.stderr
    painted = lnx.read_image(overlay).astype(int)
    assert painted.shape == (512, 640, 3)
    red, dark = np.array([40, 30, 210]), np.array([24, 24, 24])
    assert (painted[4, 630] == red).all(), "the banner says NG"
    assert (painted[300, 10] == dark).all() and (painted[300, 630] == dark).all(), "the picture keeps its proportions"
    original = lnx.read_image(ng).astype(int).repeat(2, 0).repeat(2, 1)
    picture = painted[:, 64:576]
    outline = (picture == red).all(2)
    outline[:24] = False
    assert outline.sum() > 20, "the finding has an outline"
    region = json.loads(next(line for line in results("\n".join(x.removeprefix("inspected ") for x in done.stdout.splitlines()))))[
        "regions"
    ][0]
    ys, xs = np.nonzero(outline)
    x1, y1, x2, _ = (2 * value for value in region["box"])
    assert x1 - 3 <= xs.min() and xs.max() <= max(x2, 512) and y1 - 3 <= ys.min()
    same = (picture == original).all(2)
    assert same[24:].mean() > 0.8, "the rest is the picture, pixel for pixel"


def test_a_damaged_file_is_counted_and_the_line_goes_on(korean: Wine, installed: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    folder = tmp_path / "사진"
    folder.mkdir()
    first = sorted(parts.iterdir())[0]
    shutil.copy(first, folder / "a.bmp")
    (folder / "b.bmp").write_bytes(first.read_bytes()[:5000])
    (folder / "c.bmp").write_bytes(b"")
    done = korean.run(installed / "windows_inspection_window.exe", "4", tmp_path / "o.bmp", model.path, folder, model.key, env=settings())
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [line.split()[0] + (line.split()[1] if line.startswith("failed") else "") for line in done.stdout.splitlines()]
    assert [kind for kind in kinds if kind.startswith(("inspected", "failed"))] == ["inspected", "failedb.bmp", "failedc.bmp", "inspected"]
    assert done.stdout.splitlines()[-1].split()[5] == "2"


def test_the_model_is_tried_again_until_it_is_there(korean: Wine, installed: Path, model: Model, parts: Path, tmp_path: Path) -> None:
    late = tmp_path / "늦은 모델.lnx"
    words = ["1", tmp_path / "o.bmp", late, parts, model.key]
    program = korean.start(installed / "windows_inspection_window.exe", *words, env=settings())
    assert program.stdout is not None
    seen = []
    for line in program.stdout:
        seen.append(line)
        if line.startswith("state retrying") and not late.exists():
            assert " 201 " in line and "LNX-201" in line, line
            shutil.copy(model.path, late.with_suffix(".part"))
            late.with_suffix(".part").rename(late)
    assert program.wait(60) == 0, "".join(seen)
    assert seen[-1].split()[0] == "counts" and any(line.startswith("inspected ") for line in seen)
