"""The setup program under Wine: installed, used, upgraded, cut, repaired, removed; and what it refuses."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from installer import setup
from installer.packs import command as packs_command
from tools.dev import windows, wine
from tools.dev.wine import windows_path

from .conftest import REQUIRED, ROOT
from .setup_plant import LONG, Pc, second_prefix, wait_until

OLD, NEW = "0.9.9", "1.0.10"  # 1.0.10 > 1.0.9 > 0.9.9: numbers, not letters
FOLDER = "folder = C:\\설치 폴더\\LNX Edge\n"
ALL = f"[setup]\nlanguage = ko\n{FOLDER}components = sdk, runtime, samples, docs\npack = auto\n"
SMALL = f"; 한국어 설명\n[setup]\n{FOLDER}components = sdk, runtime\n"
ENVIRONMENT = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment"


@pytest.fixture(scope="session")
def setups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version -> its setup program, without the packaged programs and uncompressed, so that making it takes seconds."""
    if not setup.STEP.exists() or shutil.which("makensis") is None:
        assert not REQUIRED, "setup_step.exe or makensis is missing"
        pytest.skip("not made: python3 dev.py package --only installer")
    folder = tmp_path_factory.mktemp("setups")
    packs = tuple(packs_command.packs())
    sdk = setup.sdk(folder / "sdk")
    made = {}
    for version in (OLD, NEW):
        (sdk / "version.txt").write_text(version, encoding="ascii")  # so that versions differ in a file
        output = folder / f"lnx-edge-{version}-setup.exe"
        made[version] = setup.build(setup.Inputs(sdk, None, packs), output, version=version, compressor="off", work=folder / version)
    return made


@pytest.fixture(scope="session")
def shared_pc(setups: dict[str, Path]) -> Iterator[Pc]:
    prefix = second_prefix(windows.PREFIX, windows.PREFIX.with_name("setup-prefix"))
    pc = Pc(wine.Wine(prefix.prefix, wine.KOREAN), setup.STEP)
    yield pc
    pc.wine.stop()


@pytest.fixture
def pc(shared_pc: Pc) -> Pc:
    """A PC with nothing of ours on it."""
    shared_pc.wipe()
    return shared_pc


def check_whole(pc: Pc, version: str) -> None:
    """What counts is there, whole."""
    assert pc.version == version, pc.logged()
    assert pc.whole(pc.folder / "versions" / version), pc.logged()
    assert pc.whole(pc.runtime), pc.logged()


def test_installed_upgraded_repaired_and_removed(pc: Pc, setups: dict[str, Path]) -> None:
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

    before = (pc.runtime / "onnxruntime.dll").stat()
    assert pc.setup(setups[NEW], SMALL) == 0, pc.logged()
    check_whole(pc, NEW)
    assert sorted(path.name for path in (pc.folder / "versions").iterdir()) == [NEW], "the old version is gone"
    assert (pc.runtime / "onnxruntime.dll").stat() == before, "the same pack is not copied again"

    spoilt = pc.folder / "versions" / NEW / "sdk/version.txt"
    spoilt.write_text("x", encoding="ascii")
    (pc.folder / "versions" / NEW / "sdk/lib/lnx.lib").unlink()
    assert pc.setup(setups[NEW], SMALL) == 0, pc.logged()
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


def test_a_program_of_the_plant_finds_the_installed_pack_by_itself(
    pc: Pc, setups: dict[str, Path], model: tuple[Path, Path], parts: Path
) -> None:
    """The example beside the installed lnx.dll; no variable names the pack."""
    assert pc.setup(setups[OLD], SMALL) == 0, pc.logged()
    program = pc.wine.prefix / "drive_c/검사"
    program.mkdir(exist_ok=True)
    shutil.copyfile(windows.BUILD / "examples/inspect_c.exe", program / "inspect_c.exe")
    shutil.copyfile(pc.folder / "versions" / OLD / "sdk/bin/lnx.dll", program / "lnx.dll")
    done = pc.wine.run(program / "inspect_c.exe", model[0], parts, model[1], env=pc.environment)
    assert done.returncode == 0 and '"verdict"' in done.stdout, done.stdout + done.stderr


def cut(pc: Pc, setups: dict[str, Path], chance: random.Random) -> None:
    """An upgrade whose power is cut at some moment; the old or the new version counts, whole. Then the upgrade again."""
    begin = time.monotonic()
    running = pc.start(setups[NEW], SMALL)
    try:
        running.wait(chance.uniform(0.0, cut.longest))  # type: ignore[attr-defined]
    except subprocess.TimeoutExpired:
        pc.wine.stop()
        running.kill()
    else:
        cut.longest = max(1.0, time.monotonic() - begin)  # type: ignore[attr-defined]
    running.wait(60)
    assert pc.version in (OLD, NEW)
    check_whole(pc, pc.version)
    assert pc.setup(setups[NEW], SMALL) == 0, pc.logged()
    check_whole(pc, NEW)
    assert [path.name for path in (pc.folder / "versions").iterdir()] == [NEW]


