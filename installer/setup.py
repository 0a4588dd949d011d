"""The Windows setup program, built on Linux: `python3 dev.py package --only installer`.

    build/dist/lnx-edge-1.0.0-setup.exe         with the CPU pack
    build/dist/lnx-edge-1.0.0-cu13-setup.exe    with the CPU and the CUDA 13 pack
    build/dist/lnx-edge-1.0.0-setup.json        size of each part, inside and installed

The payload is laid out below build/dist/payload with lists of hashes, a bill of materials and notices; installer/nsis/setup.nsi says how it
is installed. Signing: set LNX_SIGN to a command with %1 for the file, for instance
`osslsigncode sign -pkcs11module ... -in %1 -out %1.signed && mv %1.signed %1`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from installer import artwork, bom, filelist
from installer.packs import command as packs_command
from tools.dev.machine import ROOT, run, say

NSIS = Path(__file__).parent / "nsis"
NSIS_LANGUAGES = Path("/usr/share/nsis/Contrib/Language files")
DIST = ROOT / "build/dist"
MINGW = ROOT / "build/mingw"
STEP = MINGW / "installer/setup_step/setup_step.exe"
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
COMPRESSOR = "lzma"  # each file alone: what is not installed is not unpacked
SAMPLE_FOLDERS = ("c", "cpp", "csharp", "python", "models", "parts")


@dataclass(frozen=True)
class Inputs:
    """What goes in. `programs`: the packaged programs; None leaves them, the agent and the collector out."""

    sdk: Path
    programs: Path | None
    packs: tuple[Path, ...]
    site_packages: tuple[Path, ...] = ()


def _tracked(folder: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name]


def _copy_tracked(folder: str, target: Path, subfolders: Sequence[str] = ()) -> None:
    for name in _tracked(folder):
        inside = Path(name).relative_to(folder)
        if not subfolders or inside.parts[0] in subfolders:
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / inside)


def moment() -> datetime:
    """Of the build: the last commit, so that the same sources give the same bill."""
    told = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    )
    return datetime.fromtimestamp(int(told), UTC)


def lay_out(inputs: Inputs, payload: Path, version: str) -> dict[str, int]:
    """Writes the payload, one folder per component, each with its list of hashes. Returns component -> bytes."""
    from lnx import attribution

    shutil.rmtree(payload, ignore_errors=True)
    notices = payload / "common/notices"
    bom.write(payload / "common/notices", moment(), list(inputs.packs), list(inputs.site_packages), version, inputs.programs)
    shutil.copyfile(ROOT / "LICENSE", notices / "LICENSE.txt")
    (notices / "ATTRIBUTION.txt").write_text(attribution.BOTH, encoding="utf-8-sig", newline="\r\n")
    shutil.copytree(inputs.sdk, payload / "sdk/sdk")
    _copy_tracked("examples", payload / "samples/samples", SAMPLE_FOLDERS)
    _copy_tracked("docs", payload / "docs/docs")
    if inputs.programs is not None:
        shutil.copytree(inputs.programs, payload / "programs/lnx-edge")
    parts = [path for path in payload.iterdir() if path.is_dir()]
    return {part.name: filelist.write(part, part.name) for part in sorted(parts)}


def _macros(sizes: dict[str, int], packs: Sequence[Path], programs: bool) -> str:
    """The parts of the script that depend on what is inside."""
    sections = {"sdk": "SecSdk", "runtime": "SecRuntime", "samples": "SecSamples", "docs": "SecDocs"}
    if programs:
        sections |= {"agent": "SecAgent", "collector": "SecCollector"}
    lines = ["!macro PACK_FILES"]
    for folder in packs:
        lines += [f'${{Case}} "{folder.name.split("-")[0]}"', f'File /r "{folder}/*"', "${Break}"]
    lines += ["!macroend", "!macro PACK_FOLDERS"]
    for folder in packs:
        lines += [f'${{If}} $Pack == "{folder.name.split("-")[0]}"', f'StrCpy $PackDir "{folder.name}"', "${EndIf}"]
    lines += ["!macroend", "!macro SELECT_FROM_LIST"]
    lines += [f"!insertmacro SelectIfListed {name} ${{{section}}}" for name, section in sections.items()]
    lines += ["!macroend", "!macro LIST_SELECTED"]
    for name, section in sections.items():
        lines += [f"${{If}} ${{SectionIsSelected}} ${{{section}}}", f'StrCpy $0 "$0, {name}"', "${EndIf}"]
    lines += ["!macroend", "!macro ADD_SECTION_SIZES", f"IntOp $1 $1 + {sizes['common'] >> 10}"]
    for name, section in {**sections, **({"programs": "SecPrograms"} if programs else {})}.items():
        if name in sizes:
            lines += [f"${{If}} ${{SectionIsSelected}} ${{{section}}}", f"IntOp $1 $1 + {(sizes[name] >> 10) + 1}", "${EndIf}"]
    lines += ["${If} ${SectionIsSelected} ${SecRuntime}", '${AndIfNot} ${FileExists} "$INSTDIR\\runtime\\$PackDir\\manifest\\*.*"']
    for folder in packs:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        lines += [f'${{If}} $Pack == "{folder.name.split("-")[0]}"', f"IntOp $1 $1 + {(size >> 10) + 1}", "${EndIf}"]
    return "\n".join([*lines, "${EndIf}", "!macroend", ""])


def _korean(folder: Path) -> Path:
    """NSIS's Korean texts with the one particle that the name of the product takes: 를, since "엣지" ends in a vowel."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("Korean.nsh", "Korean.nlf"):
        text = (NSIS_LANGUAGES / name).read_text(encoding="utf-8-sig")
        (folder / name).write_text(text.replace("(을)를", "를"), encoding="utf-8-sig")
    return folder


