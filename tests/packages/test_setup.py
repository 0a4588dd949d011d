"""The setup program under Wine: installed, used, upgraded, repaired and removed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from installer import setup
from installer.packs import command as packs_command
from tools.dev import windows

from .conftest import ROOT
from .setup_plant import ALL, ENVIRONMENT, NEW, OLD, SMALL, Pc, check_whole


def test_installed_with_notices_bill_of_materials_and_environment(pc: Pc, setups: dict[str, Path]) -> None:
    assert pc.setup(setups[OLD], ALL) == 0, pc.logged()
    check_whole(pc, OLD)
    notices = pc.folder / "versions" / OLD / "notices"
    assert "지역특화 제조데이터 활성화 사업" in (notices / "ATTRIBUTION.txt").read_text("utf-8-sig")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((notices / "sbom.cdx.json").read_text("utf-8")) is None
    assert {"onnxruntime", "msvc-runtime", "nlohmann-json"} <= {
        component["name"] for component in json.loads((notices / "sbom.cdx.json").read_text("utf-8"))["components"]
    }
    assert "Microsoft" in (notices / "THIRD-PARTY-NOTICES.txt").read_text("utf-8")
    assert pc.registry(ENVIRONMENT, "lnx_ROOT").endswith(f"versions\\{OLD}\\sdk"), "find_package(lnx) finds it"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo model and its key."""
    from tools.demo import pack_demo

    folder = tmp_path_factory.mktemp("모델")
    pack_demo(folder)
    return folder / "surface.lnx", folder / "keys/demo.container-pub.pem"


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One part as a BMP file."""
    import lnx

    from tools.demo import PARTS

    target = tmp_path_factory.mktemp("부품") / "부품.bmp"
    lnx.write_image(target, lnx.read_image(sorted(PARTS.glob("*.png"))[0]))
    return target


def test_a_program_of_the_plant_finds_the_installed_pack_by_itself(pc_with_old: Pc, model: tuple[Path, Path], parts: Path) -> None:
    """The example beside the installed lnx.dll; no variable names the pack."""
    pc = pc_with_old
    program = pc.wine.prefix / "drive_c/검사"
    program.mkdir(exist_ok=True)
    shutil.copyfile(windows.BUILD / "examples/inspect_c.exe", program / "inspect_c.exe")
    shutil.copyfile(pc.folder / "versions" / OLD / "sdk/bin/lnx.dll", program / "lnx.dll")
    done = pc.wine.run(program / "inspect_c.exe", model[0], parts, model[1], env=pc.environment)
    assert done.returncode == 0 and '"verdict"' in done.stdout, done.stdout + done.stderr


def test_upgraded_repaired_and_removed(pc_with_old: Pc, setups: dict[str, Path]) -> None:
    pc = pc_with_old
    before = (pc.runtime / "onnxruntime.dll").stat()
    assert pc.setup(setups[NEW], SMALL) == 0, pc.logged()
    check_whole(pc, NEW)
    assert pc.versions() == [NEW], "the old version is gone"
    assert (pc.runtime / "onnxruntime.dll").stat() == before, "the same pack is not copied again"
    assert pc.registry("Software\\LNX", "Components").replace(" ", "") == ",sdk,runtime"
    assert not (pc.folder / "versions" / NEW / "docs").exists()

    spoilt = pc.folder / "versions" / NEW / "sdk/version.txt"
    spoilt.write_text("x", encoding="ascii")
    (pc.folder / "versions" / NEW / "sdk/lib/lnx.lib").unlink()
    assert pc.setup(setups[NEW]) == 0, pc.logged()
    assert not (pc.folder / "versions" / NEW / "docs").exists(), "without an answer file, what was chosen stays chosen"
    assert spoilt.read_text("ascii") == NEW and "repaired" in pc.logged()
    check_whole(pc, NEW)

    assert pc.setup(setups[OLD], SMALL) == 11, "an older one never replaces a newer one"
    check_whole(pc, NEW)

    data = pc.wine.prefix / "drive_c/ProgramData/LNX/agent"
    data.mkdir(parents=True, exist_ok=True)
    (data / "journal").write_text("kept", encoding="ascii")
    assert pc.uninstall() == 0, pc.logged()
    assert {path.name for path in pc.folder.iterdir()} <= {"uninstall.exe"} if pc.folder.exists() else True
    assert (data / "journal").exists(), "data stay"
    assert pc.version == "" and pc.registry(ENVIRONMENT, "lnx_ROOT") == ""


@pytest.mark.slow
def test_the_signing_hook_signs_setup_and_uninstaller(
    setups: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    subprocess.run([*made, "-subj", "/CN=LNX", "-addext", "extendedKeyUsage=codeSigning"], check=True, capture_output=True)
    sign = f"osslsigncode sign -certs {certificate} -key {key} -in %1 -out %1.signed && mv %1.signed %1"
    monkeypatch.setenv("LNX_SIGN", sign)
    inputs = setup.Inputs(setups[OLD].parent / "sdk", None, tuple(packs_command.packs()))
    signed = setup.build(inputs, tmp_path / "lnx-edge-setup.exe", compressor="off", work=tmp_path / "payload")
    assert capfd.readouterr().out.count("Succeeded") == 2, "the uninstaller inside, and the setup around it"
    verify = ["osslsigncode", "verify", "-CAfile", str(certificate), "-in", str(signed)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_the_setup_of_these_sources_is_for_the_version_of_these_sources() -> None:
    assert (ROOT / "VERSION").read_text(encoding="utf-8").strip() == setup.VERSION
