"""The command ``lnx``. One module per command; other packages add theirs through the entry-point group ``lnx.commands``."""

from __future__ import annotations

import sys

import typer

from lnx.cli import about, bench, doctor, handover, inspect, keys, pack, replay, run, selftest, threshold, verify_file
from lnx.cli.messages import say
from lnx.cli.output import use_utf8
from lnx.cli.plugins import add_commands

app = typer.Typer(help=say("app"), no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(keys.app, name="keys", help=say("keys"))
app.command("pack", help=say("pack"))(pack.pack_command)
app.command("inspect", help=say("inspect"))(inspect.inspect_command)
app.command("verify-file", help=say("verify-file"))(verify_file.verify_command)
app.command("run", help=say("run"))(run.run_command)
app.command("replay", help=say("replay"))(replay.replay_command)
app.command("bench", help=say("bench"))(bench.bench_command)
app.command("selftest", help=say("selftest"))(selftest.selftest_command)
app.add_typer(threshold.app, name="threshold", help=say("threshold"))
app.add_typer(handover.app, name="handover", help=say("handover"))
app.command("about", help=say("about"))(about.about_command)
app.command("doctor", help=say("doctor"))(doctor.doctor_command)


def main() -> None:
    """Entry point of the console script."""
    use_utf8()
    add_commands(app, sys.argv[1:])
    app()
