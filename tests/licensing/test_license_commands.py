"""From an empty desk to a licensed plant by the command line: a real reader service, both languages."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from lnx.cli import keys
from lnx.cli.verify_file import verify_command
from lnx.container import OpenRecipient, PublicInfo, hpke, load_family_keys, load_signing_key, write_container
from lnx.container.trust import load_trust
from lnx_licensing import licence, software_key
from lnx_licensing.cli import dongle_app, license_app
from lnx_licensing.cli.messages import TEXTS
from lnx_licensing.findings import WORDS
from typer.testing import CliRunner
from virtual_reader import VirtualReader


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def commands() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.add_typer(license_app, name="license")
    app.add_typer(dongle_app, name="dongle")
    app.add_typer(keys.app, name="keys")
    app.command("verify-file")(verify_command)
    return app


class Shell:
    """Runs commands in a folder as a person would, with trust and licence folders of its own; in this process, which is quicker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trust, self.licences = folder / "trust", folder / "licences"
        self.trust.mkdir(exist_ok=True)
        self._app, self._runner = commands(), CliRunner()

    def __call__(self, *arguments: object, lang: str = "en", stdin: str = "") -> Done:
        env = {"LNX_TRUST_DIR": str(self.trust), "LNX_LICENSE_DIR": str(self.licences), "COLUMNS": "200", "LNX_LANG": lang}
        result = self._runner.invoke(self._app, [str(word) for word in arguments], input=stdin, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def json(self, *arguments: object) -> Any:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: object) -> tuple[int, int]:
        """Exit code and status of a command that fails."""
        done = self(*arguments, "--json")
        assert done.returncode != 0, done.stdout
        return done.returncode, json.loads(done.stdout)["error"]["status"]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    place = tmp_path / "공급사 desk"
    place.mkdir()
    monkeypatch.chdir(place)
    return Shell(place)


