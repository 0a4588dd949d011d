"""A handover archive holds what it says, carries no secret, and one changed byte is told."""

from __future__ import annotations

import hashlib
import json
import struct
import tomllib
import zipfile
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import lnx
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from lnx import handover
from lnx.container import dsse, load_public_key, load_signing_key, new_container_key, new_family_key
from lnx.container.keys import key_id
from lnx.handover.archive import FORMAT, LIST
from lnx.handover.blackout import toml as blacked_out
from typer.testing import CliRunner

MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CONFIGURATION = """# 라인 1
[mqtt]
url = "mqtts://plant:s3cret@broker:8883"
password = "s3cret"
password_file = "/etc/lnx/mqtt.password"
[otlp]
bearer_token = 's3cret'
"""


@pytest.fixture
def parts(classifier: Path, keys: tuple[Path, Path], tmp_path: Path) -> list[Path]:
    licence = {"v": 1, "license_id": "LIC-1", "customer": "A plant", "keys": [{"kid": "f", "ct": "hidden"}], "features": {"ocr": True}}
    envelope = dsse.sign("application/vnd.lnx.license+json", json.dumps(licence).encode(), [load_signing_key(keys[0])])
    (tmp_path / "라인1.lic").write_text(json.dumps(envelope), encoding="utf-8")
    (tmp_path / "collect.toml").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "시험 성적서.html").write_text("<p>ok</p>", encoding="utf-8")
    return [classifier, tmp_path / "라인1.lic", tmp_path / "collect.toml", tmp_path / "시험 성적서.html", keys[1]]


@pytest.fixture
def archive(parts: list[Path], keys: tuple[Path, Path], tmp_path: Path) -> Path:
    made = tmp_path / "인계.zip"
    taken = [handover.take_in(path) for path in parts]
    handover.make(made, taken, load_signing_key(keys[0]), commands=["lnx selftest part.lnx"], moment=MOMENT)
    return made


def trusted(keys: tuple[Path, Path]) -> dict[str, Any]:
    key = load_public_key(keys[1])
    return {key_id(key): key}


def test_an_archive_tells_each_file_and_what_it_is(archive: Path, keys: tuple[Path, Path], classifier: Path) -> None:
    checked = handover.check(archive, trusted(keys))
    files = {item["name"]: item for item in checked.listed["files"]}
    assert files[f"models/{classifier.name}"]["sha256"] == hashlib.sha256(classifier.read_bytes()).hexdigest()
    assert files[f"models/{classifier.name}"]["told"]["public"]["version"]
    assert files["licences/라인1.lic"]["told"]["license_id"] == "LIC-1" and "keys" not in files["licences/라인1.lic"]["told"]
    assert files["reports/시험 성적서.html"]["kind"] == "report"
    assert {"README.txt", "sbom.cdx.json"} <= set(files)
    assert checked.listed["commands"] == ["lnx selftest part.lnx"] and checked.listed["made"] == "2026-11-21T09:30:00+00:00"
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None, "any ZIP program reads it"
        shown = opened.read("configuration/collect.toml").decode()
    assert "s3cret" not in shown and tomllib.loads(shown)["mqtt"]["password_file"] == "/etc/lnx/mqtt.password"


def test_the_bill_of_materials_is_cyclonedx_and_names_what_is_installed(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        text = opened.read("sbom.cdx.json").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    versions = {component["name"]: component["version"] for component in bom["components"]}
    for name in ("numpy", "onnx", "cryptography"):
        assert versions[name] == metadata.version(name)
    assert bom["metadata"]["component"]["name"] == "lnx-edge" and "lnx-edge" not in versions
    assert not {"pytest", "pip", "mypy"} & set(versions), "they lie in the environment, but no plant needs them"
    runtime = Path(lnx.doctor()["runtime"]["path"])
    told = handover.cyclonedx(MOMENT, (runtime, "1.0"))
    assert told["components"][-1]["hashes"][0]["content"] == hashlib.sha256(runtime.read_bytes()).hexdigest()


def test_the_same_parts_give_the_same_list(parts: list[Path], keys: tuple[Path, Path], tmp_path: Path) -> None:
    taken = [handover.take_in(path) for path in parts]
    signing = load_signing_key(keys[0])
    lists = [handover.make(tmp_path / f"{i}.zip", order, signing, moment=MOMENT) for i, order in enumerate((taken, taken[::-1]))]
    assert lists[0] == lists[1]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".new")]