cut.longest = 8.0  # type: ignore[attr-defined]  # seconds that an upgrade takes; learnt


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 22))])
def test_a_power_cut_in_an_upgrade_leaves_the_old_or_the_new_version(pc: Pc, setups: dict[str, Path], seed: int) -> None:
    assert pc.setup(setups[OLD], SMALL) == 0, pc.logged()
    cut(pc, setups, random.Random(seed))


@pytest.mark.slow
def test_a_full_disk_stops_the_upgrade_before_it_begins_and_in_the_middle(pc: Pc, setups: dict[str, Path]) -> None:
    drive = pc.wine.prefix / "dosdevices/q:"
    disk = pc.wine.prefix.parent / "small-disk"
    disk.mkdir(exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount")
    try:
        drive.unlink(missing_ok=True)
        drive.symlink_to(disk)
        answers = SMALL.replace("C:\\설치 폴더", "Q:\\설치")
        assert pc.setup(setups[OLD], answers) == 0, pc.logged()
        old = disk / "설치/LNX Edge/versions" / OLD
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(bytes(free - (1 << 20)))
        assert pc.setup(setups[NEW], answers.replace("sdk, runtime", "sdk, runtime, docs, samples")) == 12, pc.logged()
        assert pc.version == OLD and pc.whole(old)
        filler.unlink()
        # The room is there when setup looks, and gone when it writes.
        running = pc.start(setups[NEW], answers)
        staged = old.with_name(f"{NEW}.new")
        wait_until(lambda: staged.exists() or running.poll() is not None)
        with filler.open("wb") as file:
            try:
                while running.poll() is None:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                running.wait(LONG)
        assert pc.whole(old) or pc.version == NEW
        assert pc.version in (OLD, NEW) and pc.whole(old.with_name(pc.version))
        assert not staged.exists(), "nothing half-made stays"
    finally:
        pc.wine.stop()
        drive.unlink(missing_ok=True)
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ("[setup]\nkomponents = sdk\n", '3: found "komponents'),
        ("[setup]\ncomponents = sdk, gpu\n", '3: found components = "sdk, gpu'),
        ("[setup]\npack = cu11\n", "auto|cpu|cu12|cu13"),
        ("[setup]\nfolder =\n", "a value"),
        ("[setup]\npack = cpu\npack = cpu\n", "4: found pack twice"),
        ("pack = cpu\n", '2: found "pack = cpu", expected [setup]'),
        ("[install]\npack = cpu\n", "2: found [install]"),
    ],
)
def test_an_answer_file_with_a_mistake_is_refused_with_its_line(shared_pc: Pc, answers: str, text: str) -> None:
    file = shared_pc.wine.prefix / "drive_c/답변.ini"
    file.write_text("# 주석\n" + answers, encoding="utf-8-sig")
    status, told = shared_pc.step("answers", "C:\\답변.ini", "C:\\out.ini")
    assert status == 1 and told["code"] == "bad-answers" and text in told["text"], told


def test_bad_answers_and_a_pack_that_does_not_fit_end_with_their_status(pc: Pc, setups: dict[str, Path]) -> None:
    assert pc.setup(setups[OLD], "[setup]\ncomponents = everything\n") == 10
    assert pc.setup(setups[OLD], f"[setup]\n{FOLDER}pack = cu13\n") == 14, "this one does not carry it"
    assert pc.version == "" and not pc.folder.exists()


def test_an_unwritable_programdata_is_told_before_anything_is_copied(pc: Pc, setups: dict[str, Path]) -> None:
    place = pc.wine.prefix / "drive_c/ProgramData/LNX"
    place.parent.mkdir(exist_ok=True)
    place.write_text("a file where the folder belongs", encoding="ascii")  # root may write everywhere, so rights do not do
    try:
        assert pc.setup(setups[OLD], SMALL) == 15, pc.logged()
        assert not (pc.folder / "versions").exists() and pc.version == ""
    finally:
        place.unlink()


@pytest.mark.slow
def test_a_second_setup_is_refused_while_one_runs(pc: Pc, setups: dict[str, Path]) -> None:
    first = pc.start(setups[OLD], ALL)
    try:
        wait_until(lambda: "into" in pc.logged() or first.poll() is not None)
        if first.poll() is None:
            assert pc.setup(setups[OLD], SMALL) in (19, 0)
            assert "another setup" in pc.logged() or "다른 LNX Edge" in pc.logged() or first.poll() is not None
    finally:
        assert first.wait(LONG) == 0
    check_whole(pc, OLD)