def in_days(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def make_keys(shell: Shell) -> None:
    """Root, license key, container key, family key; the root and the list are installed in the trust folder."""
    shell.json("license", "keygen", "root", "acme", "--out", "keys")
    shell.json("license", "keygen", "license", "desk", "--out", "keys", "--root", "keys/acme.root-key.pem")
    shell.json("license", "keygen", "container", "release", "--out", "keys", "--root", "keys/acme.root-key.pem")
    shell.json("keys", "new", "family", "--name", "fam-2026A", "--out", "keys")
    for name in ("acme.root-pub.pem", "acme.keylist.json"):
        (shell.trust / name).write_bytes((shell.folder / "keys" / name).read_bytes())


ISSUE = ("license", "issue", "--key", "keys/desk.license-key.pem", "--family", "keys/fam-2026A.family.json", "--desk", "desk")


def test_from_an_empty_desk_to_a_licensed_plant(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    virtual_reader.insert(virtual_reader.new_token(4711, key=False))
    maker = ("--maker-root", virtual_reader.root_path)

    planned = shell.json("dongle", "provision", "--desk", "desk", "--dry-run", *maker)
    assert planned["serial"] == "4711" and not (shell.folder / "desk").exists()
    made = shell.json("dongle", "provision", "--desk", "desk", "--yes", *maker)
    assert made["attested"] and made["warnings"] == []

    terms = (
        "--customer",
        "7공장",
        "--until",
        "2099-12-31",
        "--maintenance",
        "2098-12-31",
        "--feature",
        "cameras=4",
        "--feature",
        "tools=classification,ocr",
        "--model",
        "weld-seam:7",
    )
    issued = shell.json(*ISSUE, "plant-7.lic", "--dongle", "4711", *terms)
    assert shell.refused(*ISSUE, "plant-7.lic", "--dongle", "4711") == (2, 103), "never overwritten"
    assert issued["terms"]["models"] == [{"model_id": "weld-seam", "min_epoch": 7, "not_after": None}]
    assert issued["terms"]["features"] == {"cameras": 4, "tools": ["classification", "ocr"]} and issued["terms"]["customer"] == "7공장"

    applied = shell.json("dongle", "apply", "plant-7.lic")
    assert Path(applied["installed"]).exists() and applied["warnings"] == []
    verified = shell.json("dongle", "verify", "--desk", "desk", "--licence", "plant-7.lic", *maker)
    assert verified["families"] == ["fam-2026A"] and verified["checks"] == ["answers", "record", "attested", "opens"]

    listed = shell.json("dongle", "list")["dongles"]
    assert [(item["serial"], item["keyid"]) for item in listed] == [("4711", verified["keyid"])]
    examined = shell.json("dongle", "doctor")
    assert {"service-ok", "token-ok", "licence-ok"} <= {finding["code"] for finding in examined["findings"]}

    book = (shell.folder / "desk/issued.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["dongles"] for line in book] == [["4711"]]


def test_a_renewal_by_request_and_licence_file(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    virtual_reader.insert(virtual_reader.new_token(4711, key=False))
    shell.json("dongle", "provision", "--desk", "desk", "--yes", "--maker-root", virtual_reader.root_path)
    shell.json(*ISSUE, "old.lic", "--dongle", "4711", "--until", "2098-12-31")
    shell.json("dongle", "apply", "old.lic")

    shell.json("dongle", "request", "line 3.lnxreq", "--note", "갱신 부탁드립니다")
    asked = shell.json("license", "show", "line 3.lnxreq")["content"]
    assert asked["note"] == "갱신 부탁드립니다" and asked["licences"][0]["issue"] == 1
    renewed = shell.json(*ISSUE, "new.lic", "--request", "line 3.lnxreq", "--replaces", "old.lic", "--until", "2099-12-31")
    assert renewed["terms"]["issue"] == 2 and renewed["terms"]["replaces"] == asked["licences"][0]["license_id"]
    assert shell.json("dongle", "apply", "new.lic")["warnings"] == []
    assert "older" in shell.json("dongle", "apply", "old.lic")["warnings"]


def test_the_licence_travels_on_the_dongle(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    virtual_reader.insert(virtual_reader.new_token(4711, key=False))
    shell.json("dongle", "provision", "--desk", "desk", "--yes", "--maker-root", virtual_reader.root_path)
    shell.json(*ISSUE, "a.lic", "--dongle", "4711", "--list", "keys/acme.keylist.json")
    stored = shell.json("dongle", "apply", "a.lic", "--to-token", "--desk", "desk")
    assert stored["on_token"] == "4711" and stored["installed"] is None
    assert shell.json("dongle", "list")["dongles"][0]["licence_on_token"]
    assert "opens" in shell.json("dongle", "verify", "--desk", "desk", "--maker-root", virtual_reader.root_path)["checks"]
    assert shell.json("dongle", "doctor")["ready"]


def test_a_spare_dongle_is_in_the_same_licence(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    for serial in (1, 2):
        virtual_reader.insert(virtual_reader.new_token(serial, key=False))
        shell.json("dongle", "provision", "--desk", "desk", "--yes", "--maker-root", virtual_reader.root_path)
    issued = shell.json(*ISSUE, "both.lic", "--dongle", "1", "--dongle", "2")
    assert [entry["role"] for entry in issued["terms"]["dongles"]] == ["main", "spare"]
    opened = shell.json("dongle", "verify", "--licence", "both.lic", "--desk", "desk", "--maker-root", virtual_reader.root_path)
    assert opened["serial"] == "2" and opened["families"] == ["fam-2026A"]


def test_a_person_is_asked_before_a_token_is_changed_and_named_before_it_is_erased(shell: Shell, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert(virtual_reader.new_token(4711, key=False))
    provision = ("dongle", "provision", "--desk", "desk", "--maker-root", virtual_reader.root_path)
    assert shell.refused(*provision) == (2, 103)
    no = shell(*provision, stdin="n\n", lang="ko")
    assert no.returncode == 2 and "바꾸지 않았습니다" in no.stderr and 0x9E not in card.state.keys
    yes = shell(*provision, stdin="y\n")
    assert yes.returncode == 0 and "4711" in yes.stdout, yes.stderr
    first = card.state.keys[0x9E]
    assert shell.refused(*provision, "--yes") == (3, 351)
    wrong = shell(*provision, "--reset", stdin="y\n")
    assert wrong.returncode == 2 and card.state.keys[0x9E] is first
    assert shell(*provision, "--reset", stdin="4711\n").returncode == 0
    assert card.state.keys[0x9E] is not first


def test_no_secret_of_a_dongle_is_ever_printed(shell: Shell, virtual_reader: VirtualReader) -> None:
    virtual_reader.insert(virtual_reader.new_token(4711, key=False))
    done = shell("dongle", "provision", "--desk", "desk", "--yes", "--maker-root", virtual_reader.root_path, "--json")
    secrets = json.loads((shell.folder / "desk/4711.dongle.json").read_text())["secrets"]
    for name in ("pin", "puk", "management_key"):
        assert secrets[name] not in done.stdout + done.stderr


def test_roles_are_kept_apart(shell: Shell) -> None:
    make_keys(shell)
    soft = shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")["made"][0]
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", soft)
    container = ("license", "issue", "--key", "keys/release.container-key.pem", "--request", "trial.lnxreq", "--until")
    soon = in_days(20)
    assert shell.json(*container, soon, "forged.lic")["written"]
    assert shell("license", "verify", "forged.lic", "--json").returncode == 3
    shell.json("license", "issue", "--key", "keys/desk.license-key.pem", "--request", "trial.lnxreq", "--until", soon, "trial.lic")
    told = shell.json("license", "verify", "trial.lic")["licences"][0]
    assert told["evaluation"] and told["phase"] == "valid" and told["warn"]
    assert shell.refused(
        "license", "issue", "--key", "keys/desk.license-key.pem", "--request", "trial.lnxreq", "--until", "2099-01-01", "x.lic"
    ) == (2, 103)


def test_an_evaluation_opens_with_its_key_file_and_the_desk_is_reminded_of_the_family(shell: Shell) -> None:
    make_keys(shell)
    shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", "keys/trial.softkey.json")
    issued = shell.json(*ISSUE, "trial.lic", "--request", "trial.lnxreq", "--until", in_days(20))
    assert issued["warnings"] == ["evaluation-family"]
    key = software_key.load(shell.folder / "keys/trial.softkey.json")
    read = licence.read(shell.folder / "trial.lic", load_trust(folder=shell.trust))
    opened = read.family_keys(key.public_key(), hpke.software(key))
    assert shell.refused("dongle", "apply", "trial.lic") == (3, 227)
    installed = Path(shell.json("dongle", "apply", "trial.lic", "--evaluation", "keys/trial.softkey.json")["installed"])
    copied = installed.with_name("trial.softkey.json")
    assert copied.read_bytes() == (shell.folder / "keys/trial.softkey.json").read_bytes()
    assert opened == load_family_keys(shell.folder / "keys/fam-2026A.family.json")


def test_the_doctor_knows_that_an_evaluation_needs_its_key_file_and_no_dongle(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", "keys/trial.softkey.json")
    shell.json(*ISSUE, "trial.lic", "--request", "trial.lnxreq", "--until", in_days(20))
    installed = Path(shell.json("dongle", "apply", "trial.lic", "--evaluation", "keys/trial.softkey.json")["installed"])
    examined = shell.json("dongle", "doctor")
    assert {"readers-empty", "evaluation-ok", "licence-soon"} <= {finding["code"] for finding in examined["findings"]} and examined["ready"]
    assert "동글 없이 사용할 수 있습니다" in shell("dongle", "doctor", lang="ko").stdout
    installed.with_name("trial.softkey.json").unlink()
    without = shell("dongle", "doctor", lang="ko")
    assert without.returncode == 4 and "키 파일이 없습니다" in without.stdout


@pytest.mark.parametrize(
    "content", ["", "{}", '{"lnx_software_key":{"private":"AA==","pub":""}}', '{"lnx_software_key":{"private":"%s","pub":"%s"}}']
)
def test_a_damaged_key_file_is_refused(shell: Shell, content: str) -> None:
    zero, one = base64.b64encode(bytes(32)).decode(), base64.b64encode(bytes([4]) + bytes(64)).decode()
    (shell.folder / "bad.softkey.json").write_text(content % (zero, one) if "%s" in content else content)
    assert shell.refused("dongle", "request", "x.lnxreq", "--evaluation", "bad.softkey.json") == (3, 227)


def test_a_token_of_another_maker_goes_the_whole_way(shell: Shell, virtual_reader: VirtualReader) -> None:
    make_keys(shell)
    virtual_reader.insert(virtual_reader.new_token(maker=False, key=False))
    assert shell.refused("dongle", "provision", "--desk", "desk", "--yes") == (3, 350)
    made = shell.json("dongle", "provision", "--desk", "desk", "--yes", "--allow-unattested")
    assert not made["attested"] and len(made["warnings"]) == 2
    shell.json(*ISSUE, "plain.lic", "--dongle", made["serial"])
    shell.json("dongle", "apply", "plain.lic", "--to-token", "--desk", "desk")
    at_plant = shell.json("dongle", "verify")
    assert at_plant["checks"] == ["answers", "unattested", "opens"] and at_plant["families"] == ["fam-2026A"]


def test_a_withdrawn_key_counts_no_more(shell: Shell) -> None:
    make_keys(shell)
    shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", "keys/trial.softkey.json")
    soon = in_days(20)
    shell.json("license", "issue", "--key", "keys/desk.license-key.pem", "--request", "trial.lnxreq", "--until", soon, "trial.lic")
    listed = shell.json("license", "show", "keys/acme.keylist.json")["content"]
    keyid = next(key["keyid"] for key in listed["keys"] if key["role"] == "license")
    assert shell.json("license", "withdraw", keyid, "--root", "keys/acme.root-key.pem")["issue"] == 3
    (shell.trust / "acme.keylist.json").write_bytes((shell.folder / "keys/acme.keylist.json").read_bytes())
    assert shell("license", "verify", "trial.lic").returncode == 3
    assert shell.refused("license", "withdraw", keyid, "--root", "keys/acme.root-key.pem") == (2, 103)


def test_a_container_key_of_the_list_is_trusted_by_verify_file_until_it_is_withdrawn(shell: Shell) -> None:
    make_keys(shell)
    for name in ("release.container", "desk.license"):
        key = load_signing_key(shell.folder / f"keys/{name}-key.pem")
        write_container(
            shell.folder / f"{name}.lnx", entries={"a": b"b"}, public=PublicInfo("m", "1"), signing_key=key, recipients=[OpenRecipient()]
        )
    assert shell("verify-file", "release.container.lnx").returncode == 0
    assert shell.refused("verify-file", "desk.license.lnx") == (3, 210)


def test_private_keys_are_protected_by_their_password_alone(shell: Shell) -> None:
    shell.json("license", "keygen", "root", "acme", "--out", "keys", "--password", "하나 둘")
    add = ("license", "keygen", "license", "desk", "--out", "keys", "--root", "keys/acme.root-key.pem")
    assert shell.refused(*add, "--root-password", "wrong") == (3, 227)
    assert not list((shell.folder / "keys").glob("desk*"))
    shell.json(*add, "--root-password", "하나 둘")
    assert shell.refused("license", "keygen", "root", "acme", "--out", "keys") == (3, 227)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--dongle", "9"), (3, 352)),
        ((), (2, 103)),
        (("--dongle", "../x"), (2, 103)),
        (("--request", "missing.lnxreq"), (3, 353)),
        (("--request", "keys/trial.softkey.json"), (3, 353)),
        (("--until", "31.12.2027"), (2, 103)),
        (("--feature", "cameras"), (2, 103)),
        (("--model", "weld:seven"), (2, 103)),
        (("--grace", "unplug_s=-1"), (2, 103)),
    ],
)
def test_wrong_use_is_refused_and_nothing_is_written(shell: Shell, options: tuple[str, ...], expected: tuple[int, int]) -> None:
    make_keys(shell)
    shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", "keys/trial.softkey.json")
    good = ("--request", "trial.lnxreq") if options and not options[0].startswith(("--dongle", "--request")) else ()
    assert shell.refused(*ISSUE, "x.lic", *good, *options) == expected
    assert not (shell.folder / "x.lic").exists() and not (shell.folder / "desk").exists()


def test_without_dongle_and_without_service_the_message_says_which(shell: Shell, virtual_reader: VirtualReader) -> None:
    assert shell.refused("dongle", "verify") == (3, 322)
    empty = shell("dongle", "doctor", lang="ko")
    assert empty.returncode == 4 and "어느 리더기에도 토큰이 없습니다" in empty.stdout
    virtual_reader.insert(virtual_reader.new_token(1))
    virtual_reader.insert(virtual_reader.new_token(2), slot=1)
    assert shell.refused("dongle", "verify") == (3, 354)
    virtual_reader.service.stop()
    assert shell.refused("dongle", "verify") == (3, 320)
    ailing = shell("dongle", "doctor", lang="ko")
    assert ailing.returncode == 4 and "스마트카드 서비스가 응답하지 않습니다" in ailing.stdout


@pytest.mark.parametrize("fault", ["wrong-key", "replay", "garbage", "short", "sw:6982", "no-piv"])
def test_a_bad_token_is_refused_with_its_own_status(shell: Shell, virtual_reader: VirtualReader, fault: str) -> None:
    card = virtual_reader.insert()
    if fault == "replay":
        shell("dongle", "verify", "--desk", "none")  # the first answer is recorded
    card.faults.set(fault)
    expected = {"no-piv": 324, "sw:6982": 324}.get(fault, 311)
    assert shell.refused("dongle", "verify", "--maker-root", virtual_reader.root_path) == (3, expected)


@pytest.mark.parametrize("command", ["license", "dongle"])
def test_the_installed_command_speaks_korean(command: str) -> None:
    program = [sys.executable, "-c", "from lnx.cli import main; main()", command, "--help"]
    settings = {**os.environ, "LNX_LANG": "ko", "COLUMNS": "200"}
    told = subprocess.run(program, capture_output=True, text=True, encoding="utf-8", env=settings, check=False, timeout=120)
    assert told.returncode == 0 and TEXTS[command][1] in told.stdout


def test_every_text_stands_in_both_languages() -> None:
    for english, korean in TEXTS.values():
        assert english and any("가" <= letter <= "힣" for letter in korean)
    for words in WORDS.values():
        assert words.text and words.text_ko and bool(words.fix) == bool(words.fix_ko)
        assert words.kind != "problem" or words.fix


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(shell: Shell) -> None:
    make_keys(shell)
    (shell.folder / "file").write_text("in the way")
    shell.json("license", "keygen", "evaluation", "trial", "--out", "keys")
    assert shell.refused("dongle", "request", "file/x.lnxreq", "--evaluation", "keys/trial.softkey.json") == (5, 510)
    shell.json("dongle", "request", "trial.lnxreq", "--evaluation", "keys/trial.softkey.json")
    assert shell.refused(*ISSUE, "file/x.lic", "--request", "trial.lnxreq", "--until", in_days(20)) == (5, 510)
    shell.json(*ISSUE, "trial.lic", "--request", "trial.lnxreq", "--until", in_days(20))
    apply = ("dongle", "apply", "trial.lic", "--evaluation", "keys/trial.softkey.json")
    assert shell.refused(*apply, "--licenses", "file/licences") == (5, 510)
    assert shell.refused("license", "keygen", "root", "b", "--out", "file/keys") == (5, 510)
    assert (shell.folder / "file").read_text() == "in the way" and not list(shell.folder.rglob("*.tmp"))
