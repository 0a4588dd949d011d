"""The commands a plant and an agency use, end to end."""

from __future__ import annotations

import json
import platform
import re
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from agent_plant import (
    TOKEN,
    RunningAgent,
    agent_process,
    agent_toml,
    receiver_settings,
    running_agent,
    running_receiver,
    seconds_here,
    this_month,
    wait_for,
)
from lnx_agent.cli import app, receiver
from lnx_agent.config import load_agent
from lnx_agent.receiver.store import Store
from lnx_common.events import EventFile
from typer.testing import CliRunner

run = CliRunner()


def log_of(tmp_path: Path, count: int = 500) -> Path:
    """A stopped agent with a log; returns its agent.toml. Its uplink leads nowhere."""
    settings = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
    events = EventFile("inspection", tmp_path / "plant/events")
    for n in range(count):
        events.write("lnx.error", {"status": n, "model": "m"})
    with running_agent(settings) as agent:
        wait_for(lambda: agent.ledger.live.next_seq > count and agent.ledger.live.sealed > 100)
    return settings


def receiver_toml(tmp_path: Path) -> Path:
    path = tmp_path / "receiver.toml"
    path.write_text(f'data = \'{tmp_path / "receiver"}\'\n[[plant]]\nname = "plant"\ntoken_sha256 = "{"0" * 64}"\n', encoding="utf-8")
    return path


def test_verify_answers_with_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNX_LANG", "ko")
    settings = log_of(tmp_path)
    good = run.invoke(app, ["verify", str(tmp_path / "plant/data")])
    assert good.exit_code == 0, good.output
    assert "누락 없음" in good.output
    today = time.strftime("%Y-%m-%d")
    assert run.invoke(app, ["verify", str(tmp_path / "plant/data"), "--from", "2026-01-01", "--to", today]).exit_code == 1
    next((tmp_path / "plant/data/streams").glob("*/segments/*/*.seg")).unlink()
    bad = run.invoke(app, ["verify", str(tmp_path / "plant/data"), "--json"])
    assert bad.exit_code == 1
    assert {p["kind"] for p in json.loads(bad.output)["problems"]} & {"missing-segment", "missing"}
    assert run.invoke(app, ["verify", str(tmp_path / "nothing")]).exit_code == 4
    assert settings.exists()


def test_a_carried_log_is_taken_in_and_its_receipt_reaches_the_log(tmp_path: Path) -> None:
    settings, there = log_of(tmp_path), receiver_toml(tmp_path)
    bundle = tmp_path / "로그.zip"
    done = run.invoke(app, ["export", str(settings), "--out", str(bundle)])
    assert done.exit_code == 0, done.output
    for _ in range(2):  # a second time changes nothing
        done = run.invoke(receiver, ["import", str(there), str(bundle), "--plant", "plant"])
        assert done.exit_code == 0, done.output
    answer = run.invoke(
        receiver, ["query", str(there), "SELECT count(*) AS n, max(seq) AS last FROM records WHERE event = 'lnx.error'", "--json"]
    )
    assert json.loads(answer.output)[0]["n"] == "500"
    assert run.invoke(app, ["import", str(settings), str(bundle.with_suffix(".receipt"))]).exit_code == 0
    with running_agent(settings) as agent:
        wait_for(lambda: not list((tmp_path / "plant/data/inbox").iterdir()))
        assert agent.ledger.live.next_seq > 500
    report = json.loads(run.invoke(app, ["verify", str(tmp_path / "plant/data"), "--json"]).output)
    assert report["complete"]


def test_an_export_that_was_changed_on_the_way_is_refused(tmp_path: Path) -> None:
    settings, there = log_of(tmp_path), receiver_toml(tmp_path)
    bundle = tmp_path / "log.zip"
    run.invoke(app, ["export", str(settings), "--out", str(bundle)])
    with zipfile.ZipFile(bundle) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(content["manifest.json"])
    for trick in ("content", "name", "no manifest"):
        changed = dict(content)
        victim = next(name for name in content if name.endswith(".seg"))
        if trick == "content":
            changed[victim] = changed[victim][:-1] + b"x"
        elif trick == "name":
            changed["../outside"] = changed.pop(victim)
            files = {**manifest["files"], "../outside": manifest["files"][victim]}
            files.pop(victim)
            changed["manifest.json"] = json.dumps({**manifest, "files": files}).encode()
        else:
            changed.pop("manifest.json")
        bad = tmp_path / f"{trick}.zip"
        with zipfile.ZipFile(bad, "w") as archive:
            for name, data in changed.items():
                archive.writestr(name, data)
        done = run.invoke(receiver, ["import", str(there), str(bad), "--plant", "plant"])
        assert done.exit_code == 4, trick
        assert not (tmp_path / "outside").exists()
    bad = tmp_path / "cut.zip"
    bad.write_bytes(bundle.read_bytes()[:-100])
    assert run.invoke(receiver, ["import", str(there), str(bad), "--plant", "plant"]).exit_code == 4
    store = Store(tmp_path / "receiver")
    assert store.connection().execute("SELECT count(*) FROM record").fetchone() == (0,)