@pytest.mark.parametrize("secret", ["container", "family", "renamed"])
def test_secrets_are_refused(tmp_path: Path, secret: str) -> None:
    private, _ = new_container_key(tmp_path, "a")
    family = new_family_key(tmp_path, "fam-1")
    path = {"container": private, "family": family, "renamed": tmp_path / "report.txt"}[secret]
    if secret == "renamed":
        path.write_bytes(private.read_bytes())
    with pytest.raises(lnx.LnxError) as caught:
        handover.take_in(path)
    assert caught.value.status == 251 and str(path) in str(caught.value)


def test_passwords_are_blacked_out_and_nothing_else() -> None:
    text = 'a = 1\napi_key = "x y"\nnested.secret="q"\npassword_file = "p"\ntokens = 3\nnote = "password: no"\n'
    text += 'url = "postgresql://u:pw@h/db"\n'
    told = tomllib.loads(blacked_out(text))
    assert told == {
        "a": 1,
        "api_key": "********",
        "nested": {"secret": "********"},
        "password_file": "p",
        "tokens": 3,
        "url": "postgresql://u:********@h/db",
        "note": "password: no",
    }


def rewritten(archive: Path, output: Path, change: dict[str, bytes | None], extra: dict[str, bytes] | None = None) -> Path:
    """A copy with files changed (None: left out) or added."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            content = change.get(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return output


def refused(path: Path, keys: tuple[Path, Path]) -> str:
    with pytest.raises(lnx.LnxError) as caught:
        handover.check(path, trusted(keys))
    assert caught.value.status == 250 and caught.value.expected
    return str(caught.value.found)


def test_whatever_is_changed_is_told(archive: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    report = "reports/시험 성적서.html"
    assert report in refused(rewritten(archive, tmp_path / "a.zip", {report: b"<p>OK</p>"}), keys)
    assert report in refused(rewritten(archive, tmp_path / "b.zip", {report: b"<p>ok</p> "}), keys)
    assert f"missing: {report}" in refused(rewritten(archive, tmp_path / "c.zip", {report: None}), keys)
    assert "not in the list: x" in refused(rewritten(archive, tmp_path / "d.zip", {}, {"x": b""}), keys)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = rewritten(archive, tmp_path / "e.zip", {}, {report: b"<p>ok</p>"})
    assert f"twice: {report}" in refused(twice, keys)
    (tmp_path / "stranger").mkdir()
    other = new_container_key(tmp_path / "stranger", "other")
    assert "not trusted" in refused(archive, other)
    with zipfile.ZipFile(archive) as opened:
        envelope = json.loads(opened.read(LIST))
    payload = dsse.decode_base64(envelope["payload"])
    assert payload is not None
    foreign = dsse.sign("application/vnd.lnx.license+json", payload, [load_signing_key(keys[0])])
    assert refused(rewritten(archive, tmp_path / "f.zip", {LIST: json.dumps(foreign).encode()}), keys), f"only {FORMAT} counts"


def test_cut_and_flipped_archives_are_refused(archive: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    data = archive.read_bytes()
    broken = tmp_path / "broken.zip"
    for size in (0, 1, 100, len(data) // 2, len(data) - 1):
        broken.write_bytes(data[:size])
        refused(broken, keys)
    content = {}
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
            content[info.filename] = info.header_offset + 30 + name_length + extra_length
    for name, offset in content.items():
        spoilt = bytearray(data)
        spoilt[offset] ^= 0x10
        broken.write_bytes(spoilt)
        assert refused(broken, keys), name


def test_the_commands_make_and_check(parts: list[Path], keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lnx.cli import app

    monkeypatch.setenv("LNX_LANG", "en")
    made = tmp_path / "out.zip"
    words = ["handover", "make", *map(str, parts), "--key", str(keys[0]), "--output", str(made), "--json"]
    dry = CliRunner().invoke(app, [*words, "--dry-run"])
    assert dry.exit_code == 0 and not made.exists() and len(json.loads(dry.stdout)["files"]) == len(parts)
    ran = CliRunner().invoke(app, words)
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    held = CliRunner().invoke(app, ["handover", "check", str(made), "--trust", str(keys[1]), "--json"])
    assert held.exit_code == 0 and json.loads(held.stdout)["holds"] is True
    secret = CliRunner().invoke(app, ["handover", "make", str(keys[0]), "--key", str(keys[0]), "--output", str(tmp_path / "no.zip")])
    assert secret.exit_code == 3 and not (tmp_path / "no.zip").exists()
