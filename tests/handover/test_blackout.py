"""No configuration that is handed over carries a password or token, whatever its format; all else stays as it was."""

from __future__ import annotations

import json
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import lnx
import pytest
import yaml
from lnx import handover
from lnx.container import load_signing_key
from lnx.handover import blackout

YAML = """\
# 라인 1, password: s3cret (old)
mqtt: {url: "mqtts://plant:s3cret@broker:8883", password: s3cret, password_file: /etc/lnx/mqtt.password}
clientSecret: 's3cret'
pin_password: 12345678
api-key: |
  s3cret
  s3cret again
shared: &one s3cret
accessToken: *one
aliased_token: &two "s3cret"
again: *two
empty_password:
has_password: true
credentials:
  user: s3cret
  list: [s3cret, 's3cret']
environment:
  - DB_PASSWORD=s3cret
  - name: SMTP_PASSWORD
    value: s3cret
connection: "Server=db;Password=s3cret;Encrypt=yes"
max_tokens: 512
note: "password: no"
---
second: {token: "s3cret"}  # kept
"""
JSON = {
    "database": {"url": "postgresql://u:s3cret@h/db", "password": "s3cret", "port": 5432},
    "headers": {"Authorization": "Bearer s3cret"},
    "env": [{"name": "API_KEY", "value": "s3cret"}, "TOKEN=s3cret"],
    "credentials": {"all": ["s3cret", 12345678, None, True]},
    "설명": "password: no",
    "password_file": "p",
}
TOML = """\
# token = "s3cret"
auth = { user = "u", password = "s3cret \\" s3cret" }
"api-key" = '''
s3cret'''
pin.secret = 12345678
token = \"\"\"s3cret
s3cret\"\"\"
connection = "AccountKey=s3cret;Table=x"
tokens = 3
password_file = "p"
"""
SECRETS = ("s3cret", "12345678")


@pytest.mark.parametrize(("name", "text"), [("a.yaml", YAML), ("a.YML", YAML), ("a.json", json.dumps(JSON)), ("a.toml", TOML)])
def test_no_secret_is_in_what_is_handed_over(name: str, text: str, keys: tuple[Path, Path], tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_text(text, encoding="utf-8")
    part = handover.take_in(source)
    assert (part.kind, part.told) == ("configuration", {"blacked_out": True})
    archive = tmp_path / "인계.zip"
    handover.make(archive, [part], load_signing_key(keys[0]), moment=datetime(2026, 11, 30, tzinfo=UTC))
    with zipfile.ZipFile(archive) as opened:
        everything = b"".join(opened.read(entry) for entry in opened.namelist()).decode("utf-8", "replace")
    assert [secret for secret in SECRETS if secret in everything] == []


def test_all_else_of_a_yaml_file_stays_as_it_was() -> None:
    shown = blackout.yaml(YAML)
    first, second = yaml.safe_load_all(shown)
    black = blackout.BLACK
    assert first["mqtt"] == {"url": f"mqtts://plant:{black}@broker:8883", "password": black, "password_file": "/etc/lnx/mqtt.password"}
    assert first["credentials"] == {"user": black, "list": [black, black]} and first["again"] == black
    assert first["environment"] == [f"DB_PASSWORD={black}", {"name": "SMTP_PASSWORD", "value": black}]
    assert first["connection"] == f"Server=db;Password={black};Encrypt=yes"
    assert (first["max_tokens"], first["note"], first["has_password"], first["empty_password"]) == (512, "password: no", True, None)
    assert second == {"second": {"token": black}} and shown.splitlines()[-1].endswith("# kept")
    plain = "a: 1  # 그대로\nb: [x, 'y']\n"
    assert blackout.yaml(plain) == plain


def test_all_else_of_a_json_and_a_toml_file_stays() -> None:
    black = blackout.BLACK
    told = json.loads(blackout.json_text(json.dumps(JSON)))
    assert told["credentials"] == {"all": [black, black, None, True]}
    assert told["env"] == [{"name": "API_KEY", "value": black}, f"TOKEN={black}"]
    assert (told["설명"], told["password_file"], told["database"]["port"]) == ("password: no", "p", 5432)
    shown = tomllib.loads(blackout.toml(TOML))
    assert (shown["auth"], shown["tokens"], shown["password_file"]) == ({"user": "u", "password": black}, 3, "p")


def test_a_json_report_without_secrets_goes_in_byte_for_byte(tmp_path: Path) -> None:
    report = tmp_path / "결과.json"
    report.write_bytes(b'{"p50_ms" :1.25,\n"tokens":3}')
    part = handover.take_in(report)
    assert (part.kind, part.content) == ("report", None)


def test_lines_of_settings_are_blacked_out_too(tmp_path: Path) -> None:
    path = tmp_path / "line1.env"
    path.write_text("MODE=fast\nDB_PASSWORD=s3cret one\n; token: s3cret\nTOKEN_FILE=/x\n", encoding="utf-8")
    part = handover.take_in(path)
    assert part.content == b"MODE=fast\nDB_PASSWORD=********\n; token: ********\nTOKEN_FILE=/x\n"


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("a.toml", 'secrets = ["s3cret"]\n', 251),
        ("a.toml", "a = \n", 250),
        ("a.yaml", "a: [1\n", 250),
        ("a.yaml", "[" * 5000 + "]" * 5000, 250),
        ("a.json", '{"a": 1', 250),
        ("a.json", '{"a": 1, "a": 2}', 250),
        ("a.json", "[" * 100_000 + "]" * 100_000, 250),
        ("a.yaml", "a: " + "x" * blackout.MAX_CONFIGURATION, 250),
        ("a.yaml", b"a: \xff\n", 250),
    ],
    ids=["array", "toml", "yaml", "deep-yaml", "json", "twice", "deep-json", "long", "not-utf-8"],
)
def test_what_cannot_be_judged_is_refused(tmp_path: Path, name: str, text: str | bytes, status: int) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(lnx.LnxError) as caught:
        handover.take_in(path)
    assert caught.value.status == status and str(path) in str(caught.value) and "s3cret" not in str(caught.value)
