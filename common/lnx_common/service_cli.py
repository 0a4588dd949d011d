"""The commands `lnx-agent service …` and `lnx-collector service …` on Windows: people and the setup program use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lnx_common import programdata, windows_control
from lnx_common.console import out, print_json, reported
from lnx_common.text import speaker
from lnx_common.windows_service import Service

say = speaker(
    {
        "service": ("Install, start, stop or remove the Windows service.", "Windows 서비스를 설치, 시작, 중지, 제거합니다."),
        "install": ("Register the service, or point it at this program.", "서비스를 등록하거나 이 프로그램으로 바꿉니다."),
        "start": ("Start the service.", "서비스를 시작합니다."),
        "stop": ("Stop the service and wait until it has ended.", "서비스를 중지하고 끝날 때까지 기다립니다."),
        "remove": ("Stop and remove the service; its data stays.", "서비스를 중지하고 제거합니다. 데이터는 남습니다."),
        "status": ("Show how the service is.", "서비스 상태를 보여 줍니다."),
        "layout": ("Make the folders under %ProgramData% with their rights.", "%ProgramData% 폴더와 권한을 만듭니다."),
        "opt.config": ("Settings file (default: %ProgramData%\\LNX\\config).", "설정 파일(기본: %ProgramData%\\LNX\\config)."),
        "opt.account": ("Account that the service runs as (default: LocalService).", "서비스 실행 계정(기본: LocalService)."),
        "opt.no-start": ("Do not start it.", "시작하지 않습니다."),
        "opt.delete": ("Delete the collected data, too. It cannot be had back.", "수집된 데이터도 삭제합니다. 복구할 수 없습니다."),
        "opt.json": ("Print JSON for scripts.", "스크립트용 JSON을 출력합니다."),
        "sample": (
            "not started: the settings are still the sample; edit them, then: service start",
            "시작하지 않았습니다. 설정이 예시 그대로입니다. 수정한 뒤 service start를 실행하십시오",
        ),
        "made": ("folder", "폴더"),
        "deleted": ("deleted", "삭제됨"),
    }
)
Json = Annotated[bool, typer.Option("--json", help=say("opt.json"))]


def service_app(load: Callable[[], Service]) -> typer.Typer:
    """The group `service` for one service; ``load`` gives it when a command runs."""
    app = typer.Typer(help=say("service"), no_args_is_help=True, pretty_exceptions_enable=False)

    @app.command("install", help=say("install"))
    def install_command(
        config: Annotated[Path | None, typer.Option("--config", help=say("opt.config"))] = None,
        account: Annotated[str, typer.Option("--account", help=say("opt.account"))] = "",
        no_start: Annotated[bool, typer.Option("--no-start", help=say("opt.no-start"))] = False,
        as_json: Json = False,
    ) -> None:
        with reported(as_json):
            service = load()
            state, sample = windows_control.install(service, config, account)
            if not no_start and not sample:
                state = windows_control.start(service)
            _show(state, as_json)
            if sample and not no_start and not as_json:
                out.print(f"{say('sample')}\n  {state.config}", markup=False)

    @app.command("start", help=say("start"))
    def start_command(as_json: Json = False) -> None:
        with reported(as_json):
            _show(windows_control.start(load()), as_json)

    @app.command("stop", help=say("stop"))
    def stop_command(as_json: Json = False) -> None:
        with reported(as_json):
            _show(windows_control.stop(load()), as_json)

    @app.command("remove", help=say("remove"))
    def remove_command(
        delete: Annotated[bool, typer.Option("--delete-data", help=say("opt.delete"))] = False, as_json: Json = False
    ) -> None:
        with reported(as_json):
            _show(windows_control.remove(load(), delete=delete), as_json)

    @app.command("status", help=say("status"))
    def status_command(as_json: Json = False) -> None:
        with reported(as_json):
            _show(windows_control.status(load()), as_json)

    @app.command("layout", help=say("layout"))
    def layout_command() -> None:
        with reported():
            for folder in programdata.make_layout():
                out.print(f"{say('made')}: {folder}", markup=False)

    return app


def service_program(load: Callable[[], Service], name: str) -> Callable[[list[str]], None]:
    """A program with the group `service` alone: the verbs load nothing of what the other commands need. Ends the process."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.callback()(lambda: None)
    app.add_typer(service_app(load), name="service")
    return lambda words: app(words, prog_name=name)


def _show(state: windows_control.State, as_json: bool) -> None:
    if as_json:
        print_json(windows_control.described(state))
        return
    out.print(f"{state.name}: {state.state}" + (f" ({state.pid})" if state.pid else ""), markup=False)
    for line in (state.command, state.account, state.config):
        if line:
            out.print(f"  {line}", markup=False)
