"""The commands ``lnx agent`` and ``lnx receiver``. One module per group of commands."""

from __future__ import annotations

from collections.abc import Callable

import typer

from lnx_agent.cli import evidence, receiving, running, transfer
from lnx_agent.cli.messages import say

app = typer.Typer(help=say("agent"), no_args_is_help=True, pretty_exceptions_enable=False)
_AGENT: dict[str, Callable[..., None]] = {
    "init": running.init_command,
    "run": running.run_command,
    "status": running.status_command,
    "verify": evidence.verify_command,
    "certificate": evidence.certificate_command,
    "usage": evidence.usage_command,
    "export": transfer.export_command,
    "import": transfer.import_command,
    "preview": running.preview_command,
    "doctor": running.doctor_command,
    "replay": running.replay_command,
    "rotate-key": evidence.rotate_key_command,
    "install": running.install_command,
    "uninstall": running.uninstall_command,
}
for _name, _command in _AGENT.items():
    app.command(_name, help=say(_name))(_command)

receiver = typer.Typer(help=say("receiver"), no_args_is_help=True, pretty_exceptions_enable=False)
_RECEIVER: dict[str, Callable[..., None]] = {
    "run": receiving.run_command,
    "query": receiving.query_command,
    "import": receiving.import_command,
    "token": receiving.token_command,
}
for _name, _command in _RECEIVER.items():
    receiver.command(_name, help=say(f"receiver.{_name}"))(_command)
