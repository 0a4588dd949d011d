"""``lnx agent init | run | status | preview | doctor | install | uninstall | replay``."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from lnx_common.console import BROKEN, NOT_WELL, err, out, print_json, reported
from lnx_common.errors import PlantError
from lnx_common.text import language
from rich.table import Table

from lnx_agent import install as service
from lnx_agent.cli.messages import TEXTS, say
from lnx_agent.config import OtlpHttpSettings, load_agent
from lnx_agent.delivery.deadletter import DeadLetters
from lnx_agent.delivery.http import Connection, TransportError
from lnx_agent.delivery.otlp import CONTENT_TYPE, Verdict, judge, request_body, resource_bytes
from lnx_agent.doctor import examine
from lnx_agent.evidence.keys import AgentKeys
from lnx_agent.identity import agent_version, resource_of
from lnx_agent.main import run_agent
from lnx_agent.preview import newest, preview
from lnx_agent.uplinks.factory import endpoint_of

ALIVE_S = 15.0
Config = Annotated[Path, typer.Argument(help=say("arg.config"))]
Json = Annotated[bool, typer.Option("--json", help=say("opt.json"))]


def init_command(config: Config) -> None:
    with reported():
        if config.exists():
            raise PlantError(602, where=str(config), found="a file of this name", expected="a name that is free")
        config.write_text(files("lnx_agent").joinpath("sample.toml").read_text(encoding="utf-8"), encoding="utf-8")
        out.print(f"{say('written')}: {config}", markup=False)


def run_command(config: Config) -> None:
    with reported():
        run_agent(config)


def status_command(config: Config, as_json: Json = False) -> None:
    with reported(as_json):
        settings = load_agent(config)
        try:
            status: dict[str, Any] = json.loads((settings.data / "status.json").read_bytes())
        except (OSError, ValueError):
            status = {"running": False, "time": 0.0, "alarms": {}, "uplinks": []}
        status["running"] = bool(status["running"]) and time.time() - status["time"] < ALIVE_S
        well = status["running"] and not status["alarms"] and all(one["state"] == "up" for one in status["uplinks"])
        if as_json:
            print_json(status)
        else:
            _show_status(status)
        raise typer.Exit(0 if well else NOT_WELL)


def _show_status(status: dict[str, Any]) -> None:
    out.print(say("running" if status["running"] else "not-running"), style="green" if status["running"] else "red")
    if "stream" in status:
        numbers = f"{say('accepted')} {status['accepted']:,}   {say('sealed')} {status['sealed']:,}"
        out.print(f"  {say('stream')} {status['stream']}   {numbers}")
    for name, text in status["alarms"].items():
        out.print(f"  {say('alarm')}: {name}: {text}", style="red", markup=False)
    table = Table(box=None)
    for column in ("opt.uplink", "state", "delivered", "confirmed", "dead-letters"):
        table.add_column(say(column).rstrip("."))
    for one in status["uplinks"]:
        stream = status.get("stream", "")
        state = f"{say(one['state'])} {one['reason']}"
        figures = (f"{one['delivered'].get(stream, 0):,}", f"{one['confirmed'].get(stream, 0):,}", str(one["dead_letters"]))
        table.add_row(one["name"], state, *figures)
    out.print(table)


def preview_command(
    config: Config, count: Annotated[int, typer.Option("--count", min=1, help=say("opt.count"))] = 5, as_json: Json = False
) -> None:
    """What each uplink would send, in its own form; works before the agent has ever run."""
    with reported(as_json):
        settings = load_agent(config)
        shown = preview(settings, resource_bytes(resource_of(settings.identity, AgentKeys(settings.data / "keys"))), count)
        if as_json:
            print_json({"uplinks": shown})
            return
        for one in shown:
            out.print(f"{one['name']} ({one['kind']}) → {one['to']}", style="bold", markup=False)
            out.print_json(json.dumps(one["sends"], ensure_ascii=False))
        if not shown:
            out.print(say("no-uplink"))
        elif not newest(settings, 1):
            out.print(say("no-records"))


def doctor_command(config: Config, as_json: Json = False) -> None:
    with reported(as_json):
        checks = examine(load_agent(config))
        if as_json:
            print_json({"checks": [vars(check) for check in checks]})
        else:
            for check in checks:
                word, colour = ("fine", "green") if check.fine else ("wrong", "red")
                out.print(f"{say(word)}: {_named(check.what)}: {check.found}", style=colour, markup=False)
                if not check.fine:
                    out.print(f"  {say('do')}: {check.fix_ko if language() == 'ko' else check.fix}", markup=False)
        raise typer.Exit(0 if all(check.fine for check in checks) else NOT_WELL)


def _named(what: str) -> str:
    return say(what) if what in TEXTS else what


def install_command(config: Config) -> None:
    with reported():
        load_agent(config)
        for line in service.install(config.resolve()):
            out.print(line, markup=False)


def uninstall_command() -> None:
    with reported():
        for line in service.uninstall():
            out.print(line, markup=False)


def replay_command(config: Config, uplink: Annotated[str, typer.Option("--uplink", help=say("opt.uplink"))]) -> None:
    """Sends each dead letter of an uplink again, one by one; what is taken leaves the store."""
    with reported():
        settings = load_agent(config)
        chosen = next((one for one in settings.uplink if one.name == uplink and isinstance(one, OtlpHttpSettings)), None)
        if not isinstance(chosen, OtlpHttpSettings):
            raise PlantError(602, where="--uplink", found=f'"{uplink}"', expected=", ".join(one.name for one in settings.uplink))
        letters = DeadLetters(settings.data / "uplinks" / uplink / "deadletter")
        resource = resource_bytes(resource_of(settings.identity, AgentKeys(settings.data / "keys")))
        connection = Connection(endpoint_of(chosen), chosen.timeout)
        headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"}
        for stream, entry in list(letters.letters()):
            try:
                answer = judge(connection.request("POST", "/v1/logs", request_body(resource, [entry.body], agent_version()), headers))
            except TransportError as error:
                raise PlantError(807, where=chosen.url, found=str(error)) from error
            out.print(f"{stream}:{entry.seq} {answer.verdict.value} {answer.reason}", markup=False)
            if answer.verdict is Verdict.ACCEPTED:
                letters.remove(stream, entry.seq)
        connection.close()
        left = letters.count()
        if left:
            err.print(f"{say('dead-letters')}: {left}")
            raise typer.Exit(BROKEN)