def build(inputs: Inputs, output: Path, *, version: str = VERSION, compressor: str = COMPRESSOR, work: Path | None = None) -> Path:
    """Makes a setup program of these inputs. Returns its path.

    Args:
        compressor: what NSIS calls it: "lzma" for a release, "zlib" where time matters more than size.
        work: where the payload is laid out; build/dist/payload by default.
    """
    from lnx import attribution

    payload = work or DIST / "payload"
    sizes = lay_out(inputs, payload, version)
    output.parent.mkdir(parents=True, exist_ok=True)
    (payload / "inside.nsh").write_text(_macros(sizes, inputs.packs, inputs.programs is not None), encoding="utf-8-sig")
    definitions = {
        "VERSION": version,
        "PAYLOAD": payload,
        "SETUP_STEP": STEP,
        "OUTPUT": output,
        "COMPRESSOR": compressor,
        "PACKS": " ".join(folder.name.split("-")[0] for folder in inputs.packs),
        "ATTRIBUTION_EN": attribution.ENGLISH,
        "ATTRIBUTION_KO": attribution.KOREAN,
        "LANGUAGE_FILES": _korean(payload / "language"),
    }
    pictures = artwork.draw(payload / "artwork")
    definitions |= {f"PICTURE_{name.upper()}": path for name, path in pictures.items()}
    words = [f"-D{name}={value}" for name, value in definitions.items()]
    if inputs.programs is not None:
        words.append("-DHAVE_PROGRAMS")
    if sign := os.environ.get("LNX_SIGN"):
        words.append(f"-DSIGN={sign}")
    epoch = {"SOURCE_DATE_EPOCH": str(int(moment().timestamp())), "LC_ALL": "C.UTF-8"}
    run(["makensis", "-V2", "-WX", "-INPUTCHARSET", "UTF8", *words, f"-X!include {payload}/inside.nsh", NSIS / "setup.nsi"], env=epoch)
    packs = {folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) for folder in inputs.packs}
    report = {"version": version, "setup_bytes": output.stat().st_size, "compressor": compressor, "parts": sizes, "packs": packs}
    output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return output


def sdk(target: Path) -> Path:
    """The SDK folder of the cross-built core."""
    shutil.rmtree(target, ignore_errors=True)
    run(["cmake", "--install", MINGW, "--component", "sdk", "--prefix", target])
    return target


def make(packs: Sequence[str] = ()) -> None:
    """Builds the setup program for a plant: with the packaged programs, and with a CUDA pack when one is named."""
    from installer import onedir
    from tools.dev import windows_assets

    programs = onedir.windows_programs()  # cross-builds first, setup_step.exe with it
    sites = (onedir.WINDOWS_PYTHON / windows_assets.SITE, onedir.WINDOWS_PYTHON / "Lib/site-packages")
    folders = packs_command.packs(("cpu", *packs))
    name = "-".join(["lnx-edge", VERSION, *packs, "setup.exe"])
    path = build(Inputs(sdk(DIST / "sdk"), programs, tuple(folders), sites), DIST / name)
    say(f"{path.relative_to(ROOT)}: {path.stat().st_size >> 20} MiB")