def test_the_certificate_and_the_usage_are_written(tmp_path: Path) -> None:
    settings = log_of(tmp_path)
    month = this_month()
    run.invoke(app, ["certificate", str(settings), month, "--out", str(tmp_path)])
    page = (tmp_path / f"certificate-{month}.html").read_text(encoding="utf-8")
    assert "누락" in page
    assert "AI-VISION-01" in page
    assert (tmp_path / f"certificate-{month}.pdf").read_bytes().startswith(b"%PDF-")
    done = run.invoke(app, ["usage", str(settings), month, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    table = (tmp_path / f"usage-{month}.csv").read_text(encoding="utf-8-sig")
    assert "가동률" in table.splitlines()[0]
    titles, total = (line.split(",") for line in (table.splitlines()[0], table.splitlines()[-1]))
    month_of = dict(zip(titles, total, strict=True))
    assert (month_of["오류"], month_of["누락 기록"], month_of["로그 연속성"]) == ("500", "0", "100.00%")
    page = (tmp_path / f"usage-{month}.html").read_text(encoding="utf-8")
    assert "미가동 사유" in page


MORE_UPLINKS = """
[[uplink]]
kind = "smartfactory_log"
name = "national"
url = "http://127.0.0.1:1/send"
key_file = 'token'
account = "AI-VISION-01"

[[uplink]]
kind = "file_drop"
name = "stick"
folder = 'stick'

[[uplink]]
kind = "mqtt"
name = "broker"
host = "127.0.0.1"
"""


@pytest.mark.parametrize("command", ["certificate", "usage"])
@pytest.mark.parametrize("month", ["2026-13", "november", "2026"])
def test_a_month_that_is_none_is_refused_with_the_form(tmp_path: Path, command: str, month: str) -> None:
    shown = run.invoke(app, [command, str(agent_toml(tmp_path, "http://127.0.0.1:1")), month, "--out", str(tmp_path)])
    assert shown.exit_code == 2
    assert "YYYY-MM" in shown.output


def test_the_preview_is_what_leaves_and_names_no_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {platform.node()}
    for owner, name in ((platform, "node"), (socket, "gethostname")):
        monkeypatch.setattr(owner, name, lambda: "PC-OF-SOMEBODY-7731")  # a short name may be in a signature by chance
    settings = log_of(tmp_path)
    shown = run.invoke(app, ["preview", str(settings), "--count", "3", "--json"])
    (uplink,) = json.loads(shown.output)["uplinks"]
    assert uplink["to"] == "http://127.0.0.1:1"
    (logs,) = uplink["sends"]["resourceLogs"]
    names = {pair["key"] for pair in logs["resource"]["attributes"]}
    assert {"service.name", "host.id", "lnx.agent.id"} <= names
    assert "host.name" not in names
    assert len(logs["scopeLogs"][0]["logRecords"]) == 3
    assert "SOMEBODY" not in shown.output
    assert not values & set(re.findall(r'"stringValue": "([^"]*)"', shown.output))


def test_the_preview_works_before_the_first_start_and_shows_each_uplinks_own_form(tmp_path: Path) -> None:
    settings = agent_toml(tmp_path, "http://127.0.0.1:1")
    settings.write_text(settings.read_text(encoding="utf-8") + MORE_UPLINKS, encoding="utf-8")
    events = EventFile("inspection", tmp_path / "events")
    for n in range(5):
        events.write("lnx.run.summary", {"model": "m", "session": "1-1", "runs": n, "ok": n})
    shown = run.invoke(app, ["preview", str(settings), "--count", "2", "--json"])
    sends = {one["name"]: one["sends"] for one in json.loads(shown.output)["uplinks"]}
    records = sends["agency"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    runs = [next(pair["value"]["intValue"] for pair in record["attributes"] if pair["key"] == "runs") for record in records]
    assert runs == ["3", "4"]
    assert sends["broker"] == sends["agency"]
    assert [row["attributes"]["runs"] for row in sends["stick"]] == [3, 4]
    (service,) = sends["national"]  # both are of one slot
    assert (service["crtfcKey"], service["useSe"], service["sysUser"]) == ("***", "조회", "AI-VISION-01")
    assert TOKEN not in shown.output
    people = run.invoke(app, ["preview", str(settings)])
    assert "national (smartfactory_log) → http://127.0.0.1:1/send" in people.output
    assert not list((tmp_path / "data").glob("streams"))  # nothing was accepted, nothing was sent


def test_doctor_names_what_is_wrong_and_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNX_LANG", "en")
    bad = agent_toml(tmp_path / "bad", "http://127.0.0.1:1")
    shown = run.invoke(app, ["doctor", str(bad), "--json"])
    checks = {check["what"]: check for check in json.loads(shown.output)["checks"]}
    assert shown.exit_code == 1
    assert not checks["uplink agency"]["fine"]
    assert "port" in checks["uplink agency"]["fix"]
    assert checks["uplink agency"]["fix"] in run.invoke(app, ["doctor", str(bad)]).output
    monkeypatch.setenv("LNX_LANG", "ko")
    assert "조치: " + checks["uplink agency"]["fix_ko"] in run.invoke(app, ["doctor", str(bad)]).output
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        good = agent_toml(tmp_path / "good", there.url)
        (tmp_path / "good/events").mkdir()
        assert run.invoke(app, ["doctor", str(good)]).exit_code == 0
        assert not there.records()


def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNX_LANG", "en")
    settings = agent_toml(tmp_path, "http://127.0.0.1:1")
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("batch", "").replace('site = "P001"', 'sitte = "P001"'), encoding="utf-8"
    )
    shown = run.invoke(app, ["run", str(settings)])
    assert shown.exit_code == 2
    assert "agent.toml:" in shown.output
    assert "site" in shown.output


def test_an_older_program_leaves_the_folder_of_a_newer_one_as_it_is(tmp_path: Path) -> None:
    settings = log_of(tmp_path)
    data = tmp_path / "plant/data"
    ledger = json.loads((data / "ledger.json").read_bytes())
    (data / "ledger.json").write_text(json.dumps({**ledger, "format": 2, "invented-later": {}}), encoding="utf-8")
    before = {path: path.read_bytes() for path in (data / "streams").rglob("*") if path.suffix in (".seg", ".note", ".db")}
    old = RunningAgent(settings)
    wait_for(lambda: "LNX-809" in old.agent.alarms.now().get("storage", ""))
    old.stop()
    assert {path: path.read_bytes() for path in before} == before
    assert not (data / "quarantine").exists()
    (data / "ledger.json").write_text(json.dumps(ledger), encoding="utf-8")  # the newer program is back
    with running_agent(settings) as agent:
        assert [entry.id for entry in agent.ledger.streams] == [entry["id"] for entry in ledger["streams"]]


def test_init_writes_a_file_that_is_accepted(tmp_path: Path) -> None:
    assert run.invoke(app, ["init", str(tmp_path / "agent.toml")]).exit_code == 0
    assert load_agent(tmp_path / "agent.toml").uplink[0].name == "agency"
    assert run.invoke(app, ["init", str(tmp_path / "agent.toml")]).exit_code == 2


def test_the_service_stops_within_five_seconds_and_refuses_a_second_one(tmp_path: Path) -> None:
    settings = agent_toml(tmp_path, "http://127.0.0.1:1")
    first = agent_process(settings)
    try:
        wait_for(lambda: (tmp_path / "data/status.json").exists())
        second = subprocess.run(
            [sys.executable, "-m", "lnx_agent.main", str(settings)], capture_output=True, text=True, timeout=120, check=False
        )
        assert second.returncode != 0
        assert f"process {first.pid}" in second.stderr
        wait_for(lambda: run.invoke(app, ["status", str(settings)]).exit_code == 1)  # it runs, but its uplink does not
        begin = time.monotonic()
        first.terminate()
        assert first.wait(120) == 0
        assert time.monotonic() - begin < seconds_here(5)
    finally:
        first.kill()


def test_a_rotated_key_is_introduced_in_the_log(tmp_path: Path) -> None:
    settings = log_of(tmp_path)
    assert run.invoke(app, ["rotate-key", str(settings)]).exit_code == 0
    with running_agent(settings) as agent:
        wait_for(lambda: not list((tmp_path / "plant/data/inbox").iterdir()))
        sealed = agent.ledger.live.sealed
        wait_for(lambda: agent.ledger.live.sealed > sealed)
    shown = run.invoke(app, ["verify", str(tmp_path / "plant/data")])
    assert shown.exit_code == 0, shown.output
    assert len((tmp_path / "plant/data/keys/agent.vkeys").read_text().splitlines()) == 2
