"""The command ``lnx collect``. One module per group of commands."""

from __future__ import annotations

import typer

from lnx_collector.cli import configure, dataset, modbus, observe, opcua, pairing, running, serial
from lnx_collector.cli.messages import say

app = typer.Typer(help=say("app"), no_args_is_help=True, pretty_exceptions_enable=False)
app.command("init", help=say("init"))(configure.init_command)
app.command("check", help=say("check"))(configure.check_command)
app.command("probe", help=say("probe"))(running.probe_command)
app.command("run", help=say("run"))(running.run_command)
app.command("status", help=say("status"))(observe.status_command)
app.command("tail", help=say("tail"))(observe.tail_command)
app.command("query", help=say("query"))(observe.query_command)
app.command("losses", help=say("losses"))(observe.losses_command)
app.command("scan", help=say("scan"))(modbus.scan_command)
app.command("orders", help=say("orders"))(modbus.orders_command)
app.command("export", help=say("export"))(dataset.export_command)
app.command("browse", help=say("browse"))(opcua.browse_command)
app.command("sniff", help=say("sniff"))(serial.sniff_command)
app.command("pairs", help=say("pairs"))(pairing.pairs_command)