HOLDER = r"""
#include <windows.h>
#include <stdio.h>
int wmain(int count, wchar_t** words) {
  HANDLE file = CreateFileW(words[1], GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
  puts(count == 3 && file != INVALID_HANDLE_VALUE ? "held" : "not held");
  fflush(stdout);
  Sleep((DWORD)_wtoi(words[2]));
  return 0;
}
"""


@pytest.fixture(scope="session")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that holds a file as a virus scanner does: open, shared with nobody."""
    program = tmp_path_factory.mktemp("scanner") / "scanner.exe"
    compiler = ["x86_64-w64-mingw32-gcc-posix", "-municode", "-static", "-xc", "-", "-o", str(program)]
    subprocess.run(compiler, input=HOLDER, text=True, check=True)
    return program


def held(pc: Pc, scanner: Path, path: str, seconds: float) -> threading.Thread:
    """The file is held from the return of this on, for so many seconds."""
    words = [str(wine.BINARIES / "wine64"), windows_path(scanner), path, str(int(seconds * 1000))]
    holder = subprocess.Popen(words, env=pc.wine.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
    waiting = threading.Thread(target=holder.wait)
    waiting.start()
    return waiting


@pytest.mark.parametrize("seconds", [3.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_a_scanner_that_holds_a_file_is_waited_for(shared_pc: Pc, scanner: Path, seconds: float) -> None:
    """Files that are replaced and files that are hashed, each held for a while."""
    from installer import filelist

    drive = shared_pc.wine.prefix / "drive_c/스캐너"
    shutil.rmtree(drive, ignore_errors=True)
    for name, text in (("old", "1"), ("new", "2")):
        (drive / name).mkdir(parents=True)
        (drive / name / "lnx.dll").write_text(text, encoding="ascii")
        filelist.write(drive / name, "sdk")
    for path in ("C:\\스캐너\\old\\lnx.dll", "C:\\스캐너\\new\\lnx.dll"):
        waiting = held(shared_pc, scanner, path, seconds)
        begin = time.monotonic()
        status, told = shared_pc.step("commit", "C:\\스캐너\\new", "C:\\스캐너\\old")
        assert status == 0 and told["code"] == "repaired", told
        assert time.monotonic() - begin > seconds / 2
        waiting.join()
        assert (drive / "old/lnx.dll").read_text("ascii") == "2"
        shutil.rmtree(drive / "old")
        (drive / "new").mkdir(exist_ok=True)
        for name, text in (("old", "1"), ("new", "2")):
            (drive / name).mkdir(parents=True, exist_ok=True)
            (drive / name / "lnx.dll").write_text(text, encoding="ascii")
            filelist.write(drive / name, "sdk")
    waiting = held(shared_pc, scanner, "C:\\스캐너\\old\\lnx.dll", seconds)
    assert shared_pc.step("remove", "C:\\스캐너\\old")[1]["code"] == "removed"
    waiting.join()


def test_a_file_that_stays_held_is_named_and_the_old_version_counts(shared_pc: Pc, scanner: Path) -> None:
    pc = shared_pc
    from installer import filelist

    drive = pc.wine.prefix / "drive_c/스캐너"
    shutil.rmtree(drive, ignore_errors=True)
    (drive / "new").mkdir(parents=True)
    (drive / "new/lnx.dll").write_text("2", encoding="ascii")
    filelist.write(drive / "new", "sdk")
    waiting = held(pc, scanner, "C:\\스캐너\\new\\lnx.dll", 8)
    status, told = pc.step("--patience", "1", "commit", "C:\\스캐너\\new", "C:\\스캐너\\final")
    assert status == 1 and told["code"] == "held" and "lnx.dll" in told["text"] and not (drive / "final").exists()
    waiting.join()


def test_one_changed_byte_is_not_installed(shared_pc: Pc) -> None:
    pc = shared_pc
    from installer import filelist

    drive = pc.wine.prefix / "drive_c/바이트"
    shutil.rmtree(drive, ignore_errors=True)
    (drive / "new").mkdir(parents=True)
    (drive / "new/lnx.dll").write_bytes(bytes(100))
    filelist.write(drive / "new", "sdk")
    (drive / "new/lnx.dll").write_bytes(bytes(99) + b"\1")
    status, told = pc.step("commit", "C:\\바이트\\new", "C:\\바이트\\final")
    assert status == 1 and told["code"] == "damaged" and not (drive / "final").exists()
    assert pc.step("verify", "C:\\바이트\\nothing")[1]["code"] == "damaged"


def test_a_long_path_variable_is_kept_whole(shared_pc: Pc) -> None:
    pc = shared_pc
    long = ";".join(f"C:\\Program Files\\Vendor {i}\\bin" for i in range(100))
    assert len(long) > 2000
    pc.wine.run("reg", "add", f"HKLM\\{ENVIRONMENT}", "/v", "Path", "/t", "REG_EXPAND_SZ", "/d", long, "/f", env=pc.environment)
    assert pc.step("path", "add", "C:\\LNX\\bin")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path") == f"{long};C:\\LNX\\bin"
    assert pc.step("path", "add", "C:\\lnx\\bin\\")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path").lower().count("c:\\lnx\\bin") == 1
    assert pc.step("path", "remove", "C:\\LNX\\bin")[0] == 0
    assert pc.registry(ENVIRONMENT, "Path") == long


@pytest.mark.parametrize(("a", "b", "said"), [("1.0.9", "1.0.10", "older"), ("1.0.10", "1.0.10.0", "same"), ("2.0", "1.9.9", "newer")])
def test_versions_are_compared_number_by_number(shared_pc: Pc, a: str, b: str, said: str) -> None:
    assert shared_pc.step("compare", a, b)[1]["code"] == said


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
            subprocess.run(compiler, input=DRIVER, text=True, check=True)
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


SERVICE = r"""
#include <windows.h>
#include <wchar.h>
/* `NAME.exe service VERB`, as far as the setup sees it: install points the service at this file, unless refuse.txt lies beside it. */
int wmain(int count, wchar_t** words) {
  wchar_t self[600], beside[620];
  if (count < 3) return 2;
  GetModuleFileNameW(NULL, self, 600);
  wcscpy(beside, self);
  wcscpy(wcsrchr(beside, L'\\\\') + 1, L"refuse.txt");
  const wchar_t* name = wcsrchr(self, L'\\\\') + 1;
  if (wcscmp(words[2], L"install") == 0) {
    if (GetFileAttributesW(beside) != INVALID_FILE_ATTRIBUTES) return 4;
    return (int)RegSetKeyValueW(HKEY_LOCAL_MACHINE, L"Software\\\\LnxServices", name, REG_SZ, self, (DWORD)(wcslen(self) + 1) * 2);
  }
  if (wcscmp(words[2], L"remove") == 0) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, L"Software\\\\LnxServices", name);
  return 0;
}
"""


@pytest.fixture(scope="session")
def setups_with_services(tmp_path_factory: pytest.TempPathFactory, setups: dict[str, Path]) -> dict[str, Path]:
    """Setups with programs whose services can be made to refuse, which the packaged ones cannot. "refusing" is a third version."""
    folder = tmp_path_factory.mktemp("services")
    programs = folder / "lnx-edge"
    programs.mkdir()
    for name in ("lnx", "lnx-agent", "lnx-collector"):
        words = [
            "x86_64-w64-mingw32-gcc-posix",
            "-municode",
            "-static",
            "-s",
            "-xc",
            "-",
            "-ladvapi32",
            "-o",
            str(programs / f"{name}.exe"),
        ]
        subprocess.run(words, input=SERVICE, text=True, check=True)
    made = {}
    for name, version in ((OLD, OLD), (NEW, NEW), ("refusing", "1.1.0")):
        (programs / "version.txt").write_text(version, encoding="ascii")
        if name == "refusing":
            (programs / "refuse.txt").write_text("", encoding="ascii")
        inputs = setup.Inputs(setups[OLD].parent / "sdk", programs, tuple(packs_command.packs()), ())
        output = folder / f"lnx-edge-{version}-setup.exe"
        made[name] = setup.build(inputs, output, version=version, compressor="off", work=folder / name)
    return made


@pytest.mark.slow
def test_services_follow_an_upgrade_and_are_pointed_back_when_one_refuses(pc: Pc, setups_with_services: dict[str, Path]) -> None:
    answers = f"[setup]\n{FOLDER}components = runtime, agent, collector\n"

    def pointed() -> set[str]:
        told = {pc.registry("Software\\LnxServices", name) for name in ("lnx-agent.exe", "lnx-collector.exe")}
        return {path.split("\\versions\\")[-1].split("\\")[0] for path in told}

    assert pc.setup(setups_with_services[OLD], answers) == 0, pc.logged()
    assert pointed() == {OLD}
    assert pc.setup(setups_with_services[NEW], answers) == 0, pc.logged()
    assert pointed() == {NEW} and pc.version == NEW
    assert pc.setup(setups_with_services["refusing"], answers) == 18, pc.logged()
    check_whole(pc, NEW)
    assert pointed() == {NEW} and [path.name for path in (pc.folder / "versions").iterdir()] == [NEW], pc.logged()
    assert f"versions\\{NEW}\\lnx-edge" in pc.registry(ENVIRONMENT, "Path")
    assert pc.uninstall() == 0
    assert pointed() == {""} and f"versions\\{NEW}" not in pc.registry(ENVIRONMENT, "Path")


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
