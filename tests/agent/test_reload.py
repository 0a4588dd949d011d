"""Settings that change while the agent runs: good ones are taken over, others leave the last good ones, and nothing is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agent_plant import agent_toml, receiver_settings, running_receiver, wait_for
from lnx_agent import ownlog
from lnx_agent.agent import Agent
from lnx_agent.reload import LAST_GOOD, SettingsFile
from lnx_common.config import ConfigError
from lnx_common.events import EventFile
from lnx_common.service import StopSignal


@contextmanager
def watched(path: Path) -> Iterator[Agent]:
    """The agent as the service runs it, in a thread."""
    file = SettingsFile(path)
    loaded = file.start()
    agent, stop = Agent(loaded.settings, file, loaded.digest), StopSignal()
    if loaded.refused is not None:
        agent.refuse_settings(loaded.refused)
    thread = threading.Thread(target=agent.run, args=(stop,), daemon=True)
    thread.start()
    try:
        wait_for(agent.ready.is_set)
        yield agent
    finally:
        stop.set()
        thread.join(90)


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_another_address_is_taken_over_and_everything_arrives_there(tmp_path: Path) -> None:
    events = EventFile("press", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        toml = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
        with watched(toml) as agent:
            for n in range(50):
                events.write("lnx.error", {"status": n, "model": "m"})
            wait_for(lambda: agent.uplinks[0].status.state == "retrying")
            edited(toml, "http://127.0.0.1:1", there.url)
            wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.error") == 50)
            wait_for(lambda: any(r.event == "agent.settings" and r.attributes["state"] == "applied" for r in there.records().values()))


def test_a_second_uplink_begins_and_one_that_is_gone_ends(tmp_path: Path) -> None:
    toml = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
    more = f'\n[[uplink]]\nkind = "file_drop"\nname = "drop"\nfolder = \'{tmp_path / "drop"}\'\n'
    with watched(toml) as agent:
        before = agent.uplinks[0]
        with toml.open("a", encoding="utf-8") as file:
            file.write(more)
        wait_for(lambda: [one.status.name for one in agent.uplinks] == ["agency", "drop"])
        assert agent.uplinks[0] is before  # what did not change goes on undisturbed
        edited(toml, more, "")
        wait_for(lambda: [one.status.name for one in agent.uplinks] == ["agency"])
        wait_for(lambda: "drop" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('checkpoint = "1s"', 'checkpoint = "1 parsec"', "seal.checkpoint"),
        ("[seal]", "[seal", "agent.toml"),
        ("data = '", "data = '/nowhere", "data"),
        ("token_file = '", "token_file = '/nowhere", "LNX-803"),
    ],
)
def test_a_slip_is_an_alarm_with_its_place_and_the_last_good_settings_stay(tmp_path: Path, old: str, new: str, named: str) -> None:
    toml = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
    good = toml.read_text(encoding="utf-8")
    with watched(toml) as agent:
        before, uplink = agent.settings, agent.uplinks[0]
        edited(toml, old, new)
        wait_for(lambda: "settings" in agent.alarms.now())
        assert named in agent.alarms.now()["settings"]
        assert (agent.settings, agent.uplinks[0]) == (before, uplink)
        toml.write_text(good, encoding="utf-8")
        wait_for(lambda: "settings" not in agent.alarms.now())


@pytest.mark.parametrize(("old", "new"), [("[seal]", "[seal"), ('heartbeat = "1s"', 'heartbeet = "1s"')])
def test_a_restart_with_a_broken_file_goes_on_with_the_last_good_settings(tmp_path: Path, old: str, new: str) -> None:
    toml = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
    with watched(toml) as agent:
        assert (tmp_path / "plant/data" / LAST_GOOD).read_bytes() == toml.read_bytes()
        settings = agent.settings
    edited(toml, old, new)
    with watched(toml) as agent:
        assert agent.settings == settings
        assert "settings" in agent.alarms.now()
        edited(toml, new, old)
        wait_for(lambda: "settings" not in agent.alarms.now())


def test_an_uplink_whose_secret_is_missing_waits_for_it_and_the_log_goes_on(tmp_path: Path) -> None:
    events = EventFile("press", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        toml = agent_toml(tmp_path / "plant", there.url)
        hidden = (tmp_path / "plant/token").rename(tmp_path / "hidden")
        with watched(toml) as agent:
            events.write("lnx.error", {"status": 1, "model": "m"})
            wait_for(lambda: agent.ledger.live.next_seq > 3)
            assert "LNX-803" in agent.alarms.now()["uplink agency"]
            hidden.rename(tmp_path / "plant/token")
            wait_for(lambda: any(r.event == "lnx.error" for r in there.records().values()))
            wait_for(lambda: not agent.alarms.now())


def test_a_broken_file_without_anything_good_before_is_refused(tmp_path: Path) -> None:
    toml = agent_toml(tmp_path / "plant", "http://127.0.0.1:1")
    edited(toml, 'heartbeat = "1s"', 'heartbeet = "1s"')
    with pytest.raises(ConfigError, match="heartbeat"):
        SettingsFile(toml).start()


def test_the_agents_own_log_never_grows_beyond_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownlog, "FILE_BYTES", 20_000)
    log = ownlog.OwnLog(tmp_path)
    for n in range(2_000):
        log.info(f"{n} " + "x" * 100)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + ownlog.OLDER_FILES
    assert sum(path.stat().st_size for path in files) <= 20_000 * (1 + ownlog.OLDER_FILES)
    assert "1999 " in (tmp_path / "agent.log").read_text(encoding="utf-8").splitlines()[-1]
